import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { duration } from '../../../src/config/formats/duration.js';
import { text } from '../../../src/config/formats/text.js';
import { loadConfig, type LoadOptions, loadSettings } from '../../../src/config/load.js';
import { ConfigError, showMistake, showSource } from '../../../src/config/mistake.js';
import { printConfig } from '../../../src/config/print.js';
import { schema } from '../../../src/config/schema.js';
import { section, setting, settingsOf } from '../../../src/config/setting.js';
import { COMMAND_VARIABLES } from '../../../src/config/sources/environment.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-config-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

let files = 0;
function file(content: string | Buffer, extension = 'yaml'): string {
  files += 1;
  const path = join(folder, `${String(files)}.${extension}`);
  writeFileSync(path, content);
  return path;
}

/** The messages of a load that has to fail, the folder's name taken out. */
function mistakes(options: LoadOptions | string, extension?: string): string[] {
  try {
    loadConfig(typeof options === 'string' ? { argv: ['--config', file(options, extension)] } : options);
  } catch (error) {
    if (error instanceof ConfigError) {
      return error.mistakes.map((mistake) =>
        showMistake(mistake).replaceAll(/[^ (]*\/\d+\.(?=yaml|json|toml)/g, 'file.'),
      );
    }
    throw error;
  }
  return [];
}

describe('sources', () => {
  test('default, file, environment, flag: each over the one before', () => {
    const path = file(
      'pool: {maxConnections: 2, maxConnectionsPerClient: 2}\nlog:\n  level: error\nsession: {max: 9000}\n',
    );
    const env = {
      SLUICE_CONFIG: '/nowhere.yaml',
      SLUICE_POOL_MAX_CONNECTIONS: '3',
      SLUICE_LOG_LEVEL: 'warn',
      HOME: '/',
      SLUICES: 'x',
    };
    const { config, sources } = loadConfig({ argv: ['--log.level', 'debug', `--config=${path}`], env });
    expect(config.pool).toMatchObject({ maxConnections: 3, maxConnectionsPerClient: 2 });
    expect(config.log.level).toBe('debug');
    expect(config.session.max).toBe(9000);
    expect(config.session.maxPerClient).toBe(1024);
    const source = (key: string): string => showSource(sources(key)).replace(path, 'file');
    expect(source('pool.maxConnections')).toBe('SLUICE_POOL_MAX_CONNECTIONS');
    expect(source('pool.maxConnectionsPerClient')).toBe('file:1');
    expect(source('log.level')).toBe('--log.level');
    expect(source('session.max')).toBe('file:4');
    expect(source('session.maxPerClient')).toBe('default');
    expect(() => sources('session.mux')).toThrow(RangeError);
  });

  test('SLUICE_CONFIG names the file where no flag does', () => {
    const path = file('{"pool": {\n\t"maxConnections": 7\n}}', 'json');
    const loaded = loadConfig({ env: { SLUICE_CONFIG: path } });
    expect(loaded.config.pool.maxConnections).toBe(7);
    expect(loaded.file).toBe(path);
    expect(loaded.sources('pool.maxConnections')).toEqual({ kind: 'file', path, line: 2 });
  });

  test("the process's own environment and arguments are not looked at unless given", () => {
    process.env['SLUICE_LOG_LEVEL'] = 'trace';
    try {
      expect(loadConfig().config.log.level).toBe('info');
    } finally {
      delete process.env['SLUICE_LOG_LEVEL'];
    }
  });

  test('what Kubernetes sets for a service called sluice is left alone', () => {
    const env = {
      SLUICE_SERVICE_HOST: '10.0.0.1',
      SLUICE_SERVICE_PORT: '50051',
      SLUICE_SERVICE_PORT_GRPC: '50051',
      SLUICE_PORT: 'tcp://10.0.0.1:50051',
      SLUICE_PORT_50051_TCP: 'tcp://10.0.0.1:50051',
      SLUICE_PORT_50051_TCP_ADDR: '10.0.0.1',
      SLUICE_ADMIN_SERVICE_HOST: '10.0.0.2',
      SLUICE_ADMIN_PORT: 'tcp://10.0.0.2:9464',
    };
    expect(mistakes({ env })).toEqual([]);
    expect(mistakes({ env: { SLUICE_ADMIN_PORT: '9464' } })).toHaveLength(1);
  });

  test('what the other commands read is left alone', () => {
    const env = Object.fromEntries(COMMAND_VARIABLES.map((name) => [name, 'x']));
    expect(env).toHaveProperty('SLUICE_ADDRESS');
    expect(mistakes({ env })).toEqual([]);
    expect(mistakes({ env: { SLUICE_ADDRES: 'x' } })).toHaveLength(1);
  });

  test('lists and maps on one line', () => {
    const { config } = loadConfig({
      argv: ['--server.listen', '[::1]:1', '--admin.listen=[::1]:2'],
      env: { SLUICE_ROUTES: '{"echo": {"kind": "echo"}, "bad": {"kind": "conformance"}}' },
    });
    expect(config.server.listen).toEqual(['[::1]:1']);
    expect(config.admin.listen).toBe('[::1]:2');
    expect(config.routes).toMatchObject({
      echo: { kind: 'echo', overflow: 'block', allowedOverflow: [] },
      bad: { kind: 'conformance', overflow: 'block', allowedOverflow: [], payload: 'pieces' },
    });
  });

  test('routes replace the default as a whole', () => {
    const path = file('defaultRoute: a\nroutes: {a: {kind: conformance}}');
    expect(loadConfig({ argv: ['--config', path] }).config.routes).toEqual({
      a: expect.objectContaining({ kind: 'conformance' }) as object,
    });
  });

  test('an empty file and empty sections change nothing', () => {
    for (const content of ['', '# nothing\n', 'server:\nlog: {}\n']) {
      expect(loadConfig({ argv: ['--config', file(content)] }).config).toEqual(loadConfig().config);
    }
  });

  test('no two keys share a name, and none is reserved', () => {
    const settings = settingsOf(schema);
    expect(new Set(settings.map(({ env }) => env)).size).toBe(settings.length);
    expect(settings.map(({ env }) => env)).not.toContain('SLUICE_CONFIG');
    expect(
      settings.map(({ env }) => env).filter((env) => env.includes('SERVICE_') || env.endsWith('_PORT')),
    ).toEqual([]);
    expect(settings.find(({ key }) => key === 'stream.throttle.bytesPerSecond')?.env).toBe(
      'SLUICE_STREAM_THROTTLE_BYTES_PER_SECOND',
    );
  });

  test('the configuration can not be changed', () => {
    const { config } = loadConfig();
    expect(() => {
      (config.pool as { maxConnections: number }).maxConnections = 1;
    }).toThrow(TypeError);
    expect(Object.isFrozen(config.server.listen)).toBe(true);
    expect(Object.isFrozen(config.routes['echo'])).toBe(true);
  });
});

describe('mistakes', () => {
  test('all of them at once, file first and by line, then environment, then flags', () => {
    const path = file(
      'server:\n  maxSockets: 70k\n  listn: [a]\nstream:\n  receiveTimeout: 25\nmaxConnections: 3\n',
    );
    const env = { SLUICE_LOG_LEVEL: 'inf', SLUICE_LOG_LEVL: 'x' };
    expect(
      mistakes({
        argv: ['--config', path, '--log.format=jsn', '--nope', '1', 'stray', '--admin.listen'],
        env,
      }),
    ).toEqual([
      'server.maxSockets = "70k" (file.yaml:2): expected an integer from 1 to 1000000',
      'server.listn (file.yaml:3): there is no such key; did you mean server.listen?',
      'stream.receiveTimeout = "25" (file.yaml:5): expected a duration such as 500ms, 25s, 2m or 1h, from 1ms to 596h, or 0 (off); 25 has no unit',
      'maxConnections (file.yaml:6): there is no such key; did you mean pool.maxConnections?',
      'SLUICE_LOG_LEVL: there is no such variable; did you mean SLUICE_LOG_LEVEL?',
      'log.level = "inf" (SLUICE_LOG_LEVEL): expected one of trace, debug, info, warn, error, fatal, silent; did you mean info?',
      '--nope: there is no such flag',
      'stray: expected flags only, such as --log.level debug',
      '--admin.listen: it needs a value',
      'log.format = "jsn" (--log.format): expected one of auto, json, pretty; did you mean json?',
    ]);
  });

  test('also of values that a later source replaces', () => {
    expect(mistakes({ argv: ['--session.max', '2000'], env: { SLUICE_SESSION_MAX: 'many' } })).toHaveLength(
      1,
    );
  });

  test.each([
    ['log: {level: }', 'log.level = nothing (file.yaml:1): expected one of'],
    ['log: {level: [info]}', 'log.level = ["info"] (file.yaml:1): expected one of'],
    ['log: {level: {a: 1}}', 'log.level = {a: "1"} (file.yaml:1): expected one of'],
    ['log: info', 'log (file.yaml:1): this is a section'],
    ['- log', 'configuration file (file.yaml): expected keys and values'],
    ['a: b: c', 'configuration file (file.yaml:1): this can not be read: '],
    [
      'log:\n  level: info\n  level: warn',
      'configuration file (file.yaml:3): this can not be read: Map keys must be unique',
    ],
    ['log: "x\n', 'configuration file (file.yaml:'],
    ['log: {level: info}\n---\npool: {}\n', 'configuration file (file.yaml:2): this can not be read: '],
    [
      'log: &a {level: info}\npool: *a\n',
      'configuration file (file.yaml:2): this can not be read: aliases (*a)',
    ],
    ['log: {level: !secret info}', 'configuration file (file.yaml:1): this can not be read: '],
    [
      `pool: ${'['.repeat(40)}${']'.repeat(40)}`,
      'configuration file (file.yaml:1): this can not be read: nested too deeply',
    ],
    ['pool: {maxConnections: 0x10}', 'pool.maxConnections = "0x10" (file.yaml:1): expected an integer'],
    ['pool: {maxConnections: 1e3}', 'pool.maxConnections = "1e3" (file.yaml:1): expected an integer'],
    ['pool: {maxConnections: 0}', 'pool.maxConnections = "0" (file.yaml:1): expected an integer'],
    ['server: {reflection: yes}', 'server.reflection = "yes" (file.yaml:1): expected true or false'],
    ['__proto__: {polluted: 1}', '__proto__ (file.yaml:1): there is no such key'],
    ['constructor: {prototype: {polluted: 1}}', 'constructor (file.yaml:1): there is no such key'],
    [
      'server.maxSockets: 5',
      'server.maxSockets (file.yaml:1): keys of a file are nested: write server: {maxSockets: …}',
    ],
    [
      'server:\n  tls.keyFile: a',
      'server.tls.keyFile (file.yaml:2): keys of a file are nested: write tls: {keyFile: …}',
    ],
    [
      'server.tls: {keyFile: a}',
      'server.tls (file.yaml:1): keys of a file are nested: write server: {tls: …}',
    ],
    [
      'server.maxSokets: 5',
      'server.maxSokets (file.yaml:1): there is no such key; did you mean server.maxSockets?',
    ],
    ['serve: {}', 'serve (file.yaml:1): there is no such key; did you mean server?'],
    ['server: {tls: {certFile: a}}', 'server.tls.certFile (file.yaml:1): there is no such key'],
    [
      'routes:\n  echo:\n    kind: echo\n    delay: 3',
      'routes.echo.delay (file.yaml:4): a route of kind echo has no such option',
    ],
    [`node: {id: "${'x'.repeat(200)}"}`, `node.id = "${'x'.repeat(79)}… (file.yaml:1): expected 1 to 128`],
  ])('%j', (content, message) => {
    const found = mistakes(content);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
    expect({}).not.toHaveProperty('polluted');
  });

  test('files that are not there, not text, not JSON, not known', () => {
    expect(mistakes({ argv: ['--config', join(folder, 'none.yaml')] })).toEqual([
      expect.stringContaining('there is no such file'),
    ]);
    expect(mistakes({ env: { SLUICE_CONFIG: `${folder}/` } })).toEqual([
      expect.stringContaining('its name has to end in'),
    ]);
    expect(mistakes('a = 1', 'toml')).toEqual([
      'configuration file (file.toml): its name has to end in .yaml, .yml or .json',
    ]);
    expect(mistakes({ argv: ['--config', file(Buffer.from([0x61, 0xff, 0xfe]))] })).toEqual([
      expect.stringContaining('it is not text in UTF-8'),
    ]);
    expect(mistakes('{\n"log": {\n"level": info}}', 'json')).toEqual([
      expect.stringMatching(/^configuration file \(file\.json(:3)?\): this is not JSON: /),
    ]);
  });

  test('flags twice, without a value, without a name', () => {
    expect(mistakes({ argv: ['--log.level=info', '--log.level', 'warn'] })).toEqual([
      '--log.level: given more than once',
    ]);
    expect(mistakes({ argv: ['--config', 'a.toml', '--config', 'b.toml'] })).toContain(
      '--config: given more than once',
    );
    expect(mistakes({ argv: ['--log.level', '--pool.maxConnections', '5'] })).toEqual([
      '--log.level: it needs a value',
    ]);
    expect(mistakes({ argv: ['--log.level='] })).toEqual([
      expect.stringContaining('log.level = "" (--log.level): expected one of'),
    ]);
    expect(mistakes({ argv: ['-c', 'x.yaml'] })).toEqual([
      '-c: there is no such flag; did you mean --config?',
    ]);
    expect(mistakes({ argv: ['--confg=x.yaml'] })).toEqual([
      '--confg: there is no such flag; did you mean --config?',
    ]);
    expect(mistakes({ argv: ['-v', '--server.maxsockets', '3'] })).toEqual([
      '-v: there is no such flag',
      '--server.maxsockets: there is no such flag; did you mean --server.maxSockets?',
    ]);
  });

  test('unknown names never bring their values, which may be secrets', () => {
    const told = mistakes({ argv: ['--auth.tokn', 'hunter2'], env: { SLUICE_SECRET: 'hunter2' } }).concat(
      mistakes('secret: hunter2'),
    );
    expect(told).toHaveLength(3);
    expect(told.join()).not.toContain('hunter2');
  });
});

describe('keys that contradict each other', () => {
  test.each([
    [
      '--server.tls.certificateFile a',
      ['server.tls.certificateFile = "a" (--server.tls.certificateFile): it needs server.tls.keyFile too'],
    ],
    [
      '--server.tls.keyFile a',
      ['server.tls.keyFile = "a" (--server.tls.keyFile): it needs server.tls.certificateFile too'],
    ],
    [
      '--server.tls.clientCaFile a',
      [expect.stringContaining('without server.tls.certificateFile there is no TLS')],
    ],
    [
      '--server.tls.requireClientCertificate true',
      [expect.stringContaining('it needs server.tls.clientCaFile too')],
    ],
    [
      '--admin.listen 0.0.0.0:50051',
      ['admin.listen = "0.0.0.0:50051" (--admin.listen): server.listen has the same address'],
    ],
    ['--admin.listen 0.0.0.0:50051 --admin.enabled false', []],
    ['--admin.listen 127.0.0.1:0 --server.listen 127.0.0.1:0', []],
    [
      '--edge.listen 0.0.0.0:50051',
      ['edge.listen = ["0.0.0.0:50051"] (--edge.listen): server.listen has the same address'],
    ],
    [
      '--edge.listen 127.0.0.1:9464',
      ['edge.listen = ["127.0.0.1:9464"] (--edge.listen): admin.listen has the same address'],
    ],
    ['--edge.listen 0.0.0.0:50051 --edge.enabled false', []],
    ['--edge.listen 127.0.0.1:9464 --admin.enabled false', []],
    [
      '--defaultRoute ecco',
      ['defaultRoute = "ecco" (--defaultRoute): expected one of routes: echo; did you mean echo?'],
    ],
    ['--routes {"a":{"kind":"echo"}}', ['defaultRoute = "echo" (default): expected one of routes: a']],
    [
      '--stream.heartbeatInterval 25s',
      [
        'stream.receiveTimeout = "25s" (default): expected more than stream.heartbeatInterval = "25s" (--stream.heartbeatInterval), or a client that beats on time is ended',
      ],
    ],
    ['--stream.heartbeatInterval 25s --stream.receiveTimeout 0', []],
    ['--stream.heartbeatInterval 0 --stream.receiveTimeout 1s', []],
    [
      '--server.keepaliveInterval 5s',
      [
        expect.stringContaining(
          'server.keepaliveTimeout = "10s" (default): expected at most server.keepaliveInterval',
        ),
      ],
    ],
    ['--server.keepaliveInterval 0', []],
    ['--pool.maxConnections 5', []],
    [
      '--pool.maxConnections 5 --pool.maxConnectionsPerClient 6',
      [
        expect.stringContaining(
          'pool.maxConnectionsPerClient = "6" (--pool.maxConnectionsPerClient): expected at most pool.maxConnections = "5"',
        ),
      ],
    ],
    [
      '--session.maxPerConnection 9 --session.maxPerClient 8 --session.max 7',
      [expect.stringContaining('session.maxPerConnection'), expect.stringContaining('session.maxPerClient')],
    ],
    [
      '--server.streamWindow 2MiB --server.connectionWindow 512KiB',
      [expect.stringContaining('server.streamWindow')],
    ],
    ['--server.maxSockets 2', []],
    [
      '--server.maxSockets 2 --pool.maxConnections 3000',
      [
        expect.stringContaining(
          'pool.maxConnections = "3000" (--pool.maxConnections): expected at most 2048: server.maxSockets',
        ),
      ],
    ],
  ])('%s', (line, expected) => {
    expect(mistakes({ argv: line.split(' ') })).toEqual(expected);
  });

  test.each([
    [
      'defaultRoute: mine\nroutes: {echo: {kind: ecko}}',
      [/^routes\.echo\.kind/, /^defaultRoute = "mine" .*: expected one of routes: echo$/],
    ],
    ['defaultRoute: mine\nroutes: {mine: {kind: ecko}}', [/^routes\.mine\.kind/]],
    // Names that nobody knows.
    ['defaultRoute: mine\nroutes: echo', [/^routes = "echo"/]],
  ])('the default route is looked for among routes with mistakes too: %j', (content, expected) => {
    expect(mistakes(content)).toEqual(expected.map((line) => expect.stringMatching(line) as string));
  });

  test('a key that is wrong by itself is not also compared', () => {
    expect(
      mistakes({ argv: ['--stream.receiveTimeout', '1', '--stream.heartbeatInterval', '30s'] }),
    ).toHaveLength(1);
  });
});

describe('warnings', () => {
  // On this machine only: what is said of who may come in is tested in auth.test.ts.
  const warned = (line: string): string[] =>
    loadConfig({
      argv: ['--server.listen', '127.0.0.1:0', '--edge.enabled', 'false', ...line.split(' ').filter(Boolean)],
    }).warnings.map(showMistake);

  test.each([
    [
      '--pool.maxConnections 7000',
      /^pool\.maxConnections = "7000" \(--pool\.maxConnections\): more than server\.maxSockets = "6000" \(default\); .*over 6000 are closed unanswered/,
    ],
    [
      '--server.maxSockets 100',
      /^pool\.maxConnections = "5000" \(default\): more than server\.maxSockets = "100"/,
    ],
  ])('%s', (line, expected) => {
    expect(warned(line)).toEqual([expect.stringMatching(expected)]);
  });

  test.each(['', '--pool.maxConnections 6000', '--pool.maxConnections 200 --server.maxSockets 100'])(
    'none: %s',
    (line) => {
      expect(warned(line)).toEqual([]);
    },
  );
});

describe('printing', () => {
  test('loads to the same, and shows each source', () => {
    const path = file(
      'server:\n  listen: ["[::]:1", "unix:/tmp/x y"]\n  tls: {certificateFile: a.pem, keyFile: "k #1.pem"}\n',
    );
    const routes =
      '{"true":{"kind":"echo","allowedOverflow":["block","conflate"]},"echo":{"kind":"conformance","overflow":"conflate"}}';
    const loaded = loadConfig({
      argv: ['--config', path, '--log.level', 'warn'],
      env: { SLUICE_ROUTES: routes },
    });
    const printed = printConfig(loaded);
    expect(loadConfig({ argv: ['--config', file(printed)] }).config).toEqual(loaded.config);
    expect(printed).toContain(`  listen: # ${path}:2\n    - `);
    expect(printed).toContain('  level: warn # --log.level\n');
    expect(printed).toContain('routes: # SLUICE_ROUTES\n');
    expect(printed).toContain('  sendTimeout: 15s # default\n');
    for (const { key } of settingsOf(schema)) expect(printed).toContain(`${key.split('.').at(-1) ?? ''}: `);
  });
});

describe('secrets', () => {
  const secret = {
    vault: section('Test.', {
      password: setting(text(/^\w*$/, 'letters'), '', 'A secret.', { sensitive: true }),
      lease: setting(duration(), '1s', 'No secret.'),
    }),
  };
  test('are masked when printed', () => {
    const loaded = loadSettings(secret, {}, { env: { SLUICE_VAULT_PASSWORD: 'hunter2' } });
    expect(loaded.config.vault).toEqual({ password: 'hunter2', lease: 1000 });
    expect(printConfig(loaded)).toBe(
      'vault:\n  password: "[hidden]" # SLUICE_VAULT_PASSWORD\n  lease: 1s # default\n',
    );
  });
  test('are masked in mistakes, also of the whole', () => {
    const load = (password: string): unknown =>
      loadSettings(
        secret,
        {
          mistakes: (_, { show }) => [
            { keys: ['vault.password'], reason: `not with ${show('vault.password')}` },
          ],
        },
        {
          argv: [`--vault.password=${password}`],
        },
      );
    expect(() => load('hunter 2')).toThrow('vault.password = [hidden] (--vault.password): expected letters');
    expect(() => load('hunter2')).toThrow(
      'vault.password = [hidden] (--vault.password): not with vault.password = [hidden] (--vault.password)',
    );
  });
});
