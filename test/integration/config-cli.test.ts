import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CertificateDirectory, TestAuthority } from '../helpers/certificates.js';
import { runSluice } from '../helpers/command-io.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-config-cli-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function run(argv: readonly string[], env: NodeJS.ProcessEnv = {}): ReturnType<typeof runSluice> {
  return runSluice(['config', ...argv], { env });
}

/** Nobody to be warned of. */
const LOCAL = ['--server.listen', '127.0.0.1:0', '--edge.listen', '127.0.0.1:0'];

test('check says that all is right', async () => {
  expect(await run(['check', ...LOCAL])).toEqual({
    code: 0,
    out: 'The configuration is right (no file was named).\n',
    err: '',
  });
  const path = join(folder, 'right.yaml');
  writeFileSync(path, 'log: {level: warn}\nserver: {listen: ["[::1]:0"]}\nedge: {listen: ["[::1]:0"]}\n');
  expect(await run(['check'], { SLUICE_CONFIG: path })).toEqual({
    code: 0,
    out: `The configuration is right (${path}).\n`,
    err: '',
  });
});

test.each(['check', 'print'])('%s ends with 78 and a line for each mistake', async (action) => {
  const path = join(folder, 'wrong.yaml');
  writeFileSync(path, 'log: {level: loud}\npool: {maxConections: 3}\n');
  const { code, out, err } = await run([action, '--config', path, '--session.max=0'], {
    SLUICE_ADMIN_ENABLED: 'yes',
  });
  expect(code).toBe(78);
  expect(out).toBe('');
  expect(err.split('\n')).toEqual([
    `log.level = "loud" (${path}:1): expected one of trace, debug, info, warn, error, fatal, silent`,
    `pool.maxConections (${path}:2): there is no such key; did you mean pool.maxConnections?`,
    'admin.enabled = "yes" (SLUICE_ADMIN_ENABLED): expected true or false; write true',
    'session.max = "0" (--session.max): expected an integer from 1 to 10000000',
    '',
  ]);
});

test('print writes a file that checks', async () => {
  const { code, out, err } = await run(['print', '--pool.maxConnections', '7'], {
    SLUICE_LOG_FORMAT: 'pretty',
  });
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toContain('  maxConnections: 7 # --pool.maxConnections\n');
  expect(out).toContain('  format: pretty # SLUICE_LOG_FORMAT\n');
  const path = join(folder, 'printed.yaml');
  writeFileSync(path, out);
  expect((await run(['check', '--config', path])).code).toBe(0);
});

test('usage', async () => {
  const see = '(see: sluice help config)\n';
  expect(await run([])).toEqual({
    code: 64,
    out: '',
    err: `sluice config: ACTION is missing: check, print ${see}`,
  });
  expect(await run(['chek'])).toMatchObject({
    code: 64,
    err: `sluice config: ACTION = "chek": expected one of check, print; did you mean check? ${see}`,
  });
  expect(await run(['--log.level', 'info'])).toMatchObject({
    code: 64,
    err: `sluice config: ACTION is missing: check, print ${see}`,
  });
  for (const argv of [['--help'], ['print', '--help'], ['check', '--nope', '-h']]) {
    expect(await run(argv)).toMatchObject({
      code: 0,
      out: expect.stringContaining('Usage: sluice config') as string,
      err: '',
    });
  }
});

test('check warns of what is allowed but perhaps not meant', async () => {
  const { code, out, err } = await run(['check', '--pool.maxConnections', '7000', ...LOCAL]);
  expect(code).toBe(0);
  expect(out).toContain('The configuration is right');
  expect(err).toMatch(/^warning: pool\.maxConnections = "7000" .*server\.maxSockets.*\n$/);
});

test('check warns of a gateway that lets in everybody, in one line', async () => {
  expect(await run(['check'])).toEqual({
    code: 0,
    out: 'The configuration is right (no file was named).\n',
    err: 'warning: auth.methods = ["anonymous"] (default): anonymous lets in everybody, and other machines can reach server.listen = ["0.0.0.0:50051"] (default) and edge.listen = ["0.0.0.0:8080"] (default); name other methods, or listen on 127.0.0.1\n',
  });
});

