/** Clients of opened sessions that ask for too much: what they can make the gateway keep for them. */
import { afterEach, describe, expect, it } from 'vitest';
import { SluiceError } from '../../src/core/errors.js';
import { ByteAccount } from '../../src/flow/byte-account.js';
import { MemoryConnection } from '../../src/transport/memory/memory-connection.js';
import { controlMessage, dataMessage, type DataMessage } from '../../src/wire/messages.js';
import { windowedSettings } from '../helpers/fake-stream.js';
import { memoryServer, readingClient } from '../helpers/memory-server.js';
import { data, openOf, TestRoute, tokenOf } from '../helpers/windowed-world.js';

const MAX_ANSWERS = 16;
/** Errors that are kept of a session, and told again with each Opened and each Closed of its record. */
const ERRORS = 100;

const worlds: ReturnType<typeof memoryServer>[] = [];

afterEach(async () => {
  for (const { server, clock, account, metrics, sessions, pool } of worlds.splice(0)) {
    server.destroy();
    await clock.settle();
    expect([account.bytes, clock.pending, sessions.size, pool.size]).toEqual([0, 0, 0, 0]);
    for (const flow of [metrics.up, metrics.down]) {
      expect(flow.pending).toBe(0);
      expect(flow.admitted).toBe(flow.delivered + flow.dropped);
    }
  }
});

function world(windowed: Partial<typeof windowedSettings> = {}, budgetBytes = 1 << 30) {
  const route = new TestRoute();
  const made = memoryServer(
    route,
    { maxControlAnswers: MAX_ANSWERS, receiveQueueMessages: 10_000, sendBufferBytes: 4_000 },
    [],
    { max: 10_000, maxPerClient: 10_000 },
    { ...windowedSettings, ...windowed },
    new ByteAccount(budgetBytes),
  );
  worlds.push(made);
  return { ...made, route };
}

type World = ReturnType<typeof world>;

const inSession = (id: string, message: DataMessage): DataMessage => ({ ...message, sessionId: id });
const openMessage = (id: string, fields: Parameters<typeof openOf>[0] = {}): DataMessage =>
  controlMessage(openOf(fields), id);

/** A session whose every message fails, on a connection of its own that is then gone. */
async function failingSession(made: World, id: string): Promise<void> {
  made.route.onMessage = () => {
    throw new SluiceError('RATE_LIMITED', 'not now');
  };
  const { client, controls } = readingClient(made);
  client.send(openMessage(id));
  await made.clock.settle();
  for (let n = 1; n <= ERRORS; n += 1) {
    client.send(inSession(id, data(n)));
    // An answer each: room for them comes with the turn.
    if (n % MAX_ANSWERS === 0) await made.clock.settle();
  }
  await made.clock.settle();
  expect(controls('error')).toHaveLength(ERRORS);
  client.break();
  await made.clock.settle();
}

/** A client that sends Opens in one go and reads nothing, on a line that holds little. */
function deafClient(made: World): MemoryConnection {
  return new MemoryConnection(made.server.accept, {
    clock: made.clock,
    method: 'StreamBatches',
    metadata: { 'x-client-id': 'ann' },
    windowBytes: 1_000,
  });
}

function mostControl(made: World): number {
  return Math.max(0, ...[...made.pool].map(({ sendQueue }) => sendQueue.controlCount));
}

