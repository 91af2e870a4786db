/** The package, from a tarball, without a registry: test/integration/package.long.test.ts has one. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tryAsNewUser } from '../helpers/new-user.js';
import { PackedPackage } from '../helpers/packed-package.js';

const KIB = 1_024;
/** 31.5 KiB; wanted are 30. */
const MAX_BUNDLE_BYTES = 32 * KIB;

describe('the package', () => {
  let packed: PackedPackage;
  beforeAll(async () => {
    packed = await PackedPackage.make();
  }, 240_000);
  afterAll(async () => {
    await packed[Symbol.asyncDispose]();
  });

  it('holds the program, its types, the protos, the example configurations, and nothing else', () => {
    const expected =
      /^(?:bin\/sluice\.js|dist\/[-\w/]+(?:\.js|\.d\.ts)|proto\/(?:sluice\/v1\/\w+\.proto|descriptors\/[\w.]+\.binpb)|config\/\w+\.yaml|README\.md|CHANGELOG\.md|LICENSE|package\.json)$/;
    const paths = packed.npm.files.map(({ path }) => path);
    expect(paths.filter((path) => !expected.test(path) || path.includes('.test.'))).toEqual([]);
    expect(paths).toEqual(
      expect.arrayContaining([
        'bin/sluice.js',
        'dist/main.js',
        'dist/client/index.d.ts',
        'proto/sluice/v1/stream.proto',
      ]),
    );
    for (const path of paths.filter((each) => /^dist\/.*\.js$/.test(each))) {
      expect(paths).toContain(path.replace(/\.js$/, '.d.ts'));
    }
  });

  it('is small', () => {
    // 870 KiB, 3.1 MiB unpacked, since there are WebSockets, HTTP and a bundle for browsers; who exceeds it should know why.
    expect(packed.npm.size).toBeLessThan(950 * KIB);
    expect(packed.npm.unpackedSize).toBeLessThan(3_500 * KIB);
  });

  it('speaks of no file that it does not have, and of none of the machine that made it', async () => {
    for (const { path } of packed.npm.files) {
      const text = await readFile(join(packed.source, path), 'utf8');
      expect({ path, found: /sourceMappingURL|\/src\/[-\w/]+\.ts\b/.exec(text)?.[0] }).toEqual({ path });
      expect(text).not.toContain(import.meta.dirname.split('/test/')[0]);
    }
  });

  it('has a command that says so where nothing is built yet, as in a fresh checkout', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-unbuilt-'));
    try {
      const command = join(folder, 'bin/sluice.js');
      await cp(join(packed.source, 'bin'), join(folder, 'bin'), { recursive: true });
      await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
      // By itself: it has to be executable, for nobody but git makes it so.
      const ended = promisify(execFile)(command, ['status']);
      await expect(ended).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringContaining('npm run build') as string,
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('has nothing that publint would remark on', async () => {
    const { messages, pkg } = await publint({ pkgDir: packed.source, strict: true, pack: false });
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
  });

  it('works where it is installed', async () => {
    const project = await packed.installOffline();
    await tryAsNewUser(project, ['NodeNext, exactOptionalPropertyTypes']);
  });

  it('has the client for browsers as one small file without Node.js', async () => {
    const bundle = await readFile(join(packed.source, 'dist/client/web-bundle.js'));
    const size = gzipSync(bundle, { level: 9 }).length;
    process.stdout.write(`web-bundle.js: ${bundle.length} bytes, ${size} gzipped\n`);
    expect(size).toBeLessThan(MAX_BUNDLE_BYTES);
    expect(bundle.toString()).not.toMatch(/\b(?:import|require)\s*\(|\bfrom\s*["']|\bimport\s*["']/);
  });

  it('shows a user of the client for browsers no types of Node.js, nor of what is inside', async () => {
    const reached = await typesFrom(join(packed.source, 'dist'), 'client/web.d.ts');
    expect(reached.filter((file) => !file.endsWith('.d.ts'))).toEqual([]);
    expect(
      reached.filter((file) => /^(?:wire\/messages|flow)\b|client-contract|node-streams/.test(file)),
    ).toEqual([]);
  });

  it('shows a user of the client no types of what is inside', async () => {
    const reached = await typesFrom(join(packed.source, 'dist'), 'client/index.d.ts');
    const inside =
      /^(?:wire\/messages|flow|pool|server|session|gateway)\b|client-contract|attached-session|call-host/;
    expect(reached.filter((file) => inside.test(file))).toEqual([]);
    // Packages whose types a user would have to have.
    expect(reached.filter((file) => !file.endsWith('.d.ts') && !file.startsWith('node:'))).toEqual([]);
  });
});

/** Every file whose types can be reached from this one, from the folder on; packages by their names. */
async function typesFrom(folder: string, file: string, seen = new Set<string>()): Promise<readonly string[]> {
  if (seen.has(file)) return [];
  seen.add(file);
  const text = await readFile(join(folder, file), 'utf8');
  for (const [, from = ''] of text.matchAll(/(?:from |import\()['"]([^'"]+)['"]/g)) {
    if (from.startsWith('.')) {
      await typesFrom(folder, join(dirname(file), from.replace(/\.js$/, '.d.ts')), seen);
    } else seen.add(from);
  }
  return [...seen];
}
