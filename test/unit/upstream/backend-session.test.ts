import { describe, expect, test } from 'vitest';
import { GrpcStatus, SluiceError } from '../../../src/core/errors.js';
import { BackendSession } from '../../../src/upstream/backend-session.js';
import {
  controlMessage,
  dataMessage,
  type DataMessage,
  MessageType,
  openControl,
} from '../../../src/wire/messages.js';
import { upstreamWorld } from '../../helpers/upstream-world.js';

function world(...args: Parameters<typeof upstreamWorld>) {
  const made = upstreamWorld(...args);
  const { clock, pool, backend } = made;
  made.chance.value = 0;
  const [first = ''] = args[0];
  pool.start();
  const taken: DataMessage[] = [];
  const ends: (string | undefined)[] = [];
  const room = { promise: undefined as Promise<void> | undefined, error: undefined as Error | undefined };
  const session = new BackendSession({
    pool,
    session: {
      send: (message) => {
        if (room.error !== undefined) throw room.error;
        taken.push(message);
        return room.promise;
      },
      end: (reason) => ends.push(reason ?? 'ended'),
      fail: ({ code }) => ends.push(code),
    },
    sessionId: 's',
    open: openControl({ route: 'up', subject: 'tea', history: 3, afterSequence: 9 }),
    metadata: new Map([['client-id', 'ann']]),
    callMetadata: { 'client-id': 'ann' },
  });
  /** What became of each message, in the order in which it did. */
  const fates: string[] = [];
  const handle = (...texts: string[]): void => {
    for (const text of texts) {
      session.handle(dataMessage({ data: Buffer.from(text) })).then(
        () => fates.push(`${text} done`),
        (error: unknown) => fates.push(`${text} ${(error as SluiceError).code}`),
      );
    }
  };
  const turn = (): Promise<void> => clock.advanceAsync(0);
  return { ...made, session, handle, fates, taken, ends, room, turn, one: backend(first) };
}

/** A world whose first backend is well and has the session. */
async function atBackend(...args: Parameters<typeof upstreamWorld>) {
  const made = world(...args);
  for (const address of args[0]) made.backend(address).isWell();
  await made.turn();
  await made.turn();
  return made;
}

describe('messages', () => {
  test('wait for a backend, go out numbered, and are done when it says so', async () => {
    const { one, handle, fates, turn } = world(['a:1']);
    handle('x', 'y', 'z');
    await turn();
    one.isWell();
    await turn();
    const [open] = one.last.sent;
    expect(open).toMatchObject({
      type: MessageType.CONTROL,
      sessionId: 's',
      control: { route: 'up', subject: 'tea', history: 3, afterSequence: 9, resume: false, attempt: 1 },
    });
    expect(open?.metadata?.get('client-id')).toBe('ann');
    expect(one.last.numbers).toEqual([1, 2, 3]);
    one.last.acks(2);
    await turn();
    expect(fates).toEqual(['x done', 'y done']);
    one.last.says({ ack: 3 });
    await turn();
    expect(fates).toEqual(['x done', 'y done', 'z done']);
  });

  test('wait while the network takes no more', async () => {
    const { one, handle, turn } = await atBackend(['a:1']);
    one.last.hasRoom = false;
    handle('x');
    await turn();
    handle('y', 'z');
    await turn();
    expect(one.last.numbers).toEqual([1]);
    one.last.takesMore();
    expect(one.last.numbers).toEqual([1, 2, 3]);
  });

  test('fail one by one, and are not sent again', async () => {
    const { one, handle, fates, turn, clock } = await atBackend(['a:1']);
    handle('x', 'y', 'z');
    await turn();
    one.last.says(
      controlMessage({ action: 'error', code: 'MINE', message: 'no', sequence: 2, retryAfterMs: 0 }),
    );
    await turn();
    expect(fates).toEqual(['y ROUTE_FAILED']);
    one.last.ends();
    await clock.advanceAsync(100);
    expect(one.last.sent[0]?.control).toMatchObject({
      resume: true,
      afterSequence: 0,
      history: 0,
      attempt: 2,
    });
    expect(one.last.numbers).toEqual([1, 3]);
    one.last.acks(3);
    await turn();
    expect(fates).toEqual(['y ROUTE_FAILED', 'x done', 'z done']);
  });

  test('that are not acknowledged go to the next backend, in order, with those that come meanwhile', async () => {
    const { backend, handle, fates, turn, clock, pool } = await atBackend(['a:1', 'b:1']);
    const [dying, next] = backend('a:1').streams.length > 0 ? ['a:1', 'b:1'] : ['b:1', 'a:1'];
    handle('x', 'y', 'z');
    await turn();
    backend(dying).last.acks(1);
    backend(dying).last.ends();
    handle('later');
    await clock.advanceAsync(100);
    expect(backend(next).last.sent[0]?.control).toMatchObject({ resume: true, afterSequence: 1 });
    expect(backend(next).last.numbers).toEqual([2, 3, 4]);
    backend(next).last.acks(4);
    await turn();
    expect(fates).toEqual(['x done', 'y done', 'z done', 'later done']);
    expect(pool.levels.messagesRepeated).toBe(2);
  });

  test('of which no backend can have known are no resume', async () => {
    const { one, handle, turn, clock } = await atBackend(['a:1']);
    handle('x');
    await turn();
    one.last.ends({ failure: 'unreachable' });
    await clock.advanceAsync(100);
    expect(one.last.sent[0]?.control).toMatchObject({ resume: false, afterSequence: 9, attempt: 2 });
  });

  test('over which stream after stream ends fail alone', async () => {
    const { one, handle, fates, turn, clock, pool } = await atBackend(['a:1'], { maxAttempts: 2 });
    handle('poison', 'fine');
    await turn();
    for (let n = 0; n < 2; n += 1) {
      one.last.ends({ status: GrpcStatus.UNKNOWN });
      await clock.advanceAsync(200);
    }
    expect(fates).toEqual(['poison ROUTE_FAILED']);
    expect(one.last.numbers).toEqual([2]);
    expect(pool.levels.messagesGivenUp).toBe(1);
  });
});