describe('Opens that are answered by many Errors', () => {
  it('of ended sessions wait for room among the answers: no more than one answer is beyond the bound', async () => {
    const made = world();
    await failingSession(made, 's');
    const session = [...made.server.windowed][0];
    session?.expel('session-closed', new SluiceError('SLOW_CONSUMER', 'over'));
    const client = deafClient(made);
    const opens = Array.from({ length: 1_000 }, () => openMessage('s', { resume: true, attempt: 2 }));
    client.send(...opens);
    for (let i = 0; i < 50; i += 1) {
      await made.clock.settle();
      expect(mostControl(made)).toBeLessThanOrEqual(MAX_ANSWERS + ERRORS + 1);
    }
    expect(mostControl(made)).toBeGreaterThan(MAX_ANSWERS);
    client.break();
    await made.clock.settle();
  });

  it('of sessions that wait as well', async () => {
    const made = world();
    const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const id of ids) await failingSession(made, id);
    const client = deafClient(made);
    client.send(...ids.map((id) => openMessage(id, { resume: true, attempt: 2 })));
    for (let i = 0; i < 50; i += 1) {
      await made.clock.settle();
      expect(mostControl(made)).toBeLessThanOrEqual(MAX_ANSWERS + ERRORS + 2);
    }
    expect(mostControl(made)).toBeGreaterThan(MAX_ANSWERS);
    client.break();
    await made.clock.settle();
  });

  it('are all answered in the end, in order, and what came behind them is not mixed up', async () => {
    const made = world();
    await failingSession(made, 's');
    made.route.onMessage = () => undefined;
    made.route.handled.length = 0;
    const [session] = made.server.windowed;
    session?.expel('session-closed', new SluiceError('SLOW_CONSUMER', 'over'));
    const client = deafClient(made);
    const again = openMessage('s', { resume: true, attempt: 2 });
    client.send(
      ...[again, again, openMessage('x', { resumeToken: tokenOf(7) })],
      ...[1, 2, 3].map((n) => inSession('x', data(n))),
      ...[again, controlMessage({ action: 'close' }, 'x')],
    );
    client.halfClose();
    await made.clock.settle();
    const words: string[] = [];
    const reading = (async () => {
      for await (const { control, sessionId, ack } of client) {
        if (sessionId !== '') words.push(`${sessionId} ${control?.action ?? `ack ${ack}`}`);
      }
    })();
    for (let i = 0; i < 200; i += 1) await made.clock.settle();
    await reading;
    const ended = [...Array.from({ length: ERRORS }, () => 's error'), 's closed'];
    expect(words).toEqual([...ended, ...ended, 'x opened', ...ended, 'x closed']);
    expect(made.route.handled.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect(await client.ended).toMatchObject({ close: 'ended', error: undefined });
  });
});

describe('Opens and Closes, again and again', () => {
  it('leave a bounded number of records, and no session', async () => {
    const ended = { max: 60, maxPerClient: 40, maxBytes: 100_000 };
    const made = world({ ended });
    const { client, controls } = readingClient(made);
    for (let i = 0; i < 1_000; i += 1) {
      const id = `s${i % 50}`;
      const token = new Uint8Array(16);
      new DataView(token.buffer).setUint32(0, i + 1);
      client.send(openMessage(id, { resumeToken: token }), controlMessage({ action: 'close' }, id));
      await made.clock.settle();
      expect(made.server.windowed.remembered.size).toBeLessThanOrEqual(ended.maxPerClient);
    }
    expect(controls('closed')).toHaveLength(1_000);
    expect(controls('closed').every(({ code }) => code === '')).toBe(true);
    expect([made.server.windowed.size, made.sessions.size]).toEqual([0, 0]);
    await made.clock.advanceAsync(2 * windowedSettings.limits.resumeWindowMs);
    expect(made.server.windowed.remembered.size).toBe(0);
  });

  it('with tokens of sessions that never were: each is answered, few are remembered', async () => {
    const ended = { max: 60, maxPerClient: 40, maxBytes: 100_000 };
    const made = world({ ended });
    const { client, controls } = readingClient(made);
    for (let i = 0; i < 300; i += 1) {
      client.send(openMessage(`s${i}`, { resume: true }));
      await made.clock.settle();
    }
    expect(controls('opened').filter(({ resumeToken }) => resumeToken.length === 0)).toHaveLength(300);
    expect(made.server.windowed.remembered.size).toBe(ended.maxPerClient);
    client.cancel();
    await made.clock.settle();
  });
});

