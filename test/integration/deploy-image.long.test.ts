/** The gateway's image without a container: the stages of deploy/Dockerfile that make it, in folders, with what they copy and nothing else. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runProcess } from '../helpers/run-process.js';

const LIMIT_MS = 4 * 60_000;
const stages = new Map(
  (await readFile('deploy/Dockerfile', 'utf8'))
    .split(/^FROM /m)
    .map((stage) => [/^\S+ AS (\S+)\n/.exec(stage)?.[1] ?? '', stage] as const),
);

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-image-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** What a stage copies out of the repository. */
async function copyInto(target: string, stage: string): Promise<void> {
  for (const [, files = ''] of (stages.get(stage) ?? '').matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
    for (const file of files.split(' ')) {
      await mkdir(dirname(join(target, file)), { recursive: true });
      await cp(file, join(target, file), { recursive: true });
    }
  }
}

/** What is left in node_modules without the packages of development. */
async function runTimePackages(): Promise<readonly string[]> {
  const { packages } = JSON.parse(await readFile('package-lock.json', 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
  };
  return Object.keys(packages).filter(
    (path) =>
      /^node_modules\/(?:@[^/]+\/)?[^/]+$/.test(path) && packages[path]?.dev !== true && existsSync(path),
  );
}

it('is built from what its stages copy, and runs', async () => {
  const modules = join(process.cwd(), 'node_modules');
  const build = join(folder, 'build');
  await mkdir(build);
  for (const stage of ['packages', 'build']) await copyInto(build, stage);
  await symlink(modules, join(build, 'node_modules'));
  const [, command = ''] = /^RUN (.+)$/m.exec(stages.get('build') ?? '') ?? [];
  const built = await runProcess('sh', ['-c', command], { cwd: build, timeoutMs: LIMIT_MS });
  expect(built, built.stderr).toMatchObject({ exitCode: 0 });

  const app = join(folder, 'app');
  await mkdir(app);
  await copyInto(app, 'gateway');
  await cp('package.json', join(app, 'package.json'));
  await cp(join(build, 'dist'), join(app, 'dist'), { recursive: true });
  for (const path of await runTimePackages()) {
    await mkdir(dirname(join(app, path)), { recursive: true });
    await symlink(resolve(path), join(app, path));
  }
  const listen = ['server', 'edge', 'admin'].flatMap((door) => [`--${door}.listen`, '127.0.0.1:0']);
  const gateway = spawn(process.execPath, ['bin/sluice.js', 'serve', ...listen], {
    cwd: app,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(gateway, 'close');
  let log = '';
  gateway.stdout.setEncoding('utf8').on('data', (text: string) => {
    log += text;
    if (log.includes('gateway ready')) gateway.kill('SIGTERM');
  });
  expect(await ended, log).toEqual([0, null]);
  expect(log).toContain('gateway ready');
});
