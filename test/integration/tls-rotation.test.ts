import { once } from 'node:events';
import * as tls from 'node:tls';
import * as grpc from '@grpc/grpc-js';
import { describe, expect, it, type TestContext } from 'vitest';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { CertificateDirectory, TestAuthority, type CertificateRequest } from '../helpers/certificates.js';
import { healthClient, startServer } from '../helpers/grpc-server.js';

const INTERVAL_MS = 60_000;

async function setUp(context: TestContext, first: CertificateRequest = { name: 'first' }) {
  const directory = new CertificateDirectory();
  context.onTestFinished(() => {
    directory.remove();
  });
  const authority = await TestAuthority.create();
  const install = async (request: CertificateRequest): Promise<void> => {
    const pair = await authority.issue(request);
    directory.write('server.pem', pair.cert);
    directory.write('server.key', pair.key);
  };
  await install(first);
  const clock = new FakeClock({ wallStartMs: Date.now() });
  const running = await startServer(context, {
    clock,
    // Time moves in leaps here, in which no peer could answer.
    keepaliveIntervalMs: 0,
    tls: {
      certificateFile: `${directory.path}/server.pem`,
      keyFile: `${directory.path}/server.key`,
      reloadIntervalMs: INTERVAL_MS,
    },
  });
  const names = async (): Promise<string> => {
    const socket = tls.connect({
      port: running.port,
      host: '127.0.0.1',
      servername: 'localhost',
      ca: authority.cert,
      ALPNProtocols: ['h2'],
    });
    await once(socket, 'secureConnect');
    const name = String(socket.getPeerCertificate().subject.CN);
    const closed = once(socket, 'close');
    socket.destroy();
    await closed;
    return name;
  };
  const secured = grpc.credentials.createSsl(Buffer.from(authority.cert));
  const client = healthClient(context, `localhost:${String(running.port)}`, secured);
  return { ...running, clock, directory, authority, install, nameShown: names, client };
}

describe('certificate rotation', () => {
  it('shows a new pair to new connections after the interval, and leaves old ones alone', async (context) => {
    const { clock, client, install, nameShown, log, server } = await setUp(context);
    const watch = client.watch();
    watch.on('error', () => {});
    await once(watch, 'data');
    expect(await nameShown()).toBe('first');
    await install({ name: 'second' });
    clock.advance(INTERVAL_MS - 1);
    expect(await nameShown()).toBe('first');
    clock.advance(1);
    expect(await nameShown()).toBe('second');
    expect(log.count('TLS certificate reloaded')).toBe(1);
    clock.advance(10 * INTERVAL_MS);
    expect(log.lines).toHaveLength(1);
    server.setServing(true);
    expect(await once(watch, 'data')).toEqual([{ status: 'SERVING' }]);
  });

  it('reloads when asked', async (context) => {
    const { server, install, nameShown } = await setUp(context);
    expect(server.reloadTls()).toBe(false);
    await install({ name: 'second' });
    expect(server.reloadTls()).toBe(true);
    expect(await nameShown()).toBe('second');
  });

  it('keeps the last good pair through every fault, logs each once, and recovers', async (context) => {
    const { clock, authority, directory, install, nameShown, log } = await setUp(context);
    const other = await authority.issue({ name: 'other' });
    const faults: readonly (readonly [() => void | Promise<void>, string])[] = [
      [() => void directory.write('server.pem', 'garbage'), 'server.tls.certificateFile: "'],
      // The new certificate is there, its key not yet.
      [() => void directory.write('server.pem', other.cert), 'is not the key of the certificate'],
      [() => install({ name: 'late', validFromDays: -3, validForDays: -1 }), 'has expired'],
      [() => install({ name: 'early', validFromDays: 2 }), 'is not valid yet'],
      [
        () => {
          directory.remove();
        },
        'there is no such file',
      ],
    ];
    for (const [breakIt, message] of faults) {
      const before = log.lines.length;
      await breakIt();
      clock.advance(5 * INTERVAL_MS);
      expect(log.lines.slice(before)).toMatchObject([{ level: 'error' }]);
      expect(log.lines.at(-1)?.message).toContain('the last good one stays in use');
      expect(log.lines.at(-1)?.message).toContain(message);
      expect(await nameShown()).toBe('first');
    }
    directory.restore();
    await install({ name: 'recovered' });
    clock.advance(INTERVAL_MS);
    expect(await nameShown()).toBe('recovered');
  });

  it('warns of a certificate that expires soon, or has', async (context) => {
    const soon = await setUp(context, { name: 'soon', validForDays: 3 });
    expect(soon.log.lines).toMatchObject([{ level: 'warn' }]);
    expect(soon.log.count('expires soon')).toBe(1);
    const past = await setUp(context, { name: 'past', validFromDays: -3, validForDays: -1 });
    expect(past.log.count('has expired')).toBe(1);
  });

  it('leaves no timer behind', async (context) => {
    const { clock, server } = await setUp(context);
    expect(clock.pending).toBe(1);
    await server.destroy();
    expect(clock.pending).toBe(0);
  });
});
