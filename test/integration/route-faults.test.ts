/** What a route can do wrong, and how far its sends may run ahead of a client. */
import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../src/core/errors.js';
import type { Route, RouteSession } from '../../src/session/route.js';
import { Bystander } from '../helpers/bystander.js';
import { startGateway } from '../helpers/gateway.js';
import { settled } from '../helpers/settled.js';
import { StreamClient } from '../helpers/stream-client.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';
import { framedMessage, WireClient } from '../helpers/wire-client.js';

const KIB = 1024;

describe('a faulty route', () => {
  it('that rejects, throws, or fails on its way out costs its messages and nothing else', async () => {
    const faulty: Route = {
      kind: 'faulty',
      open: () => ({
        handle: async (message) => {
          await Promise.resolve();
          throw new Error(`can not handle ${Buffer.from(message.data).toString()}`);
        },
        closed: () => {
          throw new Error('can not close');
        },
      }),
    };
    await using server = await startGateway({}, { faulty });
    using bystander = new Bystander(server.address);
    using client = new StreamClient(server.address, { metadata: { 'x-route': 'faulty' } });
    for (let n = 0; n < 10; n += 1) client.sendData('s', `message ${n}`);
    await client.until(() => client.controls('error').length === 10);
    client.halfClose();
    expect((await client.status).code).toBe(0);
    await bystander.check();
    expect(server.gateway.metrics.up.delivered).toBe(10 + 20);
    expect(JSON.stringify(client.received)).not.toContain('can not');
  });

  it.each<readonly [string, unknown, string]>([
    ['an error of the catalogue', new SluiceError('PERMISSION_DENIED', 'not for you'), 'PERMISSION_DENIED'],
    ['any other', new Error('secret'), 'ROUTE_FAILED'],
  ])('that refuses the session with %s: Closed, the connection goes on', async (_, error, code) => {
    const refusing: Route = {
      kind: 'refusing',
      open: (session) => {
        if (session.sessionId === 'bad') throw error;
        return { handle: (message) => session.send(message) };
      },
    };
    await using server = await startGateway({}, { refusing });
    using client = new StreamClient(server.address, { metadata: { 'x-route': 'refusing' } });
    client.sendData('bad', 'hello');
    client.sendData('good', 'hello');
    await client.untilData(1);
    expect(
      client.controls('closed').map((message) => [message.sessionId, message.control?.['closed']?.['code']]),
    ).toEqual([['bad', code]]);
    expect(JSON.stringify(client.received)).not.toContain('secret');
    expect(server.gateway.metrics.up.admitted).toBe(1);
  });

  it('that does not look at its sends gets no unhandled rejection when the client goes', async () => {
    const opened: RouteSession[] = [];
    const careless: Route = {
      kind: 'careless',
      open: (session) => {
        opened.push(session);
        return {
          handle: () => {
            for (let n = 0; n < 20; n += 1) void session.send({ data: Buffer.alloc(64 * KIB) });
          },
        };
      },
    };
    await using server = await startGateway({ 'stream.sendQueueMessages': 16 }, { careless });
    using client = new WireClient(server.address);
    const call = client.open({ 'x-route': 'careless' });
    call.write(framedMessage({ sessionId: 's' }));
    await expect.poll(() => server.gateway.metrics.down.pending).toBeGreaterThan(0);
    call.close(8);
    await expect.poll(() => server.gateway.connections).toBe(0);
    expect(opened[0]?.signal.aborted).toBe(true);
    expect(() => opened[0]?.send({})).toThrow();
  });
});