test('a backend that speaks and dies, again and again, is tried ever more seldom', async () => {
  const { one, clock, chance } = await atBackend(['a:1'], { backoffFirst: 100, backoffMax: 400 });
  chance.value = 0.999;
  for (const delayMs of [100, 200, 400, 400]) {
    const before = one.streams.length;
    one.last.says({ data: Buffer.from('hello') });
    one.last.ends({ status: GrpcStatus.UNKNOWN });
    await clock.advanceAsync(delayMs - 1);
    expect(one.streams).toHaveLength(before);
    await clock.advanceAsync(1);
    expect(one.streams).toHaveLength(before + 1);
  }
  // One that lasted is another matter.
  await clock.advanceAsync(401);
  one.last.ends({ status: GrpcStatus.UNKNOWN });
  const before = one.streams.length;
  await clock.advanceAsync(100);
  expect(one.streams).toHaveLength(before + 1);
});

test('messages are not given up over backends that will not have the session just now, but over those that die', async () => {
  const own = { maxAttempts: 2, breakerFailures: 100, unavailableAfter: 5_000 };
  const { one, handle, fates, turn, clock, pool } = await atBackend(['a:1'], own);
  handle('x');
  await turn();
  for (const status of [GrpcStatus.UNAVAILABLE, GrpcStatus.RESOURCE_EXHAUSTED, GrpcStatus.UNAVAILABLE]) {
    one.last.ends({ status });
    await clock.advanceAsync(200);
  }
  expect(fates).toEqual([]);
  await clock.advanceAsync(5_000);
  one.last.ends({ status: GrpcStatus.UNAVAILABLE });
  await clock.advanceAsync(200);
  expect(fates).toEqual(['x UPSTREAM_UNAVAILABLE']);
  const other = await atBackend(['a:1'], own);
  other.handle('x', 'y');
  await other.turn();
  other.one.last.ends({ status: GrpcStatus.UNAVAILABLE, broken: true });
  await other.clock.advanceAsync(200);
  // It has taken the session on: that it leaves now may be for what it was sent.
  other.one.last.says({});
  other.one.last.ends({ status: GrpcStatus.UNAVAILABLE });
  await other.turn();
  expect(other.fates).toEqual(['x ROUTE_FAILED']);
  expect(pool.levels.messagesGivenUp).toBe(0);
});

test('a message that is given up is kept for no backend, and those around it are not disturbed', async () => {
  const { one, session, handle, fates, turn } = world(['a:1']);
  handle('x');
  const giveUp = new AbortController();
  const gone = session.handle(dataMessage({ data: Buffer.from('y') }), giveUp.signal);
  handle('z');
  giveUp.abort();
  await expect(gone).rejects.toMatchObject({ code: 'ROUTE_FAILED' });
  one.isWell();
  await turn();
  await turn();
  expect(one.last.numbers).toEqual([1, 3]);
  one.last.acks(3);
  await turn();
  expect(fates).toEqual(['x done', 'z done']);
});

