/** CONTROL, probes and acknowledgements on a simple connection. */
import { describe, expect, it } from 'vitest';
import { MessageType } from '../../src/wire/messages.js';
import { detailsOf } from '../helpers/call-status.js';
import { startGateway } from '../helpers/gateway.js';
import { StreamClient, type Received } from '../helpers/stream-client.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';
import { settled } from '../helpers/settled.js';
import { framedMessage, WireClient } from '../helpers/wire-client.js';

function control(action: string, sessionId = '', fields: object = {}): object {
  return { type: 'MESSAGE_TYPE_CONTROL', sessionId, control: { [action]: fields } };
}

function texts(client: StreamClient): string[] {
  return client.data.map((message) => `${message.sessionId}: ${message.data.toString()}`);
}

function probes(client: StreamClient): Received[] {
  return client.received.filter((message) => message.type === 'MESSAGE_TYPE_HEALTH_CHECK');
}

/** Comes back when the gateway has read, and answered, everything sent so far, whatever of it is held back. */
async function roundTrip(client: StreamClient, sequence: number): Promise<void> {
  client.send({ type: 'MESSAGE_TYPE_HEALTH_CHECK', sequence, timestampMs: 1 });
  await client.until(() => probes(client).some((probe) => probe.ack === sequence));
}

