/** Who is silent is asked; who does not answer is gone. */
import { describe, expect, it } from 'vitest';
import { Bystander } from '../helpers/bystander.js';
import { detailsOf } from '../helpers/call-status.js';
import { FaultProxy } from '../helpers/fault-proxy.js';
import { startGateway } from '../helpers/gateway.js';
import { StreamClient, type Received } from '../helpers/stream-client.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';

const UNAVAILABLE = 14;

function probesOf(client: StreamClient): Received[] {
  return client.received.filter(
    (message) => message.type === 'MESSAGE_TYPE_HEALTH_CHECK' && message.ack === 0,
  );
}

/** Answers every probe with what `answer` makes of it. */
function answering(client: StreamClient, answer: (probe: Received) => object): void {
  client.call.on('data', (message: Received) => {
    if (message.type === 'MESSAGE_TYPE_HEALTH_CHECK' && message.ack === 0) client.send(answer(message));
  });
}

describe.each(STREAM_HANDLERS)('the health checker through the %s handler', (streamHandler) => {
  const settings = {
    'server.streamHandler': streamHandler,
    'health.interval': '50ms',
    'health.maxInactivity': '200ms',
    'health.probeAnswerTimeout': '1s',
  };

  it.each<readonly [string, (probe: Received) => object]>([
    [
      'an ack',
      ({ sequence, timestampMs }) => ({
        type: 'MESSAGE_TYPE_HEALTH_CHECK',
        sequence,
        timestampMs,
        ack: sequence,
      }),
    ],
    [
      'its echo',
      ({ sequence, timestampMs }) => ({ type: 'MESSAGE_TYPE_HEALTH_CHECK', sequence, timestampMs }),
    ],
    ['a heartbeat', () => ({ type: 'MESSAGE_TYPE_HEARTBEAT' })],
  ])('asks a silent client, which stays for as long as it answers: with %s', async (_, answer) => {
    await using server = await startGateway(settings);
    using client = new StreamClient(server.address);
    answering(client, answer);
    client.sendData('s', 'hello');
    await client.until(() => probesOf(client).length === 4);
    const [probe] = probesOf(client);
    expect(probe?.sessionId).toBe('');
    expect(probe?.timestampMs).toBeGreaterThan(0);
    const sequences = probesOf(client).map(({ sequence }) => sequence);
    expect(sequences.every((sequence) => sequence >= 1 && Number.isSafeInteger(sequence))).toBe(true);
    expect(new Set(sequences).size).toBe(4);
    client.sendData('s', 'still here');
    await client.untilData(2);
    // The gateway asked, and an answer was never answered.
    expect(client.received.filter((message) => message.ack !== 0)).toEqual([]);
    expect(server.gateway.metrics.probesAnswered).toBeGreaterThanOrEqual(3);
    expect(server.gateway.metrics.probesFailed).toBe(0);
  });

  it('ends a client that does not answer as STALE; the others stay', async () => {
    await using server = await startGateway(settings);
    using talker = new StreamClient(server.address);
    answering(talker, ({ sequence }) => ({ type: 'MESSAGE_TYPE_HEALTH_CHECK', sequence, ack: sequence }));
    talker.sendData('s', 'hello');
    await talker.untilData(1);
    using client = new StreamClient(server.address);
    client.sendData('s', 'hello');
    const status = await client.status;
    const details = detailsOf(status);
    expect(details).toMatchObject({ code: UNAVAILABLE, reason: 'STALE', domain: 'sluice' });
    expect(details.message).toContain('200 ms (health.maxInactivity)');
    expect(details.message).toContain('1000 ms (health.probeAnswerTimeout)');
    expect(probesOf(client)).toHaveLength(1);
    expect(server.gateway.metrics.probesFailed).toBe(1);
    await expect.poll(() => server.gateway.metrics.connectionsEnded.get('STALE')).toBe(1);
    talker.sendData('s', 'still here');
    await talker.untilData(2);
  });

  it('does not ask those whom it does not read itself, nor those that have said their last word', async () => {
    await using server = await startGateway({ ...settings, 'stream.receiveQueueMessages': 2 });
    using halfClosed = new StreamClient(server.address, { metadata: { 'x-route': 'conformance' } });
    halfClosed.sendData('s', 'slow', { metadata: { 'delay-ms': '1000' } });
    halfClosed.halfClose();
    using unread = new StreamClient(server.address, { metadata: { 'x-route': 'conformance' } });
    unread.sendData('s', 'slow', { metadata: { 'delay-ms': '1000' } });
    for (let n = 0; n < 10; n += 1) unread.sendData('s', 'behind it');
    expect((await halfClosed.status).code).toBe(0);
    expect(halfClosed.data).toHaveLength(1);
    expect(probesOf(halfClosed)).toEqual([]);
    await unread.untilData(1);
    expect(probesOf(unread)).toEqual([]);
  });

  it('removes a half-open socket: the network swallows everything, and says nothing', async () => {
    await using server = await startGateway({
      ...settings,
      'server.keepaliveInterval': '1s',
      'server.keepaliveTimeout': '1s',
    });
    await using proxy = await FaultProxy.start(server.address);
    using client = new StreamClient(proxy.address, { metadata: { 'x-route': 'conformance' } });
    answering(client, ({ sequence }) => ({ type: 'MESSAGE_TYPE_HEALTH_CHECK', sequence, ack: sequence }));
    client.sendData('s', 'hello');
    client.sendData('s', 'never accepted', { metadata: { never: '' } });
    await client.untilData(1);
    expect(server.gateway.sockets).toBe(1);
    proxy.freeze();
    await expect.poll(() => server.gateway.sockets, { timeout: 15_000 }).toBe(0);
    expect(server.gateway.connections).toBe(0);
    expect(server.gateway.sessions).toBe(0);
    expect(server.gateway.metrics.up.droppedBy['connection-closed']).toBe(1);
    using bystander = new Bystander(server.address);
    await bystander.check();
  });
});
