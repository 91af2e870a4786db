/** The gateway as a process: started, told to stop, told again, and started wrongly. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { credentials } from '@grpc/grpc-js';
import { describe, expect, it, type TestContext } from 'vitest';
import { StartError } from '../../src/core/start-error.js';
import { detailsOf } from '../helpers/call-status.js';
import { CertificateDirectory, TestAuthority } from '../helpers/certificates.js';
import { GatewayProcess } from '../helpers/gateway-process.js';
import { startGateway } from '../helpers/gateway.js';
import { StreamClient } from '../helpers/stream-client.js';
import { loadConfig } from '../../src/config/load.js';
import { Gateway } from '../../src/gateway.js';
import type { Route } from '../../src/session/route.js';
import { RecordingLogger } from '../helpers/recording-logger.js';

const CONFORMANCE = { 'x-route': 'conformance' };

async function occupiedPort(context: TestContext): Promise<number> {
  const other = createServer();
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  context.onTestFinished(async () => {
    other.close();
    await once(other, 'close');
  });
  return (other.address() as AddressInfo).port;
}

describe('the process', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'leaves on %s with clients attached, and exits 0',
    async (signal) => {
      await using gateway = await GatewayProcess.ready(['--server.drainQuiet', '100ms']);
      using idle = new StreamClient(gateway.address);
      using owed = new StreamClient(gateway.address, { metadata: CONFORMANCE });
      using stuck = new StreamClient(gateway.address, { metadata: CONFORMANCE });
      idle.sendData('s', 'hello');
      owed.sendData('s', 'heard');
      owed.sendData('s', 'slow', { metadata: { 'delay-ms': '500' } });
      stuck.sendData('s', 'heard');
      stuck.sendData('s', 'never accepted', { metadata: { never: '' } });
      await Promise.all([idle, owed, stuck].map((client) => client.untilData(1)));
      gateway.signal(signal);
      for (const client of [idle, owed, stuck]) {
        expect(detailsOf(await client.status).reason).toBe('DRAINING');
        expect(client.controls('drain')).toHaveLength(1);
      }
      expect(owed.data).toHaveLength(2);
      expect(await gateway.exit).toEqual({ code: 0, signal: null });
      expect(gateway.stderr).toBe('');
    },
  );

  it('ends at once on a second signal', async () => {
    await using gateway = await GatewayProcess.ready(['--server.drainGrace', '1h']);
    using client = new StreamClient(gateway.address, { metadata: CONFORMANCE });
    client.sendData('s', 'heard');
    client.sendData('s', 'never accepted', { metadata: { never: '' } });
    await client.untilData(1);
    gateway.signal('SIGTERM');
    await client.until(() => client.controls('drain').length === 1);
    // Another one: the same could be the first one's echo.
    gateway.signal('SIGINT');
    expect(await gateway.exit).toEqual({ code: 128 + 2, signal: null });
    expect((await client.status).code).not.toBe(0);
  });

  it('drains when Ctrl-C arrives twice, from the terminal and from npm', async () => {
    await using gateway = await GatewayProcess.ready();
    using client = new StreamClient(gateway.address);
    client.sendData('s', 'hello');
    await client.untilData(1);
    gateway.signal('SIGINT');
    gateway.signal('SIGINT');
    expect(detailsOf(await client.status).reason).toBe('DRAINING');
    expect(await gateway.exit).toEqual({ code: 0, signal: null });
    expect(gateway.log.filter(({ msg }) => msg === 'draining')).toHaveLength(1);
  });

  it('serves on and leaves as told when its log can not be written', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-full-'));
    const address = `unix:${folder}/socket`;
    const full = openSync('/dev/full', 'w');
    const args = ['--config', 'config/test.yaml', '--log.level', 'info', '--server.listen', address];
    const gateway = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts', ...args], {
      stdio: ['ignore', full, 'pipe'],
    });
    try {
      const exit = once(gateway, 'close');
      let stderr = '';
      gateway.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      // Its first line says that it is ready.
      await expect.poll(() => stderr, { timeout: 30_000 }).toContain('given up');
      using client = new StreamClient(address);
      client.sendData('s', 'hello');
      await client.untilData(1);
      expect(client.data[0]?.data.toString()).toBe('hello');
      gateway.kill('SIGTERM');
      expect(detailsOf(await client.status).reason).toBe('DRAINING');
      expect(await exit).toEqual([0, null]);
      expect(stderr).toMatch(/^sluice: log: it can't be written and is given up: .*ENOSPC.*\n$/);
    } finally {
      gateway.kill('SIGKILL');
      closeSync(full);
      rmSync(folder, { recursive: true });
    }
  });

  it('warns in its log of settings that are perhaps not meant', async () => {
    await using gateway = await GatewayProcess.ready(['--server.maxSockets', '100']);
    expect(gateway.log.find(({ msg }) => msg?.includes('server.maxSockets = "100"'))).toMatchObject({
      level: 'warn',
      key: 'pool.maxConnections',
    });
  });

  it('survives a rejected promise that nobody looks at, and its clients notice nothing', async () => {
    const nodeArgs = ['--import', './test/helpers/fixtures/faults-on-signal.mjs'];
    await using gateway = await GatewayProcess.ready([], { nodeArgs });
    using client = new StreamClient(gateway.address);
    client.sendData('s', 'before');
    await client.untilData(1);
    gateway.signal('SIGUSR2');
    const line = await gateway.line('a promise was rejected and nobody looked');
    expect(JSON.stringify(line)).toContain('nobody looks at this');
    client.sendData('s', 'after');
    await client.untilData(2);
    gateway.signal('SIGTERM');
    expect((await gateway.exit).code).toBe(0);
  });

  it('ends with 70 and a line on a fault that nothing caught: its state can not be trusted', async () => {
    const nodeArgs = ['--import', './test/helpers/fixtures/faults-on-signal.mjs'];
    await using gateway = await GatewayProcess.ready([], { nodeArgs });
    gateway.signal('SIGWINCH');
    expect((await gateway.exit).code).toBe(70);
    expect(JSON.stringify(await gateway.line('a fault that nothing caught'))).toContain(
      'nothing catches this',
    );
  });

  it('reads its certificate again on SIGHUP', async (context) => {
    const authority = await TestAuthority.create();
    const folder = new CertificateDirectory();
    context.onTestFinished(() => {
      folder.remove();
    });
    const first = await authority.issue({ name: 'first' });
    const certificateFile = folder.write('cert.pem', first.cert);
    const keyFile = folder.write('key.pem', first.key);
    await using gateway = await GatewayProcess.ready([
      ...['--server.tls.certificateFile', certificateFile, '--server.tls.keyFile', keyFile],
      // Only the signal.
      ...['--server.tls.reloadInterval', '0'],
    ]);
    using client = new StreamClient(gateway.address, {
      credentials: credentials.createSsl(Buffer.from(authority.cert)),
      channel: { 'grpc.ssl_target_name_override': 'localhost' },
    });
    client.sendData('s', 'before');
    await client.untilData(1);
    expect(await shownName(gateway.address, authority.cert)).toBe('first');

    const second = await authority.issue({ name: 'second' });
    folder.write('key.pem', second.key);
    folder.write('cert.pem', second.cert);
    gateway.signal('SIGHUP');
    await expect.poll(() => shownName(gateway.address, authority.cert)).toBe('second');
    // Who is connected stays.
    client.sendData('s', 'after');
    await client.untilData(2);
  });
});

/** The name in the certificate a TLS server shows. */
async function shownName(address: string, ca: string): Promise<string> {
  const [host, port] = address.split(':');
  const socket = connect({
    host: host ?? '',
    port: Number(port),
    ca,
    ALPNProtocols: ['h2'],
    servername: 'localhost',
  });
  await once(socket, 'secureConnect');
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  await once(socket, 'close');
  return String(CN);
}

