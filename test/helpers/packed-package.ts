/** The package as `npm pack` makes it, from a build of its own, and projects that have it. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { runProcess, type RunResult } from './run-process.js';

const root = resolve(import.meta.dirname, '../..');
const tsc = join(root, 'node_modules/typescript/bin/tsc');
const run = promisify(execFile);
const LIMIT_MS = 60_000;
/** An installation from the registry, with everything that the package needs. */
const INSTALL_LIMIT_MS = 4 * 60_000;

interface Manifest {
  readonly version: string;
  readonly files: readonly string[];
  readonly dependencies: Readonly<Record<string, string>>;
}

export const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Manifest;

/** What npm prints of a package it has made. */
interface NpmPack {
  readonly filename: string;
  /** Of the tarball, and of what is in it, in bytes. */
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string; readonly size: number; readonly mode: number }[];
}

export class PackedPackage implements AsyncDisposable {
  readonly #folder: string;
  /** The package's folder, as it was packed. */
  readonly source: string;
  readonly tarball: string;
  readonly npm: NpmPack;

  private constructor(folder: string, source: string, npm: NpmPack) {
    this.#folder = folder;
    this.source = source;
    this.npm = npm;
    this.tarball = join(folder, npm.filename);
  }

  /** Builds into a folder of its own: nothing that an older build has left is in it. */
  static async make(): Promise<PackedPackage> {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-package-'));
    const source = join(folder, 'source');
    await mkdir(source);
    const given = manifest.files.filter((file) => !file.startsWith('!') && file !== 'dist');
    for (const file of ['package.json', 'README.md', 'LICENSE', ...given]) {
      await cp(join(root, file), join(source, file), { recursive: true });
    }
    const options = ['-p', join(root, 'tsconfig.build.json'), '--outDir', join(source, 'dist')];
    // Types are checked elsewhere: `npm run check`, and by the compiler of the project that has the package.
    await run(process.execPath, [
      tsc,
      ...options,
      '--incremental',
      'false',
      '--tsBuildInfoFile',
      'null',
      '--noCheck',
    ]);
    const bundle = [join(root, 'esbuild.config.ts'), join(source, 'dist')];
    await run(process.execPath, ['--import', 'tsx', ...bundle], { cwd: root });
    const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
    const { stdout } = await run('npm', pack, { cwd: source, timeout: LIMIT_MS });
    const [npm] = JSON.parse(stdout) as [NpmPack];
    return new PackedPackage(folder, source, npm);
  }

  /**
   * An empty project outside of this repository that has the package and, as
   * links to what is installed here, what it says it depends on. No network.
   */
  async installOffline(): Promise<Project> {
    const project = await this.#project('offline');
    const modules = join(project.folder, 'node_modules');
    await mkdir(join(modules, '.bin'), { recursive: true });
    await run('tar', ['-xzf', this.tarball, '-C', modules]);
    await run('mv', [join(modules, 'package'), join(modules, 'sluice')]);
    await symlink('../sluice/bin/sluice.js', join(modules, '.bin/sluice'));
    // Types of Node.js come along with protobufjs, which grpc-js depends on.
    for (const name of [...Object.keys(manifest.dependencies), '@types/node']) {
      await mkdir(dirname(join(modules, name)), { recursive: true });
      await symlink(join(root, 'node_modules', name), join(modules, name));
    }
    return project;
  }

  /** As a new user gets it: `npm install` of the tarball, into an empty project. */
  async install(): Promise<Project> {
    const project = await this.#project('installed');
    await run('npm', ['install', '--no-audit', '--no-fund', this.tarball], {
      cwd: project.folder,
      timeout: INSTALL_LIMIT_MS,
    });
    return project;
  }

  async #project(name: string): Promise<Project> {
    const folder = join(this.#folder, name);
    await mkdir(folder);
    const project = new Project(folder);
    await project.write('package.json', JSON.stringify({ name: 'app', private: true, type: 'module' }));
    return project;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true });
  }
}

export class Project {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  get sluice(): string {
    return join(this.folder, 'node_modules/.bin/sluice');
  }

  async write(name: string, content: string): Promise<void> {
    await writeFile(join(this.folder, name), content);
  }

  run(command: string, ...args: readonly string[]): Promise<RunResult> {
    return runProcess(command, args, { cwd: this.folder, timeoutMs: LIMIT_MS });
  }

  node(...args: readonly string[]): Promise<RunResult> {
    return this.run(process.execPath, ...args);
  }

  /** Compiles `files` to build/ with what is strict in TypeScript, over `options`; what the compiler has to say. */
  async compile(files: readonly string[], options: Readonly<Record<string, unknown>>): Promise<string> {
    const compilerOptions = {
      ...{ target: 'ES2022', lib: ['ES2022', 'ESNext.Disposable'], types: ['node'], outDir: 'build' },
      ...{ strict: true, noUncheckedIndexedAccess: true, verbatimModuleSyntax: true, skipLibCheck: false },
      ...options,
    };
    await this.write('tsconfig.json', JSON.stringify({ compilerOptions, files }));
    const result = await this.node(tsc, '-p', 'tsconfig.json');
    return result.stdout + result.stderr;
  }
}
