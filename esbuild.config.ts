/**
 * Makes dist/client/web-bundle.js of what tsc has compiled: the SDK for
 * browsers as one file, for `<script type="module">`. Part of `npm run build`; for another folder than dist/ it is named.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type BuildOptions, type Plugin } from 'esbuild';

const ROOT = import.meta.dirname;

/** Where the SDK looks whether it is in Node.js: in a page it is not, and whatever a page calls so is its own. */
const NOT_IN_A_PAGE = {
  'globalThis.Buffer': 'undefined',
  'globalThis.process': 'undefined',
  'globalThis.setImmediate': 'undefined',
};

/** Without the gateway's catalogue of errors, of which a gateway makes the same error. */
const PLAIN_ERRORS: Plugin = {
  name: 'plain errors',
  setup: (bundler) => {
    bundler.onLoad({ filter: /\bwire\/invalid-message\.js$/ }, () => ({
      contents: 'export const invalidMessage = (sentence) => new Error(sentence);',
    }));
  },
};

/** What of the platform the SDK has in its hands. */
const OF_A_PAGE =
  /^(?:Abort|AddEventListener|CloseEvent|Crypto$|DOMException|Document$|Event|Location$|MessageEvent|Performance$|QueuingStrategy|Readable|TextDecode|TextEncode|URL|Underlying|WebSocket|WindowOrWorker|Writable)/;

const COMMENT = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm;

/** Bundles `client/web.js` of this folder, beside which are its types; returns the text. */
export async function bundleWeb(dist: string): Promise<string> {
  const options: BuildOptions & { write: false } = {
    entryPoints: [join(dist, 'client/web.js')],
    bundle: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    legalComments: 'none',
    charset: 'utf8',
    define: NOT_IN_A_PAGE,
    plugins: [PLAIN_ERRORS],
    write: false,
  };
  const plain = (await build({ ...options, minifySyntax: true })).outputFiles[0]?.text ?? '';
  const mangleProps = innerNames(plain.replace(COMMENT, ''), dist);
  return (await build({ ...options, minify: true, mangleProps })).outputFiles[0]?.text ?? '';
}

/**
 * The names of properties that may be written shorter, for only the bundle itself speaks of them: they are not in the
 * types that its users see, nor in those of the platform, and nowhere written as a text.
 */
function innerNames(code: string, dist: string): RegExp {
  const known = new Set(Object.keys(NOT_IN_A_PAGE).map((name) => name.replace('globalThis.', '')));
  for (const file of typeFiles(join(dist, 'client/web.d.ts'))) addNames(readFileSync(file, 'utf8'), known);
  const libs = dirname(createRequire(import.meta.url).resolve('typescript'));
  for (const name of readdirSync(libs))
    if (/^lib\.es(?:5|20\d\d)\b/.test(name)) addNames(members(readFileSync(join(libs, name), 'utf8')), known);
  const dom = readFileSync(join(libs, 'lib.dom.d.ts'), 'utf8');
  for (const [text, name = ''] of dom.matchAll(/^interface (\w+)[^{]*\{[\s\S]*?^\}/gm))
    if (OF_A_PAGE.test(name)) addNames(members(text), known);
  for (const [, text = ''] of code.matchAll(/["'`]([A-Za-z_$][\w$]*)["'`]/g)) known.add(text);
  const used = new Set([...code.matchAll(/\.([A-Za-z]\w{2,})/g)].map(([, name = '']) => name));
  return new RegExp(`^(?:${[...used].filter((name) => !known.has(name)).join('|')})$`);
}

/** What interfaces declare, each in a line of its own, without what their methods call their parameters. */
function members(text: string): string {
  return [...text.matchAll(/^\s*(?:(?:readonly|get|set|declare|var|function) )*(\w+)\??[(<:]/gm)]
    .map(([, name]) => name)
    .join(' ');
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

function addNames(text: string, names: Set<string>): void {
  for (const [name] of text.replace(COMMENT, '').matchAll(/[A-Za-z_$][\w$]*/g)) names.add(name);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const dist = process.argv[2] ?? join(ROOT, 'dist');
  writeFileSync(join(dist, 'client/web-bundle.js'), await bundleWeb(dist));
  writeFileSync(join(dist, 'client/web-bundle.d.ts'), "export * from './web.js';\n");
}
