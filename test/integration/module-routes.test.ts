/** Routes of kind module, as their writers have them: files beside a configuration. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../src/client/index.js';
import { GatewayProcess } from '../helpers/gateway-process.js';
import { runProcess } from '../helpers/run-process.js';

/** Below the repository, where imports of its source resolve. */
let folder = '';
beforeAll(() => {
  mkdirSync('.cache', { recursive: true });
  folder = resolve(mkdtempSync(join('.cache', 'module-routes-')));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const SLUICE = `from '../../src/index.js'`;

const COUNT = `
import { defineRoute, SluiceError } ${SLUICE};

export default defineRoute({
  open: ({ context }) => ({ n: context.options.from }),
  async *message({ text }, session, state) {
    if (text === 'fail') throw new SluiceError('PERMISSION_DENIED', 'no');
    if (text === 'throw') throw new Error('secret');
    for (const word of text.split(' ')) yield \`\${session.routeName} \${state.n++} \${word}\`;
  },
});
`;

const SHOUT = `
import { defineMiddleware } ${SLUICE};
export default defineMiddleware({ message: ({ text }, session, next) => next({ data: text.toUpperCase() }) });
`;

describe('a gateway with a module route', () => {
  it('serves it under each name with its options, and goes on when it throws', async () => {
    file('count.ts', COUNT);
    file('shout.js', SHOUT);
    const config = file(
      'gateway.yaml',
      `
defaultRoute: count
routes:
  count: { kind: module, path: ./count.ts, options: { from: 5 } }
  loud: { kind: module, path: ./count.ts, options: { from: 0 }, middleware: [./shout.js] }
  bare: { kind: module, path: ./bare.js }
server: { listen: ['127.0.0.1:0'] }
admin: { listen: '127.0.0.1:0' }
edge: { enabled: false }
`,
    );
    file('bare.js', 'export default { message: ({ text }) => text };');
    const gateway = await GatewayProcess.ready([], { config });
    try {
      await using client = connect(gateway.address);
      for (const [route, answers] of [
        ['', ['count 5 a', 'count 6 b']],
        ['loud', ['loud 0 A', 'loud 1 B']],
        ['bare', ['a b']],
      ] as const) {
        const failures: string[] = [];
        await using session = await client.open(route, {
          onFailure: ({ code, message }) => failures.push(`${code} ${message}`),
        });
        if (route === '') {
          await expect(session.sendAndWait('fail')).rejects.toMatchObject({
            code: 'PERMISSION_DENIED',
            message: 'no',
          });
          await expect(session.sendAndWait('throw')).rejects.toMatchObject({
            code: 'ROUTE_FAILED',
            message: expect.not.stringContaining('secret') as string,
          });
        }
        await session.send('a b');
        for (const answer of answers) expect((await session.receive())?.text).toBe(answer);
      }
    } finally {
      gateway.signal('SIGTERM');
    }
    expect(await gateway.exit).toEqual({ code: 0, signal: null });
  });

  it('does not start with one that is wrong: one line, exit code 1', async () => {
    const path = file('syntax.js', 'export default {\n  message: = 5,\n};\n');
    const routes = JSON.stringify({ echo: { kind: 'echo' }, mine: { kind: 'module', path } });
    await using gateway = new GatewayProcess(['--routes', routes]);
    expect(await gateway.exit).toEqual({ code: 1, signal: null });
    expect(gateway.stderr).toMatch(
      /^routes\.mine\.path = ".*\/syntax\.js": SyntaxError: Unexpected token '=' \(.*syntax\.js:2:12\)\.\n$/,
    );
    expect(gateway.log.map(({ msg }) => msg)).not.toContain('gateway ready');
  });
});

it('says of each kind of bad module what is wrong with it', async () => {
  const cases: readonly (readonly [content: string | undefined, says: string])[] = [
    ['export default { message: () => 1 };', 'right'],
    [`import { defineRoute } ${SLUICE};\nexport default defineRoute({ message: () => undefined });`, 'right'],
    [undefined, 'there is no such file.'],
    ['const a = 1;\nconst b = ;\n', "SyntaxError: Unexpected token ';' (FILE:2:11)."],
    ["import './none.mjs';", "cannot find module '.../none.mjs' imported from FILE."],
    ["import 'no-such-package';", "cannot find package 'no-such-package' imported from FILE."],
    [
      "import { nothing } from 'node:fs';",
      "SyntaxError: The requested module 'node:fs' does not provide an export named 'nothing' (FILE:1).",
    ],
    [
      'const a = 1;\n\nthrow new Error("no\\nluck");',
      'it failed while it was loaded: Error: no luck (FILE:3:7).',
    ],
    ['throw undefined;', 'it failed while it was loaded: Error: undefined'],
    ['await new Promise(() => undefined);', 'it has not finished loading after 500 ms.'],
    ['export const route = 1;', 'there is no default export: it exports route.'],
    ['', 'there is no default export: it exports nothing.'],
    [
      'export default 5;',
      'its default export is no route: it is the number 5, not what defineRoute returns.',
    ],
    [
      'export default { get message() { throw new Error("not yet"); } };',
      'its default export can not be read: not yet.',
    ],
    ['export default { open() {} };', 'its default export is no route: message is missing, not a function.'],
    [
      'export default { message() {}, close: 1 };',
      'its default export is no route: close is the number 1, not a function.',
    ],
    [
      `import { defineRoute } ${SLUICE};\nexport default defineRoute({});`,
      'it failed while it was loaded: TypeError: defineRoute: message is missing, not a function',
    ],
    [
      'export default { message() {}, start() { throw new Error("no database"); } };',
      'its start failed: no database.',
    ],
    [
      'export default { message() {}, start: () => new Promise(() => {}) };',
      'its start has not finished after 500 ms.',
    ],
  ];
  const paths = cases.map(([content], n) =>
    content === undefined
      ? join(folder, 'missing.mjs')
      : file(`${content.includes('new Promise') ? 'never' : 'case'}-${n}.mjs`, content),
  );
  const { stdout, stderr } = await runProcess(
    process.execPath,
    ['--import', 'tsx', 'test/helpers/fixtures/load-modules.ts', ...paths, folder],
    { timeoutMs: 60_000 },
  );
  expect(stderr).toBe('');
  const said = stdout.trimEnd().split('\n');
  expect(said.at(-1)).toBe(`routes.mine.path = "${folder}": it is not a file.`);
  for (const [n, [, says]] of cases.entries()) {
    const path = paths[n] ?? '';
    const line = (said[n] ?? '')
      .replace(`routes.mine.path = "${path}": `, '')
      .replaceAll(path, 'FILE')
      .replace(`'${folder}/`, "'.../");
    const shown = line.replaceAll(path.slice(process.cwd().length + 1), 'FILE');
    expect(shown.slice(0, says.length), `case ${n}: ${said[n] ?? ''}`).toBe(says);
    if (says !== 'right') expect(said[n]).toContain(`routes.mine.path = "${path}"`);
  }
});
