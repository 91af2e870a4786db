import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.js';
import { ConfigError } from '../../../src/config/mistake.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-routes-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** The routes of a file in that folder. */
function inFile(routes: string, name = 'gateway.yaml') {
  mkdirSync(join(folder, 'etc'), { recursive: true });
  const path = join(folder, 'etc', name);
  writeFileSync(path, `routes:\n  echo: { kind: echo }\n${routes}`);
  return loadConfig({ argv: ['--config', path] }).config.routes;
}

function mistakesOf(routes: object, argv: readonly string[] = []): string[] {
  const env = { SLUICE_ROUTES: JSON.stringify({ echo: { kind: 'echo' }, ...routes }) };
  try {
    loadConfig({ env, argv });
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes.map(({ key, reason }) => `${key}: ${reason}`);
    throw error;
  }
  return [];
}

describe('a route of kind module', () => {
  test('its path is relative to the file that names it, and so is its middleware', () => {
    const routes = inFile('  mine: { kind: module, path: ./mine.js, middleware: [../a.js, /b.js] }');
    expect(routes['mine']).toMatchObject({
      path: join(folder, 'etc/mine.js'),
      middleware: [join(folder, 'a.js'), '/b.js'],
    });
  });

  test('elsewhere it is relative to the working directory', () => {
    const env = { SLUICE_ROUTES: '{"echo": {"kind": "module", "path": "mine.js"}}' };
    expect(loadConfig({ env }).config.routes['echo']).toMatchObject({ path: resolve('mine.js') });
  });

  test('its options are what YAML takes them for, and never printed', () => {
    const routes = inFile(
      '  mine:\n    kind: module\n    path: m.js\n    options: { n: 5, zip: "01234", text: x, on: true, list: [1, a], deep: { pi: 3.14 } }',
    );
    expect(routes['mine']).toMatchObject({
      options: { n: 5, zip: '01234', text: 'x', on: true, list: [1, 'a'], deep: { pi: 3.14 } },
    });
  });

  test('its options are printed without their values, as what can be read again', () => {
    const routes = {
      mine: { kind: 'module', path: 'm.js', options: { key: 'S3CR3T', deep: { a: 'S3CR3T' } } },
    };
    const { config, settings } = loadConfig({
      env: { SLUICE_ROUTES: JSON.stringify({ echo: { kind: 'echo' }, ...routes }) },
    });
    const format = settings.find(({ key }) => key === 'routes')?.setting.format;
    const printed = JSON.stringify(format?.print(config.routes, true));
    expect(printed).toContain('"options":{"key":"[hidden]","deep":"[hidden]"}');
    expect(printed).not.toContain('S3CR3T');
    expect(loadConfig({ env: { SLUICE_ROUTES: printed } }).config.routes['mine']).toBeDefined();
    expect(mistakesOf({ mine: { ...routes.mine, options: 'S3CR3T' } })).toEqual([
      expect.stringMatching(/^routes\.mine\.options: expected a map of your own/),
    ]);
  });

  test('needs its path', () => {
    expect(mistakesOf({ mine: { kind: 'module' } })).toEqual([
      'routes.mine.path: a route of kind module needs its path: the ES module with its code',
    ]);
  });

  test('options without a value are a mistake', () => {
    expect(() => inFile('  mine: { kind: module, path: m.js, options: { a: } }')).toThrow(
      'leave out what has no value',
    );
  });

  test('may restrict the choice of clients where the module says what is the default', () => {
    expect(mistakesOf({ mine: { kind: 'module', path: 'm.js', allowedOverflow: ['conflate'] } })).toEqual([]);
  });
});

describe('a dead letter', () => {
  const to = (deadLetter: string) => ({ kind: 'echo', deadLetter });

  test('is a route that there is', () => {
    expect(mistakesOf({ a: to('echo'), b: to('echo/any thing') })).toEqual([]);
    expect(mistakesOf({ a: to('ecko') })).toEqual([
      'routes.a.deadLetter: expected one of routes: echo, a; did you mean echo?',
    ]);
    expect(mistakesOf({ a: to('not a route') })[0]).toContain('expected a route, or route/subject');
  });

  test('never goes round, and each of a circle is told', () => {
    expect(mistakesOf({ a: to('a') })).toEqual([
      'routes.a.deadLetter: a message that fails everywhere would go round for ever: a → a',
    ]);
    expect(mistakesOf({ a: to('b'), b: to('c/x'), c: to('a'), d: to('a') })).toEqual([
      'routes.a.deadLetter: a message that fails everywhere would go round for ever: a → b → c → a',
      'routes.b.deadLetter: a message that fails everywhere would go round for ever: b → c → a → b',
      'routes.c.deadLetter: a message that fails everywhere would go round for ever: c → a → b → c',
    ]);
  });
});

test('a first wait longer than any', () => {
  expect(mistakesOf({ a: { kind: 'echo', retries: 1, retryBackoff: '10s' } })).toEqual([
    'routes.a.retryBackoff: expected at most its retryMaxBackoff, 5000ms',
  ]);
  expect(mistakesOf({ a: { kind: 'echo', retryBackoff: '10s' } })).toEqual([]);
});

test('a size that nothing reaches', () => {
  const routes = { a: { kind: 'echo', maxMessageSize: '8MiB' } };
  expect(mistakesOf(routes)).toEqual([]);
  expect(mistakesOf(routes, ['--server.maxMessageSize', '6MiB'])[0]).toContain(
    'routes.a.maxMessageSize: nothing larger comes than server.maxMessageSize = "6MiB"',
  );
});
