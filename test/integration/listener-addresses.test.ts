import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, type TestContext } from 'vitest';
import { StartError } from '../../src/core/start-error.js';
import { GrpcServer } from '../../src/transport/grpc/grpc-server.js';
import { healthClient, serverOptions, startServer } from '../helpers/grpc-server.js';
import { runProcess } from '../helpers/run-process.js';

const hasIpv6 = Object.values(networkInterfaces()).some((entries) =>
  (entries ?? []).some((entry) => entry.address === '::1'),
);

function directory(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'sluice-'));
  context.onTestFinished(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

async function occupy(
  context: TestContext,
  where: { port: number; host: string } | { path: string },
): Promise<Server> {
  const server = createServer();
  server.listen(where);
  await once(server, 'listening');
  context.onTestFinished(async () => {
    server.close();
    await once(server, 'close');
  });
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function failedStart(listen: readonly string[]): Promise<StartError> {
  const server = new GrpcServer(serverOptions({ listen }));
  const error: unknown = await server
    .start(() => {
      throw new Error('no stream was expected');
    })
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(StartError);
  expect(server.addresses).toEqual([]);
  return error as StartError;
}

describe('listening', () => {
  it('serves several addresses at once: IPv4, a name, every interface, a Unix socket', async (context) => {
    const path = join(directory(context), 'gateway.sock');
    const { server } = await startServer(context, {
      listen: ['127.0.0.1:0', 'localhost:0', ':0', `unix:${path}`],
    });
    expect(server.addresses.map((address) => address.kind)).toEqual(['tcp', 'tcp', 'tcp', 'unix']);
    for (const address of server.addresses) {
      const target = address.kind === 'unix' ? address.text : `127.0.0.1:${String(address.port)}`;
      expect(await healthClient(context, target).check()).toEqual({ status: 'NOT_SERVING' });
    }
    await server.destroy();
    expect(existsSync(path)).toBe(false);
  });

  it.runIf(hasIpv6)('serves IPv6, and both wildcards on one port', async (context) => {
    const { server, port } = await startServer(context, { listen: ['[::1]:0'] });
    expect(server.addresses[0]?.text).toBe(`[::1]:${String(port)}`);
    expect(await healthClient(context, `[::1]:${String(port)}`).check()).toEqual({ status: 'NOT_SERVING' });

    const free = await occupy(context, { port: 0, host: '127.0.0.1' });
    const chosen = portOf(free);
    free.close();
    await once(free, 'close');
    const both = await startServer(context, {
      listen: [`0.0.0.0:${String(chosen)}`, `[::]:${String(chosen)}`],
    });
    expect(both.server.addresses.map((address) => address.text)).toEqual([
      `0.0.0.0:${String(chosen)}`,
      `[::]:${String(chosen)}`,
    ]);
    expect(await healthClient(context, `[::1]:${String(chosen)}`).check()).toEqual({ status: 'NOT_SERVING' });
  });

  it('listens at all a name stands for', async (context) => {
    const free = createServer().listen({ port: 0, host: '127.0.0.1' });
    await once(free, 'listening');
    const port = portOf(free);
    free.close();
    await once(free, 'close');
    const { server } = await startServer(context, { listen: [`localhost:${String(port)}`] });
    expect(server.addresses.map((address) => address.text)).toContain(`127.0.0.1:${String(port)}`);
    expect(new Set(server.addresses.map((address) => address.kind === 'tcp' && address.port))).toEqual(
      new Set([port]),
    );
  });

  it('names an occupied port in one sentence, and closes what it had opened', async (context) => {
    const taken = portOf(await occupy(context, { port: 0, host: '127.0.0.1' }));
    const path = join(directory(context), 'gateway.sock');
    const error = await failedStart([`unix:${path}`, `127.0.0.1:${String(taken)}`]);
    expect(error.setting).toBe('server.listen');
    expect(error.message).toBe(
      `server.listen: "127.0.0.1:${String(taken)}" is in use; stop whoever listens there or choose another.`,
    );
    expect(existsSync(path)).toBe(false);
  });

  it.each([
    ['192.0.2.1:0', /"192\.0\.2\.1:0": this machine has no such address\.$/],
    ['no-such-host.invalid:0', /"no-such-host\.invalid:0": the host name is not known\.$/],
    [
      'unix:/no/such/directory/socket',
      /"unix:\/no\/such\/directory\/socket": its directory does not exist\.$/,
    ],
    ['nonsense', /"nonsense" is not an address/],
  ])('says why it can not listen at %s', async (text, message) => {
    expect((await failedStart([text])).message).toMatch(message);
  });
});

describe('a Unix socket that exists', () => {
  it('is taken over when its process died', async (context) => {
    const path = join(directory(context), 'gateway.sock');
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    await runProcess(process.execPath, ['-e', script], { timeoutMs: 20_000 });
    expect(existsSync(path)).toBe(true);
    const { target } = await startServer(context, { listen: [`unix:${path}`] });
    expect(await healthClient(context, target).check()).toEqual({ status: 'NOT_SERVING' });
  });

  it('is left to a process that listens there', async (context) => {
    const path = join(directory(context), 'gateway.sock');
    await occupy(context, { path });
    expect((await failedStart([`unix:${path}`])).message).toContain('is in use; stop whoever');
    const socket = connect({ path });
    await once(socket, 'connect');
    socket.destroy();
  });

  it('is never removed when it is a plain file', async (context) => {
    const path = join(directory(context), 'precious');
    writeFileSync(path, 'data');
    expect((await failedStart([`unix:${path}`])).message).toContain('the file exists and is not a socket');
    expect(existsSync(path)).toBe(true);
  });
});
