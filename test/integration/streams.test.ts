/** Simple connections, message by message: what a client of ten lines may rely on. */
import { describe, expect, it } from 'vitest';
import { startGateway } from '../helpers/gateway.js';
import { StreamClient } from '../helpers/stream-client.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';

const CONFORMANCE = { 'x-route': 'conformance' };

function texts(client: StreamClient, sessionId: string): string[] {
  return client.data
    .filter((message) => message.sessionId === sessionId)
    .map((message) => message.data.toString());
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `message ${n}`);
}

describe.each(STREAM_HANDLERS)('a simple connection through the %s handler', (streamHandler) => {
  const settings = { 'server.streamHandler': streamHandler };

  it('is welcomed before anything else, with what the client has to know', async () => {
    await using server = await startGateway({
      ...settings,
      'server.maxMessageSize': '64KiB',
      'session.maxPerConnection': 7,
      'stream.heartbeatInterval': '1500ms',
    });
    using named = new StreamClient(server.address, { metadata: { 'x-client-id': 'ann' } });
    using unnamed = new StreamClient(server.address);
    // Both speak before they are spoken to: Welcome is first all the same.
    for (const client of [named, unnamed]) client.sendData('s', 'hello');
    await Promise.all([named.untilData(1), unnamed.untilData(1)]);

    const welcomes = [named, unnamed].map((client) => client.received[0]?.control?.['welcome']);
    expect(welcomes[0]).toEqual({
      connectionId: expect.stringMatching(/^[\x21-\x7e]{1,128}$/),
      clientId: 'ann',
      nodeId: 'test',
      heartbeatIntervalMs: 1_500,
      maxMessageBytes: 65_536,
      maxSessions: 7,
      resumeWindowMs: 10_000,
      protocolVersion: 1,
    });
    // Who brings no name is given one, and connections have each their own.
    expect(welcomes[1]?.['clientId']).toMatch(/^[0-9a-f-]{36}$/);
    expect(welcomes[1]?.['connectionId']).not.toBe(welcomes[0]?.['connectionId']);
    expect(named.controls('welcome')).toHaveLength(1);
  });

  it('echoes data, key and metadata as they came, stamped by the gateway', async () => {
    await using server = await startGateway(settings);
    using client = new StreamClient(server.address);
    const binary = Buffer.from([0, 1, 2, 0xff, 0xfe, 0x80, 0]);
    client.sendData('s', binary, { key: 'clé 流', metadata: { a: '1', Ü: 'ß', empty: '' }, timestampMs: 5 });
    client.sendData('s', '');
    client.send({ type: 'MESSAGE_TYPE_DATA', sessionId: 'typed', data: Buffer.alloc(300_000, 7) });
    await client.untilData(3);

    const [first, empty, large] = client.data;
    expect(first).toMatchObject({ data: binary, key: 'clé 流', metadata: { a: '1', Ü: 'ß', empty: '' } });
    expect(first).toMatchObject({ sequence: 0, ack: 0 });
    expect(first?.timestampMs).toBeGreaterThan(5);
    expect(empty).toMatchObject({ sessionId: 's', data: Buffer.alloc(0), key: '', metadata: {} });
    expect(large?.sessionId).toBe('typed');
    expect(large?.data.equals(Buffer.alloc(300_000, 7))).toBe(true);
  });

  it('opens a session by its name being used, whatever printable characters it has', async () => {
    await using server = await startGateway(settings);
    using client = new StreamClient(server.address);
    const names = ['a', 'b:c', ' with spaces ', '流🚰', 'x'.repeat(128), '__proto__', 'constructor'];
    for (const name of names) client.sendData(name, 'hello');
    await client.untilData(names.length);
    expect(client.data.map((message) => message.sessionId)).toEqual(names);
    expect(server.gateway.sessions).toBe(names.length);
    expect(server.gateway.metrics.sessionsOpened).toBe(names.length);
  });

  it('takes the route its metadata names, with its subject, else the default', async () => {
    const opened: (readonly [string, string, string])[] = [];
    const told = {
      kind: 'told',
      open: (session: { clientId: string; sessionId: string; subject: string }) => {
        opened.push([session.clientId, session.sessionId, session.subject]);
        return { handle: () => undefined };
      },
    };
    await using server = await startGateway(settings, { told });
    const metadata = { 'x-client-id': 'ann', 'x-route': 'told', 'x-subject': 'weather/oslo' };
    using client = new StreamClient(server.address, { metadata });
    using plain = new StreamClient(server.address);
    client.sendData('s', 'not echoed');
    plain.sendData('s', 'echoed');
    client.halfClose();
    await plain.untilData(1);
    expect((await client.status).code).toBe(0);
    expect(client.data).toEqual([]);
    expect(opened).toEqual([['ann', 's', 'weather/oslo']]);
  });

  it('keeps the order within a session; no session waits for another', async () => {
    await using server = await startGateway(settings);
    using client = new StreamClient(server.address, { metadata: CONFORMANCE });
    // The slow session's first message is accepted only when the test lets go of it: never.
    client.sendData('stuck', 'never accepted', { metadata: { never: '' } });
    client.sendData('stuck', 'behind it');
    client.sendData('slow', 'first', { metadata: { 'delay-ms': '200' } });
    client.sendData('slow', 'second', { metadata: { 'delay-ms': '1' } });
    client.sendData('slow', 'third');
    for (const text of numbered(100)) client.sendData('quick', text);
    await client.until(() => texts(client, 'quick').length === 100);
    expect(texts(client, 'quick')).toEqual(numbered(100));
    await client.until(() => texts(client, 'slow').length === 3);
    expect(texts(client, 'slow')).toEqual(['first', 'second', 'third']);
    expect(texts(client, 'stuck')).toEqual([]);
    expect(server.gateway.metrics.up.pending).toBe(2);
  });

  it('tells of a message its route failed on; the session goes on', async () => {
    await using server = await startGateway(settings);
    using client = new StreamClient(server.address, { metadata: CONFORMANCE });
    client.sendData('s', 'before');
    client.sendData('s', 'bad', { metadata: { fail: 'the shelf is empty' } });
    client.sendData('s', 'after');
    await client.until(() => client.data.length === 2 && client.controls('error').length === 1);
    expect(texts(client, 's')).toEqual(['before', 'after']);
    const [error] = client.controls('error');
    expect(error?.sessionId).toBe('s');
    expect(error?.control?.['error']).toMatchObject({ code: 'ROUTE_FAILED', message: 'the shelf is empty' });
    // Failed is handled: all three count as delivered to the route.
    expect(server.gateway.metrics.up.delivered).toBe(3);
    expect(server.gateway.metrics.routeErrors).toBe(1);
  });

  it('keeps the text of an unforeseen failure to itself, and to its log', async () => {
    await using server = await startGateway(settings);
    using client = new StreamClient(server.address, { metadata: CONFORMANCE });
    for (let n = 0; n < 3; n += 1) client.sendData('s', 'bad', { metadata: { throw: 'password=hunter2' } });
    client.sendData('s', 'after');
    await client.untilData(1);
    const errors = client.controls('error').map((message) => message.control?.['error']);
    expect(errors.map((error) => error?.['code'])).toEqual(['ROUTE_FAILED', 'ROUTE_FAILED', 'ROUTE_FAILED']);
    expect(JSON.stringify(client.received)).not.toContain('hunter2');
    const logged = server.log.filter(
      (line) => 'err' in line.fields && String(line.fields.err).includes('hunter2'),
    );
    // Once aloud: a route that fails on every message must not fill the log.
    expect(logged.map((line) => line.level)).toEqual(['warn', 'debug', 'debug']);
  });

  it('follows the data of a session its route ends with Closed and the reason; its name may be used anew', async () => {
    await using server = await startGateway(settings);
    using client = new StreamClient(server.address, { metadata: CONFORMANCE });
    for (const text of numbered(50)) client.sendData('s', text);
    client.sendData('s', '', { metadata: { end: 'that is all' } });
    await client.until(() => client.controls('closed').length === 1);
    expect(texts(client, 's')).toEqual(numbered(50));
    const closed = client.received.at(-1);
    expect(closed?.sessionId).toBe('s');
    expect(closed?.control?.['closed']).toEqual({
      code: '',
      reason: 'that is all',
      retry: 'RETRY_ADVICE_UNSPECIFIED',
      retryAfterMs: 0,
    });
    expect(server.gateway.sessions).toBe(0);
    client.sendData('s', 'again');
    await client.untilData(51);
    expect(server.gateway.metrics.sessionsOpened).toBe(2);
  });

  it("answers the client's Close with Closed behind everything it had sent, and again when it asks again", async () => {
    await using server = await startGateway(settings);
    using client = new StreamClient(server.address, { metadata: CONFORMANCE });
    const close = { type: 'MESSAGE_TYPE_CONTROL', sessionId: 's', control: { close: {} } };
    client.sendData('s', 'slow', { metadata: { 'delay-ms': '50' } });
    for (const text of numbered(20)) client.sendData('s', text);
    client.send(close);
    client.send(close);
    client.sendData('other', 'goes on');
    await client.until(() => client.controls('closed').length > 0);
    expect(texts(client, 's')).toEqual(['slow', ...numbered(20)]);
    client.send(close);
    client.sendData('other', 'still');
    await client.until(() => texts(client, 'other').length === 2 && client.controls('closed').length === 2);
    expect(
      client.controls('closed').map((message) => [message.sessionId, message.control?.['closed']?.['code']]),
    ).toEqual([
      ['s', ''],
      ['s', ''],
    ]);
    expect(client.controls('error')).toEqual([]);
    expect(server.gateway.sessions).toBe(1);
  });

  it('refuses data for a session between its Close and its Closed; nothing of it is counted as admitted', async () => {
    await using server = await startGateway(settings);
    using client = new StreamClient(server.address, { metadata: CONFORMANCE });
    client.sendData('s', 'slow', { metadata: { 'delay-ms': '50' } });
    client.send({ type: 'MESSAGE_TYPE_CONTROL', sessionId: 's', control: { close: {} } });
    client.sendData('s', 'too late');
    await client.until(() => client.controls('closed').length === 1);
    expect(texts(client, 's')).toEqual(['slow']);
    expect(client.controls('error').map((message) => message.control?.['error']?.['code'])).toEqual([
      'INVALID_MESSAGE',
    ]);
    expect(server.gateway.metrics.up.admitted).toBe(1);
  });

  it('ends OK after a half-close once everything received was handled and delivered', async () => {
    await using server = await startGateway(settings);
    using client = new StreamClient(server.address, { metadata: CONFORMANCE });
    client.sendData('slow', 'first', { metadata: { 'delay-ms': '100' } });
    client.sendData('slow', 'second');
    client.sendData('many', '', { metadata: { produce: '2000', size: '100' } });
    client.halfClose();
    expect((await client.status).code).toBe(0);
    expect(texts(client, 'slow')).toEqual(['first', 'second']);
    expect(texts(client, 'many')).toHaveLength(2_000);
    await expect.poll(() => server.gateway.metrics.connectionsEnded.get('OK')).toBe(1);
    expect(server.gateway.metrics.down.dropped).toBe(0);
  });

  it('drops and counts what a client that cancels has left behind', async () => {
    await using server = await startGateway(settings);
    using client = new StreamClient(server.address, { metadata: CONFORMANCE });
    client.sendData('s', 'never accepted', { metadata: { never: '' } });
    for (const text of numbered(10)) client.sendData('s', text);
    client.sendData('t', 'the other arrived');
    await client.untilData(1);
    expect(server.gateway.metrics.up.pending).toBe(11);
    client.close();
    await expect.poll(() => server.gateway.connections).toBe(0);
    const { up, connectionsEnded } = server.gateway.metrics;
    expect(up.droppedBy['connection-closed']).toBe(11);
    expect([...connectionsEnded]).toEqual([['CANCELLED', 1]]);
    expect(server.gateway.sessions).toBe(0);
  });

  it('ends at the deadline the client has set', async () => {
    await using server = await startGateway(settings);
    using client = new StreamClient(server.address, { deadline: new Date(Date.now() + 300) });
    client.sendData('s', 'in time');
    await client.untilData(1);
    expect((await client.status).code).toBe(4);
    await expect.poll(() => [...server.gateway.metrics.connectionsEnded.values()]).toEqual([1]);
  });

  it('takes whole batches, and answers in batches', async () => {
    await using server = await startGateway(settings);
    using client = new StreamClient(server.address, { method: 'StreamBatches' });
    let frames = 0;
    client.call.on('data', () => (frames += 1));
    const batch = Array.from({ length: 1_024 }, (_, n) => ({
      sessionId: `s${n % 3}`,
      data: Buffer.from(`message ${n}`),
    }));
    client.call.write({ messages: batch });
    client.call.write({ messages: [] });
    client.halfClose();
    expect((await client.status).code).toBe(0);
    for (const session of ['s0', 's1', 's2']) {
      const sent = batch.filter(({ sessionId }) => sessionId === session).map(({ data }) => data.toString());
      expect(texts(client, session)).toEqual(sent);
    }
    expect(frames).toBeLessThan(100);
  });
});
