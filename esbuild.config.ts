/**
 * Makes dist/client/web-bundle.js of what tsc has compiled: the SDK for
 * browsers as one file, for `<script type="module">`. Part of `npm run build`; for another folder than dist/ it is named.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, buildSync } from 'esbuild';

const ROOT = import.meta.dirname;

/** Of Node.js and its packages, where the SDK looks whether it is there. */
const OF_NODE = ['getBuiltinModule', 'setMaxListeners', 'utf8Slice', 'utf8Write', 'latin1Write'];

const COMMENT = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm;

/** Bundles `client/web.js` of this folder; returns the text. */
function bundleWeb(dist: string): string {
  const options: BuildOptions & { write: false } = {
    entryPoints: [join(dist, 'client/web.js')],
    bundle: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    legalComments: 'none',
    write: false,
  };
  const plain = buildSync(options).outputFiles[0]?.text ?? '';
  const mangleProps = innerNames(plain.replace(COMMENT, ''), dist);
  return buildSync({ ...options, minify: true, mangleProps }).outputFiles[0]?.text ?? '';
}

/**
 * The names of properties that may be written shorter, for only the bundle itself speaks of them: they are not in the
 * types that its users see, nor in those of the platform, and nowhere written as a text.
 */
function innerNames(code: string, dist: string): RegExp {
  const known = new Set(OF_NODE);
  for (const file of typeFiles(join(dist, 'client/web.d.ts'))) addNames(file, known);
  const libs = dirname(createRequire(import.meta.url).resolve('typescript'));
  for (const name of readdirSync(libs)) if (/^lib\.(es|dom)/.test(name)) addNames(join(libs, name), known);
  for (const [, text = ''] of code.matchAll(/["'`]([A-Za-z_$][\w$]*)["'`]/g)) known.add(text);
  const used = new Set([...code.matchAll(/\.([A-Za-z]\w{2,})/g)].map(([, name = '']) => name));
  return new RegExp(`^(?:${[...used].filter((name) => !known.has(name)).join('|')})$`);
}

/** This file of types, and all that it refers to. */
function typeFiles(file: string, seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, from = ''] of readFileSync(file, 'utf8').matchAll(
    /(?:from |import\()['"](\.[^'"]+)\.js['"]/g,
  ))
    typeFiles(join(dirname(file), `${from}.d.ts`), seen);
  return seen;
}

function addNames(file: string, names: Set<string>): void {
  const text = readFileSync(file, 'utf8').replace(COMMENT, '');
  for (const [name] of text.matchAll(/[A-Za-z_$][\w$]*/g)) names.add(name);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const dist = process.argv[2] ?? join(ROOT, 'dist');
  writeFileSync(join(dist, 'client/web-bundle.js'), bundleWeb(dist));
  writeFileSync(join(dist, 'client/web-bundle.d.ts'), "export * from './web.js';\n");
}