describe('while no backend is there', () => {
  test('messages fail after a time, further ones at once, and the first backend that comes ends it', async () => {
    const { one, handle, fates, turn, clock, session } = world(['a:1'], { unavailableAfter: 5_000 });
    one.isGone();
    handle('x');
    await clock.advanceAsync(4_999);
    expect(fates).toEqual([]);
    await clock.advanceAsync(1);
    expect(fates).toEqual(['x UPSTREAM_UNAVAILABLE']);
    handle('y');
    await turn();
    expect(fates).toEqual(['x UPSTREAM_UNAVAILABLE', 'y UPSTREAM_UNAVAILABLE']);
    await clock.advanceAsync(5_000);
    one.isWell();
    await turn();
    handle('z');
    await turn();
    expect(one.last.numbers).toEqual([2]);
    one.last.acks(2);
    await turn();
    expect(fates.at(-1)).toBe('z done');
    session.close();
  });

  test('what the stream under way makes of a message decides, and not the time', async () => {
    const { one, handle, fates, turn, clock } = await atBackend(['a:1'], { unavailableAfter: 5_000 });
    handle('x');
    await clock.advanceAsync(5_000);
    expect(fates).toEqual([]);
    one.last.ends();
    await turn();
    expect(fates).toEqual(['x UPSTREAM_UNAVAILABLE']);
  });

  test('a session is refused once that has lasted', () => {
    const { pool, one, clock } = world(['a:1'], { unavailableAfter: 5_000 });
    one.isGone();
    expect(pool.outageMs).toBe(0);
    clock.advance(5_000);
    const open = (): BackendSession =>
      new BackendSession({
        pool,
        session: { send: () => undefined, end: () => undefined, fail: () => undefined },
        sessionId: 't',
        open: openControl({}),
        metadata: new Map(),
        callMetadata: {},
      });
    expect(open).toThrow(expect.objectContaining({ code: 'UPSTREAM_UNAVAILABLE', retryAfterMs: 5_000 }));
  });
});

describe('a backend that acknowledges nothing', () => {
  test('loses the session after ackTimeout, and its address is blamed', async () => {
    const { one, handle, clock, pool } = await atBackend(['a:1'], { ackTimeout: 1_000, breakerFailures: 1 });
    handle('x');
    await clock.advanceAsync(999);
    expect(one.last.isCancelled).toBe(false);
    await clock.advanceAsync(1);
    expect(one.last.isCancelled).toBe(true);
    expect(pool.levels).toMatchObject({ ackTimeouts: 1, addresses: [{ breaker: 'open', streamsLost: 1 }] });
  });

  test('has its time anew with each ack', async () => {
    const { one, handle, clock } = await atBackend(['a:1'], { ackTimeout: 1_000 });
    handle('x', 'y');
    const stream = one.last;
    await clock.advanceAsync(900);
    stream.acks(1);
    await clock.advanceAsync(900);
    expect(stream.isCancelled).toBe(false);
    await clock.advanceAsync(100);
    expect(stream.isCancelled).toBe(true);
  });

  test('has its time from the first message that it owes an ack for', async () => {
    const { one, handle, clock } = await atBackend(['a:1'], { ackTimeout: 1_000 });
    handle('x');
    const stream = one.last;
    await clock.advanceAsync(10);
    stream.acks(1);
    await clock.advanceAsync(980);
    handle('y');
    await clock.advanceAsync(999);
    expect(stream.isCancelled).toBe(false);
    await clock.advanceAsync(1);
    expect(stream.isCancelled).toBe(true);
  });

  test('is not to blame while it is not read', async () => {
    const { one, handle, clock, room, turn } = await atBackend(['a:1'], { ackTimeout: 1_000 });
    let makeRoom: () => void = () => undefined;
    room.promise = new Promise((resolve) => (makeRoom = resolve));
    handle('x');
    await turn();
    one.last.says({ data: Buffer.from('1') }, { data: Buffer.from('2') });
    expect(one.last.isPaused).toBe(true);
    await clock.advanceAsync(5_000);
    expect(one.last.isCancelled).toBe(false);
    room.promise = undefined;
    makeRoom();
    await turn();
    expect(one.last.isPaused).toBe(false);
    const stream = one.last;
    await clock.advanceAsync(1_999);
    expect(stream.isCancelled).toBe(true);
  });
});