describe.each(STREAM_HANDLERS)('control through the %s handler', (streamHandler) => {
  const settings = { 'server.streamHandler': streamHandler };

  it('Pause holds the data of one session, Resume lets it go; the others are not held', async () => {
    await using server = await startGateway(settings);
    using client = new StreamClient(server.address);
    client.sendData('a', 'before');
    client.send(control('pause', 'a'));
    client.sendData('a', 'held 1');
    client.sendData('a', 'held 2');
    client.sendData('b', 'free');
    await client.untilData(2);
    await roundTrip(client, 1);
    expect(texts(client).sort()).toEqual(['a: before', 'b: free']);
    expect(server.gateway.metrics.down.pending).toBe(2);
    client.send(control('resume', 'a'));
    await client.untilData(4);
    expect(texts(client).slice(2)).toEqual(['a: held 1', 'a: held 2']);
  });

  it('Pause without a session holds all data, and nothing but data', async () => {
    await using server = await startGateway(settings);
    using client = new StreamClient(server.address);
    client.send(control('pause'));
    client.sendData('a', 'held');
    client.sendData('b', 'held');
    // Control passes, a turn later as well.
    await roundTrip(client, 1);
    await roundTrip(client, 2);
    expect(client.data).toEqual([]);
    client.send(control('resume'));
    await client.untilData(2);
    expect(texts(client)).toEqual(['a: held', 'b: held']);
  });

  it("keeps a session's own Pause when all are resumed", async () => {
    await using server = await startGateway(settings);
    using client = new StreamClient(server.address);
    client.sendData('a', 'before');
    await client.untilData(1);
    client.send(control('pause', 'a'));
    client.send(control('pause'));
    client.sendData('a', 'held');
    client.sendData('b', 'freed');
    client.send(control('resume'));
    await client.untilData(2);
    await roundTrip(client, 1);
    expect(texts(client)).toEqual(['a: before', 'b: freed']);
    // A half-close is the last word: no Resume can follow it, so what waits is given.
    client.halfClose();
    expect((await client.status).code).toBe(0);
    expect(texts(client).at(-1)).toBe('a: held');
  });

  it.each(['all sessions', 'one session'])(
    'ends a client that paused %s and filled the receive queue: its Resume could not be read',
    async (what) => {
      await using server = await startGateway({
        ...settings,
        'stream.receiveQueueMessages': 4,
        'stream.sendQueueMessages': 4,
      });
      using client = new StreamClient(server.address);
      client.sendData('a', 'before');
      await client.untilData(1);
      client.send(control('pause', what === 'one session' ? 'a' : ''));
      for (let n = 0; n < 20; n += 1) client.sendData('a', `message ${n}`);
      const details = detailsOf(await client.status);
      expect(details).toMatchObject({ code: 8, reason: 'SLOW_CONSUMER' });
      expect(details.message).toContain('stream.receiveQueueMessages = 4');
      const { up, down } = server.gateway.metrics;
      expect(up.dropped + down.dropped).toBeGreaterThan(0);
      expect(texts(client)).toEqual(['a: before']);
    },
  );

  it('answers a probe at once, with its sequence, time and an ack; never an answer', async () => {
    await using server = await startGateway({ ...settings, 'health.interval': 0 });
    using client = new StreamClient(server.address);
    const sequence = Number.MAX_SAFE_INTEGER;
    // An answer to nothing, then a probe: the probe's answer is the first and only one.
    client.send({ type: 'MESSAGE_TYPE_HEALTH_CHECK', sequence: 5, ack: 5, timestampMs: 9 });
    client.send({ type: 'MESSAGE_TYPE_HEALTH_CHECK', sequence, timestampMs: 123 });
    await client.until(() => probes(client).length > 0);
    await roundTrip(client, 6);
    expect(probes(client).map(({ sequence: s, ack, timestampMs }) => [s, ack, timestampMs])).toEqual([
      [sequence, sequence, 123],
      [6, 6, 1],
    ]);
    expect(client.controls('error')).toEqual([]);
  });

  it.each<readonly [string, object, string]>([
    ['a probe with sequence 0', { type: 'MESSAGE_TYPE_HEALTH_CHECK', sequence: 0 }, 'sequence 0'],
    ['ACK', { type: 'MESSAGE_TYPE_ACK', sessionId: 'a', ack: 1 }, 'ACK'],
    ['Window', control('window', 'a', { messages: 10 }), 'Window'],
    ['a type of the future', { type: 99, sessionId: 'a' }, '99'],
    ['a negative type', { type: -1, sessionId: 'a' }, '-1'],
    ['CONTROL without an action', { type: 'MESSAGE_TYPE_CONTROL' }, 'without an action'],
    ['Pause of a session that is not open', control('pause', 'nobody'), 'nobody'],
    ['Resume of a session that is not open', control('resume', 'nobody'), 'nobody'],
    ['Authenticate', control('authenticate', '', { token: 'secret-token' }), 'Authenticate'],
    ...['welcome', 'opened', 'closed', 'gap', 'throttle', 'drain', 'error'].map(
      (action) => [`what only the gateway says: ${action}`, control(action, 'a'), action] as const,
    ),
  ])('answers %s with Error; the connection goes on', async (_, message, part) => {
    await using server = await startGateway(settings);
    using client = new StreamClient(server.address);
    client.sendData('a', 'before');
    client.send(message);
    client.sendData('a', 'after');
    await client.until(() => client.data.length === 2 && client.controls('error').length === 1);
    expect(texts(client)).toEqual(['a: before', 'a: after']);
    const error = client.controls('error')[0]?.control?.['error'];
    expect(error).toMatchObject({ code: 'INVALID_MESSAGE', message: expect.stringContaining(part) });
    expect(error?.['message']).not.toContain('secret-token');
    expect(server.gateway.metrics.receiveErrors.get('INVALID_MESSAGE')).toBe(1);
  });

  it('answers Open on a simple connection with Closed for that session; the connection goes on', async () => {
    await using server = await startGateway(settings);
    using client = new StreamClient(server.address);
    client.sendData('b', 'before');
    client.send(control('open', 'a', { route: 'echo' }));
    client.sendData('b', 'goes on');
    await client.untilData(2);
    await client.until(() => client.controls('closed').length === 1);
    const [closed] = client.controls('closed');
    expect(closed?.sessionId).toBe('a');
    expect(closed?.control?.['closed']).toMatchObject({
      code: 'INVALID_MESSAGE',
      retry: 'RETRY_ADVICE_NEVER',
    });
  });

  it('ends the connection for sequenced data: sequences need an opened session', async () => {
    await using server = await startGateway(settings);
    using client = new StreamClient(server.address);
    client.sendData('a', 'in order', { sequence: 1 });
    const details = detailsOf(await client.status);
    expect(details).toMatchObject({ code: 3, reason: 'INVALID_MESSAGE', domain: 'sluice' });
    expect(details.message).toContain('sequence 1');
    expect(client.data).toEqual([]);
    await expect.poll(() => server.gateway.metrics.connectionsEnded.get('INVALID_MESSAGE')).toBe(1);
  });

  it('stops reading a client that does not take its answers, and reads on when it does', async () => {
    const maxControlAnswers = 8;
    await using server = await startGateway({ ...settings, 'stream.maxControlAnswers': maxControlAnswers });
    using client = new WireClient(server.address);
    const call = client.open();
    const flood = 40_000;
    const probe = (sequence: number): Buffer =>
      framedMessage({ type: MessageType.HEALTH_CHECK, sequence, timestampMs: 1_700_000_000_000 });
    call.end(Buffer.concat(Array.from({ length: flood }, (_, n) => probe(n + 1))));
    await expect.poll(() => server.gateway.metrics.readsStopped).toBeGreaterThan(0);
    await settled(() => server.gateway.metrics.messagesReceived);
    // What the network took in answers (its windows and buffers), and the queue: nothing like the flood.
    expect(server.gateway.metrics.messagesReceived).toBeLessThan(flood / 2);

    const messages = await client.messages(call);
    const answers = messages.filter(
      (message) => message.type === MessageType.HEALTH_CHECK && message.ack > 0,
    );
    expect(answers.map((message) => message.sequence)).toEqual(
      Array.from({ length: flood }, (_, n) => n + 1),
    );
  });
});
