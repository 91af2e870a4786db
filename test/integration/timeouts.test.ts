/** How long a client may keep silent, and how long it may take nothing. */
import { describe, expect, it } from 'vitest';
import { Bystander } from '../helpers/bystander.js';
import { detailsOf } from '../helpers/call-status.js';
import { startGateway } from '../helpers/gateway.js';
import { StreamClient, type Received } from '../helpers/stream-client.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';
import { framedMessage, WireClient } from '../helpers/wire-client.js';

const DEADLINE_EXCEEDED = 4;
const HEARTBEAT = { type: 'MESSAGE_TYPE_HEARTBEAT' };

function heartbeats(client: StreamClient): Received[] {
  return client.received.filter((message) => message.type === 'MESSAGE_TYPE_HEARTBEAT');
}

describe.each(STREAM_HANDLERS)('timeouts through the %s handler', (streamHandler) => {
  const settings = { 'server.streamHandler': streamHandler, 'health.interval': 0 };

  it('ends a client that sends nothing after connecting; one that has spoken may be silent', async () => {
    await using server = await startGateway({ ...settings, 'stream.firstMessageTimeout': '300ms' });
    using bystander = new Bystander(server.address);
    await bystander.check();
    using silent = new StreamClient(server.address);
    const details = detailsOf(await silent.status);
    expect(details).toMatchObject({ code: DEADLINE_EXCEEDED, reason: 'RECEIVE_TIMEOUT' });
    expect(details.message).toContain('300 ms (stream.firstMessageTimeout)');
    expect(silent.controls('welcome')).toHaveLength(1);
    await expect.poll(() => server.gateway.metrics.connectionsEnded.get('RECEIVE_TIMEOUT')).toBe(1);
    await bystander.check();
  });

  it('holds only those to receiveTimeout that promised to be heard from, by a HEARTBEAT', async () => {
    await using server = await startGateway({
      ...settings,
      'stream.heartbeatInterval': '200ms',
      'stream.receiveTimeout': '400ms',
    });
    using never = new StreamClient(server.address);
    using promised = new StreamClient(server.address);
    never.sendData('s', 'hello');
    await never.untilData(1);
    promised.send(HEARTBEAT);
    const details = detailsOf(await promised.status);
    expect(details).toMatchObject({ code: DEADLINE_EXCEEDED, reason: 'RECEIVE_TIMEOUT' });
    expect(details.message).toContain('stream.receiveTimeout = 400 ms');
    expect(server.gateway.metrics.heartbeatsReceived).toBe(1);
    never.sendData('s', 'still here');
    await never.untilData(2);
  });

  it('keeps a client that keeps its promise', async () => {
    await using server = await startGateway({
      ...settings,
      'stream.heartbeatInterval': '100ms',
      'stream.receiveTimeout': '1s',
    });
    using client = new StreamClient(server.address);
    client.send(HEARTBEAT);
    client.call.on('data', (message: Received) => {
      if (message.type === 'MESSAGE_TYPE_HEARTBEAT') client.send(HEARTBEAT);
    });
    // Well over twice the time it would have had without.
    await client.until(() => heartbeats(client).length === 25);
    expect(heartbeats(client).every((message) => message.timestampMs > 0 && message.sessionId === '')).toBe(
      true,
    );
    client.sendData('s', 'still here');
    await client.untilData(1);
    expect(server.gateway.metrics.heartbeatsSent).toBeGreaterThanOrEqual(25);
  });

  it('does not hold a silence against a client that the gateway itself has stopped reading', async () => {
    await using server = await startGateway({
      ...settings,
      'stream.receiveQueueMessages': 4,
      'stream.heartbeatInterval': '100ms',
      'stream.receiveTimeout': '300ms',
    });
    using client = new StreamClient(server.address, { metadata: { 'x-route': 'conformance' } });
    client.send(HEARTBEAT);
    client.sendData('s', 'slow', { metadata: { 'delay-ms': '1200' } });
    for (let n = 0; n < 20; n += 1) client.sendData('s', `message ${n}`);
    await client.until(() => heartbeats(client).length > 0);
    expect(server.gateway.metrics.readsStopped).toBe(1);
    // Reading goes on, and with it the clock: the client has the whole time again.
    await client.untilData(21);
    const details = detailsOf(await client.status);
    expect(details.reason).toBe('RECEIVE_TIMEOUT');
    expect(client.data.map((message) => message.data.toString()).slice(0, 3)).toEqual([
      'slow',
      'message 0',
      'message 1',
    ]);
  });

  it('resets a client that takes nothing for sendTimeout, and counts it; heartbeats to it are skipped', async () => {
    await using server = await startGateway({
      ...settings,
      'stream.sendTimeout': '600ms',
      'stream.heartbeatInterval': '50ms',
    });
    using bystander = new Bystander(server.address);
    await bystander.check();
    using client = new WireClient(server.address);
    const call = client.open({ 'x-route': 'conformance' });
    const metadata = new Map([
      ['produce', '100000'],
      ['size', '1024'],
    ]);
    call.write(framedMessage({ sessionId: 's', metadata }));
    const { metrics } = server.gateway;
    await expect.poll(() => metrics.slowConsumers, { timeout: 10_000 }).toBe(1);
    await expect.poll(() => [...metrics.connectionsEnded]).toEqual([['SLOW_CONSUMER', 1]]);
    expect(metrics.heartbeatsSkipped).toBeGreaterThan(0);
    expect(metrics.down.droppedBy['connection-closed']).toBeGreaterThan(0);
    expect((await client.ending(call)).rstCode).toBe(8);
    await bystander.check();
  });

  it('has patience with a client that reads slowly, and all along', async () => {
    await using server = await startGateway({ ...settings, 'stream.sendTimeout': '1500ms' });
    using client = new WireClient(server.address);
    const call = client.open({ 'x-route': 'conformance' });
    const metadata = new Map([
      ['produce', '1000'],
      ['size', '2048'],
    ]);
    call.end(framedMessage({ sessionId: 's', metadata }));
    // A piece at a time, with pauses that add up to well over sendTimeout.
    call.on('data', () => {
      call.pause();
      setTimeout(() => call.resume(), 20);
    });
    const messages = await client.messages(call);
    expect(messages.filter((message) => message.sessionId === 's')).toHaveLength(1_000);
    expect(server.gateway.metrics.slowConsumers).toBe(0);
    await expect.poll(() => [...server.gateway.metrics.connectionsEnded]).toEqual([['OK', 1]]);
  });
});
