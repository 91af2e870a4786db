import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultProxy } from '../../helpers/fault-proxy.js';

const SLOW_MS = 60;

describe('the fault proxy', () => {
  let server: Server;
  let proxy: FaultProxy;
  const sockets: Socket[] = [];
  /** What each side has received. */
  let above = '';
  let below = '';
  let accepted: Promise<Socket>;

  beforeEach(async () => {
    [above, below] = ['', ''];
    server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(socket.on('error', () => undefined));
      socket.on('data', (chunk) => (above += chunk.toString()));
    });
    accepted = once(server, 'connection').then(([socket]: unknown[]) => socket as Socket);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await FaultProxy.start(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  });

  afterEach(async () => {
    await proxy[Symbol.asyncDispose]();
    for (const socket of sockets.splice(0)) socket.destroy();
    server.close();
    await once(server, 'close');
  });

  function client(): Socket {
    const [host = '', port] = proxy.address.split(':');
    const socket = connect({ host, port: Number(port), allowHalfOpen: true });
    socket.on('error', () => undefined).on('data', (chunk) => (below += chunk.toString()));
    sockets.push(socket);
    return socket;
  }

  async function pair(): Promise<[client: Socket, server: Socket]> {
    const near = client();
    near.write('a');
    const far = await accepted;
    await expect.poll(() => above).toBe('a');
    return [near, far];
  }

  it('carries both ways, ends included', async () => {
    const [near, far] = await pair();
    near.end('b');
    await once(far, 'end');
    expect(above).toBe('ab');
    far.end('c');
    await once(near, 'close');
    expect(below).toBe('c');
    await expect.poll(() => proxy.connections).toBe(0);
  });

  it.each(['reset', 'fin', 'half-open'] as const)('cuts: %s', async (kind) => {
    const [near, far] = await pair();
    const saw = { client: 'nothing', server: 'nothing' };
    near.on('end', () => (saw.client = 'fin')).on('error', () => (saw.client = 'reset'));
    far.on('end', () => (saw.server = 'fin')).on('error', () => (saw.server = 'reset'));
    proxy.cutAll(kind);
    const clientSees = kind === 'fin' ? 'fin' : 'reset';
    await expect
      .poll(() => saw)
      .toEqual({ client: clientSees, server: kind === 'half-open' ? 'nothing' : kind });
    expect(proxy.made[kind]).toBe(1);
  });

  it.each(['up', 'down', 'both'] as const)('freezes and thaws: %s', async (direction) => {
    const [near, far] = await pair();
    let ended = false;
    far.on('end', () => (ended = true));
    proxy.freeze(direction);
    near.end('b');
    far.write('c');
    await expect.poll(() => above).toBe(direction === 'down' ? 'ab' : 'a');
    await expect.poll(() => below).toBe(direction === 'up' ? 'c' : '');
    proxy.thaw();
    await expect.poll(() => [above, below, ended]).toEqual(['ab', 'c', true]);
  });

  it('stops a sender whose bytes are not carried', async () => {
    const [near] = await pair();
    proxy.freeze();
    const block = Buffer.alloc(1 << 20, 'x');
    for (let n = 0; n < 32; n += 1) near.write(block);
    // The rest of it stays where it was sent, however large the buffers of the kernels.
    await expect.poll(() => near.bytesWritten - near.writableLength).toBeLessThan(32 << 20);
    expect(near.writableLength).toBeGreaterThan(0);
    proxy.thaw();
    await expect.poll(() => above.length, { timeout: 10_000 }).toBe(1 + (32 << 20));
  });

  it('tells nobody of an end while it is frozen', async () => {
    const [near, far] = await pair();
    proxy.freeze();
    near.destroy();
    await once(near, 'close');
    const ended = once(far, 'end');
    expect(far.readableEnded).toBe(false);
    proxy.thaw();
    await ended;
  });

  it('carries slowly, in order', async () => {
    const [near] = await pair();
    proxy.carry({ latencyMs: SLOW_MS, jitterMs: SLOW_MS }, 'up');
    const startedAt = performance.now();
    for (let n = 0; n < 20; n += 1) near.write(String(n % 10));
    await expect.poll(() => above).toBe('a01234567890123456789');
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(SLOW_MS);
    proxy.carry();
  });

  it('carries no more than the line holds', async () => {
    const [near] = await pair();
    proxy.carry({ bytesPerSecond: 100_000 });
    const startedAt = performance.now();
    near.write('x'.repeat(10_000));
    await expect.poll(() => above.length).toBe(10_001);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(99);
  });

  it('refuses', async () => {
    proxy.refusing = true;
    const near = client();
    await once(near, 'close').catch(() => undefined);
    expect(proxy.refused).toBe(1);
    proxy.refusing = false;
    await pair();
  });
});