test('no secret of an address is printed, and what is printed checks', async () => {
  const secret = 'S3CR3T';
  const file = join(folder, 'addresses.yaml');
  writeFileSync(
    file,
    `auth:\n  methods: [jwt]\n  jwt: {jwksUrl: "http://keys.example/set?key=${secret}"}\n  callout: {url: "https://ask.example/?key=${secret}"}\n`,
  );
  const printed = await run(['print', '--config', file]);
  expect(printed.code).toBe(0);
  expect(printed.out).toContain('http://keys.example/set?[hidden]');
  const again = join(folder, 'addresses-printed.yaml');
  writeFileSync(again, printed.out);
  const checked = await run(['check', '--config', file]);
  expect(checked.err).toContain('auth.jwt.jwksUrl = "http://keys.example/set?[hidden]"');
  expect((await run(['check', '--config', again])).code).toBe(0);
  const refused = await run(['check', `--auth.callout.url=https://ann:${secret}@ask.example/`]);
  expect(refused).toMatchObject({
    code: 78,
    err: expect.stringContaining('no name or password in it') as string,
  });
  const mistyped = await run(['check', `--auth.callout.url=htps://ask.example/?${secret}`]);
  expect(mistyped.code).toBe(78);
  for (const { out, err } of [printed, checked, refused, mistyped]) expect(out + err).not.toContain(secret);
});

test('check looks whether the modules of routes are there', async () => {
  const here = join(folder, 'here.js');
  writeFileSync(here, 'export default 5;');
  const route = {
    kind: 'module',
    path: join(folder, 'gone.js'),
    middleware: [here, join(folder, 'lost.js')],
  };
  const { code, err } = await run(['check', ...LOCAL], { SLUICE_ROUTES: JSON.stringify({ echo: route }) });
  expect(code).toBe(78);
  expect(err).toBe(
    `routes.echo.path = "${folder}/gone.js": there is no such file.\nroutes.echo.middleware = "${folder}/lost.js": there is no such file.\n`,
  );
});

test('check reads the certificates as a start does', async () => {
  const authority = await TestAuthority.create();
  const certificates = new CertificateDirectory();
  try {
    const pair = await authority.issue({ name: 'sluice' });
    const certificateFile = certificates.write('cert.pem', pair.cert);
    const keyFile = certificates.write('key.pem', pair.key);
    const otherKey = certificates.write('other.pem', (await authority.issue({ name: 'other' })).key);
    const check = (key: string): ReturnType<typeof run> =>
      run(['check', '--server.tls.certificateFile', certificateFile, '--server.tls.keyFile', key, ...LOCAL]);
    expect(await check(keyFile)).toMatchObject({ code: 0, err: '' });
    expect(await check(otherKey)).toEqual({
      code: 78,
      out: '',
      err: `server.tls.keyFile: "${otherKey}" is not the key of the certificate in "${certificateFile}".\n`,
    });
    expect(await check(`${otherKey}.none`)).toMatchObject({
      code: 78,
      err: expect.stringContaining('there is no such file') as string,
    });
  } finally {
    certificates.remove();
  }
});