describe('a start that can not be', () => {
  const cases: readonly (readonly [string, (context: TestContext) => Promise<readonly string[]>, RegExp])[] =
    [
      [
        'an occupied port',
        async (context) => ['--server.listen', `127.0.0.1:${await occupiedPort(context)}`],
        /127\.0\.0\.1:\d+.*server\.listen|server\.listen.*127\.0\.0\.1:\d+/,
      ],
      [
        'an occupied admin port',
        async (context) => ['--admin.listen', `127.0.0.1:${await occupiedPort(context)}`],
        /admin\.listen/,
      ],
      [
        'an unreadable certificate',
        async (context) => {
          const folder = await certificateFolder(context);
          return [
            '--server.tls.certificateFile',
            `${folder}/missing.pem`,
            '--server.tls.keyFile',
            `${folder}/key.pem`,
          ];
        },
        /missing\.pem/,
      ],
      [
        'a certificate that is none',
        async (context) => {
          const folder = await certificateFolder(context);
          return [
            '--server.tls.certificateFile',
            `${folder}/garbage.pem`,
            '--server.tls.keyFile',
            `${folder}/key.pem`,
          ];
        },
        /garbage\.pem/,
      ],
      [
        "a key that is another certificate's",
        async (context) => {
          const folder = await certificateFolder(context);
          return [
            '--server.tls.certificateFile',
            `${folder}/cert.pem`,
            '--server.tls.keyFile',
            `${folder}/other.pem`,
          ];
        },
        /other\.pem/,
      ],
    ];

  it.for(cases)('%s: one clear line, a non-zero exit', async ([, args, line], context) => {
    await using gateway = new GatewayProcess(await args(context));
    expect(await gateway.exit).toEqual({ code: 1, signal: null });
    expect(gateway.stderr).toMatch(line);
    expect(gateway.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(gateway.stderr).not.toMatch(/\bat .*:\d+:\d+/);
    expect(gateway.log.map(({ msg }) => msg)).not.toContain('gateway ready');
  });

  it('leaves nothing open: neither the address that was free nor a timer', async (context) => {
    const port = await occupiedPort(context);
    const free = await freePort();
    for (const settings of [
      { 'server.listen': `127.0.0.1:${free},127.0.0.1:${port}` },
      { 'server.listen': `127.0.0.1:${free}`, 'admin.listen': `127.0.0.1:${port}` },
    ]) {
      await expect(startGateway(settings)).rejects.toBeInstanceOf(StartError);
      // Free again: somebody else can have it.
      const other = createServer().listen(free, '127.0.0.1');
      await once(other, 'listening');
      other.close();
      await once(other, 'close');
    }
  });
});

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** cert.pem with key.pem, other.pem (another key) and garbage.pem. */
async function certificateFolder(context: TestContext): Promise<string> {
  const authority = await TestAuthority.create();
  const folder = new CertificateDirectory();
  context.onTestFinished(() => {
    folder.remove();
  });
  const pair = await authority.issue({ name: 'sluice' });
  folder.write('cert.pem', pair.cert);
  folder.write('key.pem', pair.key);
  folder.write('other.pem', (await authority.issue({ name: 'other' })).key);
  folder.write('garbage.pem', 'not a certificate\n');
  return folder.path;
}

it('a gateway that is destroyed while a route starts starts no further one', async () => {
  const { config } = loadConfig({ argv: ['--config', 'config/test.yaml'] });
  const calls: string[] = [];
  let goOn: () => void = () => undefined;
  const started = new Promise<void>((resolve) => (goOn = resolve));
  const route = (name: string, start: () => Promise<void>): Route => ({
    kind: name,
    open: () => ({ handle: () => undefined }),
    start: () => {
      calls.push(`${name} starts`);
      return start();
    },
    stop: () => void calls.push(`${name} stops`),
  });
  const gateway = new Gateway({
    config,
    logger: new RecordingLogger(),
    routes: { one: route('one', () => started), two: route('two', () => Promise.resolve()) },
  });
  const starting = expect(gateway.start()).rejects.toThrow('destroyed while it started');
  await new Promise((resolve) => setImmediate(resolve));
  await gateway.destroy();
  goOn();
  await starting;
  expect(calls).toEqual(['one starts', 'one stops', 'two stops']);
});