describe('what a backend sends', () => {
  test('waits for the client, in order, and stops the reading, at the next backend too', async () => {
    const { one, taken, room, turn, clock } = await atBackend(['a:1']);
    let makeRoom: () => void = () => undefined;
    room.promise = new Promise((resolve) => (makeRoom = resolve));
    one.last.says({ data: Buffer.from('1') }, { data: Buffer.from('2') });
    expect(taken).toHaveLength(1);
    one.last.ends();
    await clock.advanceAsync(100);
    expect(one.streams).toHaveLength(2);
    expect(one.last.isPaused).toBe(true);
    room.promise = undefined;
    makeRoom();
    await turn();
    expect(taken.map(({ data }) => Buffer.from(data).toString())).toEqual(['1', '2']);
    expect(one.last.isPaused).toBe(false);
  });

  test('comes before what it acknowledges with it, or behind it', async () => {
    const { one, handle, fates, room, turn } = await atBackend(['a:1']);
    handle('x', 'y', 'z');
    await turn();
    const makeRoom: (() => void)[] = [];
    const full = (): void => {
      room.promise = new Promise((resolve) => makeRoom.push(resolve));
    };
    full();
    const error = { action: 'error', code: 'MINE', message: '', sequence: 2, retryAfterMs: 0 } as const;
    one.last.says({ data: Buffer.from('1'), ack: 1 }, { data: Buffer.from('2') }, controlMessage(error), {
      ack: 3,
    });
    await turn();
    expect(fates).toEqual([]);
    full();
    makeRoom[0]?.();
    await turn();
    expect(fates).toEqual(['x done']);
    room.promise = undefined;
    makeRoom[1]?.();
    await turn();
    expect(fates).toEqual(['x done', 'y ROUTE_FAILED', 'z done']);
  });

  test('is not sent again though its ack has yet to be told', async () => {
    const { one, handle, room, turn, clock } = await atBackend(['a:1']);
    handle('x', 'y');
    await turn();
    room.promise = new Promise(() => undefined);
    one.last.says({ data: Buffer.from('1'), ack: 1 });
    one.last.ends();
    await clock.advanceAsync(100);
    expect(one.last.numbers).toEqual([2]);
  });

  test.each([
    ['an ack of what it was not sent', { type: MessageType.ACK, ack: 2 }],
    [
      'an Error about what it was not sent',
      controlMessage({ action: 'error', code: '', message: '', sequence: 2, retryAfterMs: 0 }),
    ],
  ])('%s ends the stream, not the session', async (_, message) => {
    const { one, handle, turn, pool, ends } = await atBackend(['a:1']);
    handle('x');
    await turn();
    one.last.says(message, { data: Buffer.from('never taken') });
    expect(one.last.isCancelled).toBe(true);
    expect(pool.levels.offences).toBe(1);
    expect(ends).toEqual([]);
  });

  test('that says nothing new is put up with for a while', async () => {
    const { one, clock, pool } = await atBackend(['a:1']);
    const beat = { type: MessageType.HEARTBEAT };
    for (let n = 0; n < 1_000; n += 1) one.last.says(beat);
    await clock.advanceAsync(10_001);
    for (let n = 0; n < 1_000; n += 1) one.last.says(beat);
    expect(pool.levels.offences).toBe(0);
    one.last.says(beat);
    expect(pool.levels.offences).toBe(1);
  });

  test.each([
    ['a payload that does not fit', new SluiceError('MESSAGE_TOO_LARGE', 'no'), 'MESSAGE_TOO_LARGE'],
    ['what there is no room for beside others', new SluiceError('OVERLOADED', 'no'), 'OVERLOADED'],
    ['what something around the session throws at', new Error('a secret'), 'ROUTE_FAILED'],
  ])('and is not taken, %s, it is told of; what comes after it goes on', async (_, error, code) => {
    const { one, room, taken, ends, pool, turn } = await atBackend(['a:1']);
    room.error = error;
    one.last.says(
      { data: Buffer.from('1'), sequence: 7, more: true },
      { data: Buffer.from('2'), sequence: 8 },
    );
    room.error = undefined;
    one.last.says({ data: Buffer.from('3') });
    await turn();
    expect(taken.map(({ data }) => Buffer.from(data).toString())).toEqual(['3']);
    expect(one.last.sent.at(-1)?.control).toMatchObject({ action: 'error', code, sequence: 7 });
    expect(JSON.stringify(one.last.sent.at(-1))).not.toContain('secret');
    expect({ ends, refused: pool.levels.messagesRefused }).toEqual({ ends: [], refused: 1 });
  });

  test('for a session that takes nothing any more goes nowhere', async () => {
    const { one, room, taken, pool } = await atBackend(['a:1']);
    room.error = new SluiceError('INTERNAL', 'session "s" has ended');
    one.last.says({ data: Buffer.from('1') });
    room.error = undefined;
    one.last.says({ data: Buffer.from('2') });
    expect({ taken, refused: pool.levels.messagesRefused }).toEqual({ taken: [], refused: 0 });
  });

  test('and can not be sent is told to no backend that does not read', async () => {
    const { one, room, pool } = await atBackend(['a:1']);
    room.error = new SluiceError('MESSAGE_TOO_LARGE', 'no');
    one.last.hasRoom = false;
    for (let n = 0; n < 10; n += 1) one.last.says({ data: Buffer.from('1') });
    expect(one.last.sent.filter(({ control }) => control?.action === 'error')).toHaveLength(1);
    expect(pool.levels.messagesRefused).toBe(10);
  });

  test('in pieces is bounded in their number, too', async () => {
    const { one, ends, turn } = await atBackend(['a:1']);
    const pieces = Array.from({ length: 1_024 }, () => ({ type: MessageType.DATA, more: true }));
    for (let n = 0; n < 17; n += 1) one.last.says(...pieces);
    await turn();
    expect(ends).toEqual(['MESSAGE_TOO_LARGE']);
  });

  test('as a probe is answered', async () => {
    const { one } = await atBackend(['a:1']);
    one.last.says({ type: MessageType.HEALTH_CHECK, sequence: 7, timestampMs: 3 });
    expect(one.last.sent.at(-1)).toMatchObject({
      type: MessageType.HEALTH_CHECK,
      sequence: 7,
      ack: 7,
      timestampMs: 3,
    });
  });
});

