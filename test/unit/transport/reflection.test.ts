import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { runProcess } from '../../helpers/run-process.js';

const root = resolve(import.meta.dirname, '../../..');

/**
 * To renew one: `npx buf build SOURCE --exclude-source-info -o proto/descriptors/NAME.binpb`, with the paths below.
 * session.proto is left out: what backends serve is not served here, and reflection lists what is.
 */
it.each([
  ['sluice.v1', 'proto', ['proto/sluice/v1/stream.proto']],
  ['grpc.health.v1', 'node_modules/grpc-health-check/proto', []],
])('proto/descriptors/%s.binpb is what buf makes of %s', async (name, source, paths) => {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-descriptors-'));
  try {
    const fresh = join(directory, 'fresh.binpb');
    const buf = join(root, 'node_modules/.bin/buf');
    const only = paths.flatMap((path) => ['--path', join(root, path)]);
    const args = ['build', join(root, source), ...only, '--exclude-source-info', '-o', fresh];
    expect(await runProcess(buf, args, { timeoutMs: 15_000 })).toMatchObject({ exitCode: 0 });
    const kept = await readFile(join(root, `proto/descriptors/${name}.binpb`));
    expect(
      kept.equals(await readFile(fresh)),
      `stale: npx buf build ${[source, ...paths.map((path) => `--path ${path}`)].join(' ')} --exclude-source-info -o proto/descriptors/${name}.binpb`,
    ).toBe(true);
  } finally {
    await rm(directory, { recursive: true });
  }
});