describe('sessions opened, and their connections cut, again and again', () => {
  const bounds = { maxDetached: 20, maxDetachedBytes: 50_000 };

  it('are bounded in number: the oldest is told that it is gone, the newest goes on', async () => {
    const made = world(bounds);
    for (let i = 0; i < 300; i += 1) {
      const { client } = readingClient(made);
      client.send(openMessage(`s${i}`));
      await made.clock.settle();
      client.break();
      await made.clock.settle();
      expect(made.server.windowed.detached.size).toBeLessThanOrEqual(bounds.maxDetached);
    }
    expect(made.metrics.sessionsEvicted).toBe(300 - bounds.maxDetached);
    expect(made.route.closed).toBe(300 - bounds.maxDetached);
    const { client, controls } = readingClient(made);
    client.send(openMessage('s279', { resume: true, attempt: 2 }));
    client.send(openMessage('s280', { resume: true, attempt: 2 }));
    await made.clock.settle();
    expect(controls('opened').map(({ resumed, resumeToken }) => [resumed, resumeToken.length])).toEqual([
      [false, 0],
      [true, 16],
    ]);
    client.cancel();
    await made.clock.settle();
  });

  it('are bounded in bytes: who holds the most goes, whoever holds little stays', async () => {
    const made = world(bounds);
    const small = readingClient(made);
    small.client.send(openMessage('small'));
    await made.clock.settle();
    void made.route.session.send({ data: new Uint8Array(500) });
    small.client.break();
    await made.clock.settle();
    for (let i = 0; i < 100; i += 1) {
      const { client } = readingClient(made);
      client.send(openMessage(`s${i}`));
      await made.clock.settle();
      for (let n = 0; n < 4; n += 1) void made.route.session.send({ data: new Uint8Array(5_000) });
      client.break();
      await made.clock.settle();
      expect(made.server.windowed.detached.bytes).toBeLessThanOrEqual(bounds.maxDetachedBytes);
      expect(made.account.bytes).toBeLessThanOrEqual(bounds.maxDetachedBytes);
    }
    expect(made.metrics.down.droppedBy.evicted).toBeGreaterThanOrEqual(4 * 97);
    const { client, controls, received } = readingClient(made);
    client.send(openMessage('small', { resume: true, attempt: 2 }));
    client.send(openMessage('s50', { resume: true, attempt: 2 }));
    await made.clock.settle();
    expect(controls('opened').map(({ resumed }) => resumed)).toEqual([true, false]);
    expect(received.filter(({ data: { length } }) => length > 0).map(({ sequence }) => sequence)).toEqual([
      1,
    ]);
    client.cancel();
    await made.clock.settle();
  });

  it('while their routes go on sending: what they come to hold counts', async () => {
    const made = world(bounds);
    for (let i = 0; i < 10; i += 1) {
      const { client } = readingClient(made);
      client.send(openMessage(`s${i}`));
      await made.clock.settle();
      client.break();
      await made.clock.settle();
    }
    for (let round = 0; round < 20; round += 1) {
      for (const session of made.route.sessions) {
        try {
          void session.send({ data: new Uint8Array(1_000) });
        } catch {
          // Evicted.
        }
      }
      await made.clock.settle();
      expect(made.server.windowed.detached.bytes).toBeLessThanOrEqual(bounds.maxDetachedBytes);
    }
    expect(made.metrics.sessionsEvicted).toBeGreaterThan(0);
    expect(made.server.windowed.size).toBeGreaterThan(0);
  });
});

describe('messages without any bytes', () => {
  it('are counted as well: a client that never takes them is ended above the budget', async () => {
    const made = world({}, 100_000);
    const { client, controls } = readingClient(made);
    client.send(openMessage('s', { windowMessages: 100_000 }));
    await made.clock.settle();
    let sent = 0;
    for (; sent < 3_000; sent += 1) if (made.route.session.send({}) !== undefined) break;
    expect(sent).toBeLessThan(500);
    expect(made.metrics.budgetExceeded).toBe(1);
    await made.clock.advanceAsync(2_000);
    expect(controls('closed')).toMatchObject([{ code: 'OVERLOADED' }]);
    expect(made.account.bytes).toBe(0);
    client.cancel();
    await made.clock.settle();
  });

  it('so are the Errors kept for the client', async () => {
    const made = world();
    await failingSession(made, 's');
    expect(made.account.bytes).toBeGreaterThan(ERRORS * 'not now'.length);
    expect(made.server.windowed.detached.bytes).toBe(made.account.bytes);
    made.route.onMessage = () => undefined;
    const { client } = readingClient(made);
    client.send(openMessage('s', { resume: true, attempt: 2 }));
    await made.clock.settle();
    for (let n = ERRORS + 1; n <= ERRORS + 300; n += 1) client.send(inSession('s', data(n)));
    await made.clock.advanceAsync(100);
    // A window behind, they are settled.
    expect(made.account.bytes).toBe(0);
    client.cancel();
    await made.clock.settle();
  });
});

describe('DATA for sessions that are not open', () => {
  it('is counted, not answered, and kept by nobody', async () => {
    const made = world();
    const { client, received } = readingClient(made);
    client.send(openMessage('s'));
    await made.clock.settle();
    const before = received.length;
    for (let i = 1; i <= 2_000; i += 1) client.send(dataMessage({ sessionId: `x${i}`, sequence: i }));
    await made.clock.settle();
    expect(made.metrics.messagesRefused.get('not-open')).toBe(2_000);
    expect([received.length - before, made.sessions.size, made.account.bytes]).toEqual([0, 1, 0]);
    client.cancel();
    await made.clock.settle();
  });
});