describe('a session ends', () => {
  test('with its backend, after what that sent and acknowledged', async () => {
    const { one, handle, fates, ends, taken, room, turn } = await atBackend(['a:1']);
    let makeRoom: () => void = () => undefined;
    room.promise = new Promise((resolve) => (makeRoom = resolve));
    handle('x');
    await turn();
    one.last.says({ data: Buffer.from('1') }, { data: Buffer.from('2'), ack: 1 });
    one.last.ends({ status: GrpcStatus.OK });
    await turn();
    expect(ends).toEqual([]);
    room.promise = undefined;
    makeRoom();
    await turn();
    expect({ fates, ends, taken: taken.length }).toEqual({ fates: ['x done'], ends: ['ended'], taken: 2 });
  });

  test('by a word of its backend, with its reason or its code', async () => {
    const { one, ends, turn } = await atBackend(['a:1']);
    const closed = { action: 'closed', code: '', reason: 'enough', retry: 0, retryAfterMs: 0 } as const;
    one.last.says(controlMessage(closed));
    await turn();
    expect(ends).toEqual(['enough']);
    expect(one.last.isHalfClosed).toBe(true);
    const other = await atBackend(['a:1']);
    other.one.last.says(controlMessage({ ...closed, code: 'RATE_LIMITED' }));
    await other.turn();
    expect(other.ends).toEqual(['RATE_LIMITED']);
  });

  test('for its client: the stream is half-closed, and given up after a grace', async () => {
    const { one, session, handle, turn, clock, pool, taken } = await atBackend(['a:1'], {
      closeGrace: 1_000,
    });
    handle('x');
    await turn();
    session.close();
    session.close();
    expect(one.last.isHalfClosed).toBe(true);
    one.last.says({ data: Buffer.from('too late') });
    expect(taken).toEqual([]);
    await clock.advanceAsync(999);
    expect(one.last.isCancelled).toBe(false);
    await clock.advanceAsync(1);
    expect(one.last.isCancelled).toBe(true);
    expect(pool.levels.addresses[0]?.sessions).toBe(0);
    pool.stop();
    expect(clock.pending).toBe(0);
  });

  test('while it waits for a backend: nothing is left', () => {
    const { session, clock, pool, one } = world(['a:1']);
    one.isGone();
    session.close();
    pool.stop();
    expect(clock.pending).toBe(0);
    expect(pool.levels.waiting).toBe(0);
  });
});