test('check reads the .proto files of proxies, and what upstreams show their backends', async () => {
  const path = join(folder, 'proxied.yaml');
  for (const [name, text] of [
    ['right.proto', 'syntax = "proto3"; package a; service A { rpc Get(M) returns (M); } message M {}'],
    ['wrong.proto', 'syntax = "proto3";\nservice A {\n  rpc Get(M returns (M);\n}\n'],
    ['broken.pem', 'not PEM'],
  ] as const)
    writeFileSync(join(folder, name), text);
  const check = (text: string): ReturnType<typeof run> => {
    writeFileSync(path, text);
    return run(['check', '--config', path, ...LOCAL]);
  };
  const proxy = (options: string): string => `{ addresses: ["10.0.0.5:50061"], ${options} }`;
  expect(await check(`proxies:\n  right: ${proxy('proto: right.proto')}\n`)).toMatchObject({
    code: 0,
    err: '',
  });
  const { code, err } = await check(`upstreams:
  none: { addresses: ["grpcs://10.0.0.5:50061"], caFile: ${folder}/none.pem }
  broken: { addresses: ["grpcs://10.0.0.5:50061"], caFile: ${folder}/broken.pem }
proxies:
  gone: ${proxy('proto: gone.proto')}
  wrong: ${proxy('proto: wrong.proto')}
  other: ${proxy('proto: right.proto, services: [a.B]')}
  one: ${proxy('proto: right.proto')}
  two: ${proxy('proto: right.proto')}
`);
  expect(code).toBe(78);
  expect(err.split('\n')).toEqual([
    `upstreams.none.caFile: "${folder}/none.pem" can't be read: there is no such file.`,
    expect.stringMatching(/^upstreams\.broken: caFile can't be used: it is not PEM/),
    `proxies.gone.proto: "${folder}/gone.proto" can't be read: there is no such file`,
    `proxies.wrong.proto: "${folder}/wrong.proto", line 3: illegal token 'returns', ')' expected`,
    'proxies.other.services names a.B: proto declares a.A.',
    'proxies.two.proto: service a.A is passed on by proxy one already; name under services which of them each passes on.',
    '',
  ]);
});

test('check tells of every file that can not be used, in one line each', async () => {
  const file = join(folder, 'files.yaml');
  const [tokens, secret] = [join(folder, 'tokens.json'), join(folder, 'empty.secret')];
  writeFileSync(tokens, '{"tokens": 1}', { mode: 0o600 });
  writeFileSync(secret, '', { mode: 0o600 });
  const none = (name: string): string => JSON.stringify(join(folder, name));
  writeFileSync(
    file,
    `server:
  listen: "127.0.0.1:0"
  tls: {certificateFile: ${none('no.crt')}, keyFile: ${none('no.key')}}
auth:
  methods: [static, jwt]
  static: {file: ${JSON.stringify(tokens)}}
  jwt: {keyFile: ${none('no.pem')}, issuer: "https://id.example", audience: [sluice]}
  callout: {url: "http://127.0.0.1:1/", secretFile: ${JSON.stringify(secret)}}
  revocation: {file: ${none('no.txt')}}
`,
  );
  const missing = (setting: string, name: string): string =>
    `${setting}: ${none(name)} can't be read: there is no such file.`;
  const { code, out, err } = await run(['check', '--config', file]);
  expect({ code, out }).toEqual({ code: 78, out: '' });
  expect(err.split('\n')).toEqual([
    missing('server.tls.certificateFile', 'no.crt'),
    expect.stringMatching(/^auth\.static\.file: ".*tokens\.json" .*"tokens".*\.$/),
    missing('auth.jwt.keyFile', 'no.pem'),
    missing('auth.revocation.file', 'no.txt'),
    `auth.callout.secretFile: ${JSON.stringify(secret)} is empty.`,
    '',
  ]);
});

test.skipIf(process.platform === 'win32')(
  'check warns of files of secrets that everybody can read',
  async () => {
    const [tokens, secret] = [join(folder, 'open-tokens.json'), join(folder, 'open.secret')];
    writeFileSync(tokens, '{"tokens": []}');
    writeFileSync(secret, 'a-secret');
    const argv = ['check', ...LOCAL, '--auth.methods', 'static', '--auth.static.file', tokens];
    const check = (mode: number): ReturnType<typeof run> => {
      for (const file of [tokens, secret]) chmodSync(file, mode);
      return run([...argv, '--auth.callout.url', 'http://127.0.0.1:1/', '--auth.callout.secretFile', secret]);
    };
    expect(await check(0o600)).toMatchObject({ code: 0, err: '' });
    const warning = (setting: string, file: string): string =>
      `warning: ${setting} = ${JSON.stringify(file)}: a file of secrets can be read by everybody on this machine\n`;
    const both = warning('auth.static.file', tokens) + warning('auth.callout.secretFile', secret);
    expect(await check(0o644)).toEqual({
      code: 0,
      out: 'The configuration is right (no file was named).\n',
      err: both,
    });
    // Beside what is wrong, before it.
    writeFileSync(secret, '');
    expect(await check(0o644)).toEqual({
      code: 78,
      out: '',
      err: `${both}auth.callout.secretFile: ${JSON.stringify(secret)} is empty.\n`,
    });
  },
);

test.each(['config check', 'config print', 'serve', ''])(
  'the process ends with 78 before anything is opened: sluice %s',
  (command) => {
    const main = new URL('../../src/main.ts', import.meta.url).pathname;
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [
        '--import',
        'tsx',
        main,
        ...command.split(' ').filter(Boolean),
        '--session.max=0',
        '--lgo.level',
        'info',
      ],
      {
        env: { PATH: process.env['PATH'], SLUICE_LOG_LEVEL: 'loud' },
        encoding: 'utf8',
        timeout: 50_000,
      },
    );
    expect({ status, stdout, lines: stderr.trimEnd().split('\n') }).toEqual({
      status: 78,
      stdout: '',
      lines: [
        'log.level = "loud" (SLUICE_LOG_LEVEL): expected one of trace, debug, info, warn, error, fatal, silent',
        '--lgo.level: there is no such flag; did you mean --log.level?',
        'session.max = "0" (--session.max): expected an integer from 1 to 10000000',
      ],
    });
  },
);