describe.each(STREAM_HANDLERS)('backpressure of a route through the %s handler', (streamHandler) => {
  const queueMessages = 16;
  const sendBufferBytes = 8 * KIB;
  /** What the client's HTTP/2 window takes before flow control stops the gateway (RFC 9113 section 6.9.2). */
  const windowBytes = 65_535;
  const settings = {
    'server.streamHandler': streamHandler,
    'stream.sendQueueMessages': queueMessages,
    'stream.sendBufferSize': `${sendBufferBytes}B`,
    'stream.sendTimeout': '60s',
    'health.interval': 0,
  };
  /** At most this much was taken from a route for a client that reads nothing, in messages of 1 KiB. */
  const aheadOfClient = (windowBytes + 2 * sendBufferBytes) / KIB + queueMessages;

  it('a route that awaits its sends is held while the client reads nothing, and goes on when it reads', async () => {
    let sent = 0;
    const producer: Route = {
      kind: 'producer',
      open: (session) => ({
        handle: async () => {
          for (; sent < 5_000; sent += 1) await session.send({ data: Buffer.alloc(KIB, sent % 256) });
        },
      }),
    };
    await using server = await startGateway(settings, { producer });
    using bystander = new Bystander(server.address);
    using client = new WireClient(server.address);
    const call = client.open({ 'x-route': 'producer' });
    call.end(framedMessage({ sessionId: 's' }));
    await expect.poll(() => sent).toBeGreaterThan(windowBytes / KIB / 2);
    const held = await settled(() => sent);
    expect(held).toBeLessThanOrEqual(aheadOfClient);
    expect(server.gateway.metrics.down.pending).toBeLessThanOrEqual(queueMessages);
    // Only that route waits.
    await bystander.check();

    const messages = (await client.messages(call)).filter((message) => message.sessionId === 's');
    expect(messages).toHaveLength(5_000);
    expect(messages.every(({ data }, n) => data.length === KIB && data[0] === n % 256)).toBe(true);
    expect(server.gateway.metrics.down.dropped).toBe(0);
  });

  it('a route that does not await them gets OVERLOADED when as many wait as the queue holds', async () => {
    let taken = 0;
    const overloads: unknown[] = [];
    const eager: Route = {
      kind: 'eager',
      open: (session) => ({
        handle: () => {
          for (let n = 0; n < 1_000; n += 1) {
            try {
              void session.send({ data: Buffer.alloc(KIB) });
              taken += 1;
            } catch (error) {
              overloads.push(error);
            }
          }
        },
      }),
    };
    await using server = await startGateway(settings, { eager });
    using client = new StreamClient(server.address, { metadata: { 'x-route': 'eager' } });
    client.sendData('s', 'go');
    await client.untilData(2 * queueMessages);
    // In one turn nothing is written: the queue, and as many that wait.
    expect(taken).toBe(2 * queueMessages);
    expect(overloads).toHaveLength(1_000 - taken);
    expect(overloads[0]).toMatchObject({
      code: 'OVERLOADED',
      message: expect.stringContaining('stream.sendQueueMessages'),
    });
    client.halfClose();
    expect((await client.status).code).toBe(0);
    expect(client.data).toHaveLength(taken);
  });

  it('a client whose messages no route takes is stopped by flow control: queue and window hold the rest', async () => {
    await using server = await startGateway({ ...settings, 'stream.receiveQueueMessages': 32 });
    using bystander = new Bystander(server.address);
    using client = new WireClient(server.address);
    const call = client.open({ 'x-route': 'conformance' });
    call.write(framedMessage({ sessionId: 's', metadata: new Map([['never', '']]) }));
    const piece = Buffer.concat(
      Array.from({ length: 64 }, () => framedMessage({ sessionId: 's', data: Buffer.alloc(KIB) })),
    );
    for (let n = 0; n < 64; n += 1) call.write(piece);
    await expect.poll(() => server.gateway.metrics.readsStopped).toBe(1);
    const received = await settled(() => server.gateway.metrics.bytesReceived);
    expect(server.gateway.metrics.up.pending).toBe(32);
    // The window, and what was read before the reading stopped; 4 MiB were sent.
    expect(received).toBeLessThan(4 * 64 * KIB);
    await bystander.check();
  });
});
