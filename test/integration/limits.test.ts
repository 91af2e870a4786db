/** How many connections and sessions there may be, and what the one too many is told. */
import { describe, expect, it } from 'vitest';
import { Bystander } from '../helpers/bystander.js';
import { detailsOf } from '../helpers/call-status.js';
import { startGateway } from '../helpers/gateway.js';
import { StreamClient } from '../helpers/stream-client.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';

const RESOURCE_EXHAUSTED = 8;
const LIMIT_RETRY_MS = 5_000;

describe.each(STREAM_HANDLERS)('limits through the %s handler', (streamHandler) => {
  const settings = { 'server.streamHandler': streamHandler };

  it('refuses one connection too many with CONNECTION_LIMIT and a time to come back; a place given up is given again', async () => {
    await using server = await startGateway({ ...settings, 'pool.maxConnections': 2 });
    using bystander = new Bystander(server.address);
    await bystander.check();
    const second = new StreamClient(server.address);
    second.sendData('s', 'hello');
    await second.untilData(1);

    using third = new StreamClient(server.address);
    const status = await third.status;
    expect(status.code).toBe(RESOURCE_EXHAUSTED);
    const details = detailsOf(status);
    expect(details).toMatchObject({
      code: RESOURCE_EXHAUSTED,
      domain: 'sluice',
      reason: 'CONNECTION_LIMIT',
      retryAfterMs: LIMIT_RETRY_MS,
    });
    expect(details.metadata?.get('setting')).toBe('pool.maxConnections');
    expect(details.message).toContain('holds 2 connections');
    expect(details.message).toContain('pool.maxConnections = 2');
    expect(status.details).toBe(details.message);
    expect(third.received).toEqual([]);
    expect(server.gateway.metrics.connectionsRejected.get('CONNECTION_LIMIT')).toBe(1);
    expect(server.gateway.metrics.connectionsAccepted).toBe(2);
    await bystander.check();

    second.close();
    await expect.poll(() => server.gateway.connections).toBe(1);
    using fourth = new StreamClient(server.address);
    fourth.sendData('s', 'hello');
    await fourth.untilData(1);
  });

  it('refuses one connection of a client too many with CLIENT_LIMIT; other clients have their own', async () => {
    await using server = await startGateway({ ...settings, 'pool.maxConnectionsPerClient': 2 });
    const metadata = { 'x-client-id': 'ann' };
    using first = new StreamClient(server.address, { metadata });
    using second = new StreamClient(server.address, { metadata });
    for (const client of [first, second]) client.sendData('s', 'hello');
    await Promise.all([first.untilData(1), second.untilData(1)]);

    using third = new StreamClient(server.address, { metadata });
    const details = detailsOf(await third.status);
    expect(details).toMatchObject({
      code: RESOURCE_EXHAUSTED,
      reason: 'CLIENT_LIMIT',
      retryAfterMs: LIMIT_RETRY_MS,
    });
    expect(details.metadata?.get('setting')).toContain('pool.maxConnectionsPerClient');
    expect(details.message).toContain('client "ann" holds 2 connections');
    expect(details.message).toContain('pool.maxConnectionsPerClient = 2');
    expect(server.gateway.metrics.connectionsRejected.get('CLIENT_LIMIT')).toBe(1);
    using bystander = new Bystander(server.address);
    await bystander.check();
  });

  it.each<readonly [string, Readonly<Record<string, number>>, string]>([
    ['connection', { 'session.maxPerConnection': 2 }, 'session.maxPerConnection = 2'],
    ['client', { 'session.maxPerClient': 3, 'session.maxPerConnection': 2 }, 'session.maxPerClient = 3'],
    [
      'gateway',
      { 'session.max': 3, 'session.maxPerClient': 3, 'session.maxPerConnection': 2 },
      'session.max = 3',
    ],
  ])(
    'refuses one session of a %s too many with SESSION_LIMIT; the others go on',
    async (level, limits, named) => {
      await using server = await startGateway({ ...settings, ...limits });
      // The level's own count is filled first: another client's for the gateway, another connection's for the client.
      using other = new StreamClient(server.address, {
        metadata: { 'x-client-id': level === 'gateway' ? 'bob' : 'ann' },
      });
      if (level !== 'connection') {
        other.sendData('o1', 'hello');
        other.sendData('o2', 'hello');
        await other.untilData(2);
      }
      using client = new StreamClient(server.address, { metadata: { 'x-client-id': 'ann' } });
      const fits = level === 'connection' ? 2 : 1;
      for (let n = 1; n <= fits; n += 1) client.sendData(`s${n}`, 'hello');
      await client.untilData(fits);
      client.sendData('one too many', 'hello');
      client.sendData('s1', 'goes on');
      await client.untilData(fits + 1);
      await client.until(() => client.controls('closed').length === 1);
      const [closed] = client.controls('closed');
      expect(closed?.sessionId).toBe('one too many');
      expect(closed?.control?.['closed']).toMatchObject({
        code: 'SESSION_LIMIT',
        reason: expect.stringContaining(named),
        retry: 'RETRY_ADVICE_BACKOFF',
        retryAfterMs: LIMIT_RETRY_MS,
      });
      expect(server.gateway.metrics.receiveErrors.get('SESSION_LIMIT')).toBe(1);

      // A session that ends makes room for another.
      client.send({ type: 'MESSAGE_TYPE_CONTROL', sessionId: 's1', control: { close: {} } });
      await client.until(() => client.controls('closed').length === 2);
      client.sendData('one too many', 'fits now');
      await client.untilData(fits + 2);
      expect(client.data.at(-1)?.sessionId).toBe('one too many');
    },
  );

  it('ends idle sessions with SESSION_EXPIRED, in use ones not', async () => {
    await using server = await startGateway({ ...settings, 'session.idleTimeout': '400ms' });
    using client = new StreamClient(server.address);
    client.sendData('idle', 'hello');
    client.sendData('used', 'hello');
    await client.untilData(2);
    // Each answer is the moment for the next word: the session is never idle for long.
    let heard = 0;
    client.call.on('data', (message: { readonly sessionId: string; readonly type: string }) => {
      if (message.sessionId !== 'used' || message.type !== 'MESSAGE_TYPE_DATA') return;
      heard += 1;
      setTimeout(() => client.sendData('used', `word ${heard}`), 20);
    });
    client.sendData('used', 'first word');
    await client.until(() => client.controls('closed').length === 1);
    expect(client.controls('closed')[0]?.sessionId).toBe('idle');
    expect(client.controls('closed')[0]?.control?.['closed']).toMatchObject({
      code: 'SESSION_EXPIRED',
      reason: expect.stringContaining('session.idleTimeout = 400 ms'),
      retry: 'RETRY_ADVICE_NOW',
    });
    expect(server.gateway.sessions).toBe(1);
  });
});
