/** Leaving: one stream that has reached a limit, or the whole gateway. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { detailsOf } from '../helpers/call-status.js';
import { startGateway } from '../helpers/gateway.js';
import { healthClient } from '../helpers/grpc-server.js';
import { StreamClient } from '../helpers/stream-client.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';
import { framedMessage, WireClient } from '../helpers/wire-client.js';

const OK = 0;
const UNAVAILABLE = 14;
const CONFORMANCE = { 'x-route': 'conformance' };

function drainsOf(client: StreamClient): (Readonly<Record<string, unknown>> | undefined)[] {
  return client.controls('drain').map((message) => message.control?.['drain']);
}

function texts(client: StreamClient): string[] {
  return client.data.map((message) => message.data.toString());
}

async function connectTo(address: string): Promise<void> {
  const [host, port] = address.split(':');
  const socket = connect({ host: host ?? '', port: Number(port) });
  try {
    await once(socket, 'connect');
  } finally {
    socket.destroy();
  }
}

describe.each(STREAM_HANDLERS)(
  'a stream that has reached a limit, through the %s handler',
  (streamHandler) => {
    const settings = {
      'server.streamHandler': streamHandler,
      'server.drainQuiet': '150ms',
      'server.ageJitter': 0,
    };

    it.each<readonly [string, Readonly<Record<string, string | number>>, string]>([
      ['messages', { 'server.maxStreamMessages': 20 }, 'server.maxStreamMessages = 20'],
      ['bytes', { 'server.maxStreamBytes': '4KiB' }, 'server.maxStreamBytes = 4096 bytes'],
      ['age', { 'server.maxStreamAge': '300ms' }, 'server.maxStreamAge = 300 ms'],
    ])('of %s: Drain, all that is owed, then STREAM_LIMIT', async (limit, reached, named) => {
      await using server = await startGateway({ ...settings, ...reached, 'server.ageGrace': '10s' });
      using client = new StreamClient(server.address);
      const words = Array.from({ length: 30 }, (_, n) => `word ${n} ${'.'.repeat(100)}`);
      for (const word of words) client.sendData('s', word);
      await client.until(() => client.controls('drain').length === 1);
      client.sendData('s', 'a last word');
      const status = await client.status;
      expect(drainsOf(client)).toEqual([{ deadlineMs: 10_000, reason: `connection: ${limit}` }]);
      expect(texts(client)).toEqual([...words, 'a last word']);
      const details = detailsOf(status);
      expect(details).toMatchObject({
        code: UNAVAILABLE,
        reason: 'STREAM_LIMIT',
        domain: 'sluice',
        retryAfterMs: 0,
      });
      expect(details.message).toContain(named);
      await expect.poll(() => server.gateway.metrics.connectionsEnded.get('STREAM_LIMIT')).toBe(1);
      // Only that stream: the next is served.
      using next = new StreamClient(server.address);
      next.sendData('s', 'again');
      await next.untilData(1);
    });

    it('ends OK for a client that half-closes on Drain', async () => {
      await using server = await startGateway({ ...settings, 'server.maxStreamMessages': 10 });
      using client = new StreamClient(server.address);
      for (let n = 0; n < 10; n += 1) client.sendData('s', `${n}`);
      await client.until(() => client.controls('drain').length === 1);
      client.halfClose();
      expect((await client.status).code).toBe(OK);
      expect(client.data).toHaveLength(10);
    });

    it('cuts what is left when the grace time is over', async () => {
      await using server = await startGateway({
        ...settings,
        'server.maxStreamMessages': 3,
        'server.ageGrace': '300ms',
      });
      using client = new StreamClient(server.address, { metadata: CONFORMANCE });
      for (let n = 0; n < 3; n += 1) client.sendData('s', 'never accepted', { metadata: { never: '' } });
      expect(detailsOf(await client.status).reason).toBe('STREAM_LIMIT');
      await expect.poll(() => server.gateway.metrics.up.dropped).toBe(3);
    });
  },
);

describe.each(STREAM_HANDLERS)('the gateway leaving, through the %s handler', (streamHandler) => {
  const settings = { 'server.streamHandler': streamHandler, 'server.drainQuiet': '150ms' };

  it('tells every client by when, delivers what is owed, and ends with UNAVAILABLE and when to come back', async () => {
    await using server = await startGateway({ ...settings, 'server.drainGrace': '20s' });
    using idle = new StreamClient(server.address);
    using owed = new StreamClient(server.address, { metadata: CONFORMANCE });
    using leaving = new StreamClient(server.address);
    for (const client of [idle, leaving]) client.sendData('s', 'hello');
    owed.sendData('s', 'slow', { metadata: { 'delay-ms': '600' } });
    owed.sendData('s', 'behind it');
    await Promise.all([idle.untilData(1), leaving.untilData(1)]);
    await expect.poll(() => server.gateway.metrics.up.admitted).toBe(4);

    const stopped = server.gateway.stop();
    await Promise.all(
      [idle, owed, leaving].map((client) => client.until(() => client.controls('drain').length === 1)),
    );
    leaving.halfClose();
    expect((await leaving.status).code).toBe(OK);
    for (const client of [idle, owed]) {
      const status = await client.status;
      expect(status.code).toBe(UNAVAILABLE);
      expect(detailsOf(status)).toMatchObject({ reason: 'DRAINING', domain: 'sluice', retryAfterMs: 1_000 });
      const [drain] = drainsOf(client);
      expect(drain?.['reason']).toBe('gateway: leaving');
      expect(drain?.['deadlineMs']).toBeGreaterThan(15_000);
      expect(drain?.['deadlineMs']).toBeLessThanOrEqual(20_000);
    }
    expect(texts(owed)).toEqual(['slow', 'behind it']);
    await stopped;
    expect(server.gateway.metrics.up.dropped + server.gateway.metrics.down.dropped).toBe(0);
    expect(Object.fromEntries(server.gateway.metrics.connectionsEnded)).toEqual({ OK: 1, DRAINING: 2 });
    expect(server.gateway.addresses).toEqual([]);
  });

  it('is not ready from the first moment, and takes nobody new', async (context) => {
    await using server = await startGateway({ ...settings, 'server.drainGrace': '20s' });
    const watch = healthClient(context, server.address).watch();
    const heard: string[] = [];
    watch.on('data', ({ status }: { readonly status: string }) => heard.push(status));
    watch.on('error', () => undefined);
    await expect.poll(() => heard).toEqual(['SERVING']);
    using client = new StreamClient(server.address, { metadata: CONFORMANCE });
    client.sendData('s', 'slow', { metadata: { 'delay-ms': '700' } });
    await expect.poll(() => server.gateway.metrics.up.admitted).toBe(1);

    const stopped = server.gateway.stop();
    expect(server.gateway.readiness).toMatchObject({ ready: false, reason: 'draining' });
    await client.until(() => client.controls('drain').length === 1);
    await expect.poll(() => heard).toEqual(['SERVING', 'NOT_SERVING']);
    await expect(connectTo(server.address)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await client.untilData(1);
    await stopped;
    expect(server.gateway.metrics.connectionsAccepted).toBe(1);
  });

  it('cuts and counts what is left when the grace time is over', async () => {
    await using server = await startGateway({ ...settings, 'server.drainGrace': '400ms' });
    using client = new StreamClient(server.address, { metadata: CONFORMANCE });
    for (let n = 0; n < 5; n += 1) client.sendData('s', 'never accepted', { metadata: { never: '' } });
    await expect.poll(() => server.gateway.metrics.up.pending).toBe(5);
    const stopped = server.gateway.stop();
    expect(detailsOf(await client.status).reason).toBe('DRAINING');
    await stopped;
    expect(server.gateway.metrics.up.droppedBy.drained).toBe(5);
  });

  it('does not wait longer than that for a client that takes nothing', async () => {
    await using server = await startGateway({
      ...settings,
      'server.drainGrace': '400ms',
      'stream.sendTimeout': '60s',
    });
    using client = new WireClient(server.address);
    const metadata = new Map([
      ['produce', '100000'],
      ['size', '1024'],
    ]);
    client.open(CONFORMANCE).write(framedMessage({ sessionId: 's', metadata }));
    await expect.poll(() => server.gateway.metrics.down.pending).toBeGreaterThan(500);
    await server.gateway.stop();
    expect(server.gateway.metrics.down.droppedBy.drained).toBeGreaterThan(0);
  });

  it('can be asked to stop twice, and to end at once while it stops', async () => {
    await using server = await startGateway({ ...settings, 'server.drainGrace': '60s' });
    using client = new StreamClient(server.address, { metadata: CONFORMANCE });
    client.sendData('s', 'never accepted', { metadata: { never: '' } });
    await expect.poll(() => server.gateway.metrics.up.pending).toBe(1);
    const first = server.gateway.stop();
    expect(server.gateway.stop()).toBe(first);
    await client.until(() => client.controls('drain').length === 1);
    await Promise.all([server.gateway.destroy(), server.gateway.destroy()]);
    await first;
    expect((await client.status).code).not.toBe(OK);
    await server.gateway.destroy();
  });
});
