import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../src/core/errors.js';
import { echoRoute } from '../../../src/routes/echo.js';
import { controlMessage, OverflowPolicy } from '../../../src/wire/messages.js';
import { memoryServer, readingClient } from '../../helpers/memory-server.js';
import { data, openOf, tokenOf, WindowedWorld } from '../../helpers/windowed-world.js';

const WINDOW_MS = 1_000;

/** All that was admitted is delivered, dropped or pending, and the account holds what the sessions hold. */
function expectBalanced(world: WindowedWorld): void {
  let held = 0;
  for (const session of world.windowed) held += session.heldBytes;
  expect(world.account.bytes).toBe(held);
  for (const flow of [world.totals.up, world.totals.down]) {
    expect(flow.pending).toBeGreaterThanOrEqual(0);
    expect(flow.admitted).toBe(flow.delivered + flow.dropped + flow.pending);
  }
}

function expectNothingLeft(world: WindowedWorld): void {
  expectBalanced(world);
  expect({
    all: world.windowed.size,
    sessions: world.sessions.size,
    detached: world.windowed.detached.size,
    detachedBytes: world.windowed.detached.bytes,
    remembered: world.windowed.remembered.size,
    bytes: world.account.bytes,
    timers: world.clock.activeTimers,
    pending: world.totals.up.pending + world.totals.down.pending,
  }).toEqual({
    ...{ all: 0, sessions: 0, detached: 0, detachedBytes: 0, remembered: 0, bytes: 0, timers: 0, pending: 0 },
  });
}

describe('what happens to an Open (the table of docs/protocol.md, row by row)', () => {
  it('this connection holds the session: INVALID_MESSAGE, the session ends', async () => {
    const world = memoryServer(echoRoute());
    const { client, controls } = readingClient(world);
    client.send(controlMessage(openOf(), 's'));
    await world.clock.settle();
    client.send(controlMessage(openOf({ resume: true, attempt: 2 }), 's'));
    await world.clock.settle();
    expect(controls('opened')).toHaveLength(1);
    expect(controls('closed')).toMatchObject([{ code: 'INVALID_MESSAGE' }]);
    expect(world.server.windowed.size).toBe(0);
    // Its end is told again to who resumes; the connection goes on.
    client.send(controlMessage(openOf({ resume: true, attempt: 3 }), 's'));
    await world.clock.settle();
    expect(controls('closed').map(({ code }) => code)).toEqual(['INVALID_MESSAGE', 'INVALID_MESSAGE']);
    client.cancel();
    await world.clock.settle();
    world.server.destroy();
  });

  it('a token of another length than 16, or of 0 in a resume: INVALID_MESSAGE, untouched', () => {
    const world = new WindowedWorld();
    world.opened();
    for (const length of [1, 15, 17, 32])
      expect(world.answer({ resumeToken: new Uint8Array(length) })).toBe('INVALID_MESSAGE');
    expect(world.answer({ resume: true, resumeToken: new Uint8Array(0), attempt: 5 })).toBe(
      'INVALID_MESSAGE',
    );
    expect([...world.windowed][0]?.attached).toBe(true);
    expect(world.windowed.remembered.size).toBe(0);
    world.windowed.stop();
  });

  it('an attempt below the highest of its token: TAKEN_OVER, untouched, whatever became of the session', () => {
    const world = new WindowedWorld();
    const { session } = world.opened({ attempt: 5 });
    expect(world.answer({ resume: true, attempt: 4 })).toBe('TAKEN_OVER');
    expect(world.answer({ attempt: 4 })).toBe('TAKEN_OVER');
    expect(session.connectionId).toBe('c1');
    // An equal one is not below; it wins.
    expect(world.answer({ resume: true, attempt: 5 })).toBe('resumed');
    // 0 is unordered and wins, and does not lower the highest.
    expect(world.answer({ resume: true, attempt: 0 })).toBe('resumed');
    expect(world.answer({ resume: true, attempt: 4 })).toBe('TAKEN_OVER');
    session.expel('session-closed', new SluiceError('SLOW_CONSUMER', 'over'));
    expect(world.answer({ resume: true, attempt: 4 })).toBe('TAKEN_OVER');
    expect(world.answer({ resume: true, attempt: 6 })).toBe('ended SLOW_CONSUMER');
    // What a record has seen counts as well.
    expect(world.answer({ resume: true, attempt: 5 })).toBe('TAKEN_OVER');
    world.windowed.stop();
  });

  it('the token of a session that has ended: its Errors, its Closed; fresh ones too', () => {
    const world = new WindowedWorld();
    world.route.onMessage = ({ sequence }) => {
      if (sequence === 2) throw new SluiceError('RATE_LIMITED', 'no');
    };
    const { session } = world.opened();
    for (let n = 1; n <= 3; n += 1) session.receive(data(n), 0);
    session.close();
    expect(session.state).toBe('closed');
    for (const resume of [true, false]) {
      const { decision } = world.open({ resume, attempt: 2 });
      expect(decision).toMatchObject({
        kind: 'ended',
        ending: { errors: [{ code: 'RATE_LIMITED', sequence: 2 }], ack: 3, closed: { code: '' } },
      });
    }
    expect(world.windowed.size).toBe(0);
    world.windowed.stop();
  });

  it('a dead token: gone, fresh ones too, while draining too', () => {
    const world = new WindowedWorld();
    expect(world.answer({ resume: true })).toBe('gone');
    expect(world.answer({})).toBe('gone');
    void world.windowed.drain();
    expect(world.answer({})).toBe('gone');
    expect(world.counters.sessionsReset).toBe(3);
    expect(world.windowed.size).toBe(0);
    world.windowed.stop();
  });

  it('fresh, the gateway draining: DRAINING, before anything is said of the session there', () => {
    const world = new WindowedWorld();
    const { session, link } = world.opened();
    world.route.holds = true;
    session.receive(data(1), 0);
    void world.windowed.drain();
    expect(world.answer({ resumeToken: tokenOf(2) })).toBe('DRAINING');
    expect(world.answer({ id: 'other', resumeToken: tokenOf(3) })).toBe('DRAINING');
    expect(link.words).toEqual(['opened']);
    // Who comes to resume is served.
    expect(world.answer({ resume: true, attempt: 2 })).toBe('resumed');
    world.windowed.stop();
  });

  it('fresh, a session attached elsewhere: SESSION_IN_USE, untouched', () => {
    const world = new WindowedWorld();
    const { session, link } = world.opened();
    expect(world.answer({ resumeToken: tokenOf(2) })).toBe('SESSION_IN_USE');
    expect(world.answer({ resumeToken: new Uint8Array(0) })).toBe('SESSION_IN_USE');
    expect(session.attached).toBe(true);
    expect(link.words).toEqual(['opened']);
    world.windowed.stop();
  });

  it('fresh, with the very token of a session: SESSION_IN_USE, attached or detached', () => {
    const world = new WindowedWorld();
    const { session } = world.opened();
    expect(world.answer({ attempt: 2 })).toBe('SESSION_IN_USE');
    world.windowed.detach(session);
    expect(world.answer({ attempt: 2 })).toBe('SESSION_IN_USE');
    expect(session.state).toBe('open');
    world.windowed.stop();
  });

  it('fresh, a detached session of another token: opened; the old one is over, its token dead, its drops counted', () => {
    const world = new WindowedWorld();
    const { session } = world.opened();
    void world.route.session.send({ data: new Uint8Array(100) });
    world.windowed.detach(session);
    expect(world.answer({ resumeToken: tokenOf(2) })).toBe('opened');
    expect(session.state).toBe('closed');
    expect(world.totals.down.droppedBy['session-closed']).toBe(1);
    expect([world.windowed.size, world.sessions.size, world.windowed.detached.size]).toEqual([1, 1, 0]);
    expect(world.answer({ resume: true, attempt: 2 })).toBe('gone');
    expectBalanced(world);
    world.windowed.stop();
  });

  it('fresh: opened under the token it brings, or under one of its own', () => {
    const world = new WindowedWorld();
    const { session, link } = world.opened({ windowMessages: 5, windowBytes: 1 << 30 });
    expect(session.token).toEqual(tokenOf(1));
    expect(link.last('opened')).toMatchObject({
      resumed: false,
      resumeToken: tokenOf(1),
      lastReceivedSequence: 0,
      windowMessages: world.limits.window.messages,
      windowBytes: world.limits.window.bytes,
    });
    const { link: other } = world.opened({ id: 't', resumeToken: new Uint8Array(0) });
    expect(other.last('opened').resumeToken).toHaveLength(16);
    expect(world.answer({ id: 't', resume: true, resumeToken: other.last('opened').resumeToken })).toBe(
      'resumed',
    );
    // What is not an ID of the same client is another session.
    expect(world.answer({ client: 'bob', resumeToken: tokenOf(9) })).toBe('opened');
    world.windowed.stop();
  });

  it('resume, the token fits: Opened, Errors, ACK, what follows the position', () => {
    const world = new WindowedWorld();
    world.route.onMessage = ({ sequence }, session) => {
      if (sequence === 2) throw new SluiceError('RATE_LIMITED', 'no');
      void session.send({ data: Uint8Array.of(sequence) });
    };
    const { session, link: before } = world.opened();
    for (let n = 1; n <= 4; n += 1) session.receive(data(n), 0);
    expect(world.take(session).map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    world.windowed.detach(session);
    expect(world.windowed.detached.size).toBe(1);
    const { decision, link } = world.open({ resume: true, attempt: 2, lastReceivedSequence: 1 });
    expect(decision).toMatchObject({ kind: 'attached', resumed: true });
    expect(link.words).toEqual(['opened', 'error RATE_LIMITED', 'ack 4']);
    // No more than the sequence before the first Error that is repeated (D1).
    expect(link.written[0]?.ack).toBe(1);
    expect(link.last('opened')).toMatchObject({
      resumed: true,
      resumeToken: tokenOf(1),
      lastReceivedSequence: 4,
    });
    expect(world.take(session).map(({ sequence, data: [n] }) => [sequence, n])).toEqual([
      [2, 3],
      [3, 4],
    ]);
    expect([world.windowed.detached.size, world.counters.sessionsResumed]).toEqual([0, 1]);
    expect(before.words).toEqual(['opened', 'error RATE_LIMITED']);
    expectBalanced(world);
    world.windowed.stop();
  });

  it('… and it is attached elsewhere: the older connection is told, and has no more to say', () => {
    const world = new WindowedWorld();
    const { session, link } = world.opened();
    expect(world.answer({ resume: true, attempt: 2 })).toBe('resumed');
    expect(link.words).toEqual(['opened', 'closed TAKEN_OVER']);
    expect(link.last('closed').retry).toBe(3);
    expect([link.hasLeft, session.connectionId]).toEqual([true, 'c2']);
    expect(world.counters.sessionsTakenOver).toBe(1);
    world.windowed.stop();
  });

  it('… but the position is above what was ever sent: INVALID_MESSAGE, the session ends', () => {
    const world = new WindowedWorld();
    const session = world.detached();
    void world.route.session.send({ data: new Uint8Array(1) });
    // It waits, and was never sent.
    const { link } = world.open({ resume: true, attempt: 2, lastReceivedSequence: 1 });
    expect(link.words).toEqual(['closed INVALID_MESSAGE']);
    expect([session.state, world.windowed.size, world.windowed.detached.size]).toEqual(['closed', 0, 0]);
    expect(world.answer({ resume: true, attempt: 3 })).toBe('ended INVALID_MESSAGE');
    expectBalanced(world);
    world.windowed.stop();
  });

  it('resume, another session is there: PERMISSION_DENIED, untouched; the token is dead', () => {
    const world = new WindowedWorld();
    const { session, link } = world.opened();
    expect(world.answer({ resume: true, resumeToken: tokenOf(2) })).toBe('PERMISSION_DENIED');
    expect([session.attached, link.words]).toEqual([true, ['opened']]);
    world.windowed.detach(session);
    expect(world.answer({ resumeToken: tokenOf(2) })).toBe('gone');
    expect(session.state).toBe('open');
    expect(world.answer({ resume: true, attempt: 2 })).toBe('resumed');
    world.windowed.stop();
  });

  it('resume, none is there: gone; the token is dead, with its attempt', () => {
    const world = new WindowedWorld();
    expect(world.answer({ resume: true, attempt: 3 })).toBe('gone');
    // Its first Open was late.
    expect(world.answer({ attempt: 1 })).toBe('TAKEN_OVER');
    expect(world.answer({ attempt: 3 })).toBe('gone');
    expect(world.answer({ resumeToken: tokenOf(2) })).toBe('opened');
    world.windowed.stop();
  });
});

describe('an Open is refused', () => {
  it('over the limits of sessions, of the connection, the client and the gateway; nothing is left of it', () => {
    const world = new WindowedWorld({ sessions: { maxPerConnection: 2, maxPerClient: 3, max: 4 } });
    const { decision } = world.open({ others: 2 });
    expect(decision).toMatchObject({ kind: 'refused', error: { code: 'SESSION_LIMIT', retryAfterMs: 7 } });
    for (const id of ['a', 'b', 'c']) world.opened({ id });
    expect(world.open({ id: 'd' }).decision).toMatchObject({
      error: { message: /session.maxPerClient = 3/ },
    });
    world.opened({ client: 'bob' });
    expect(world.open({ client: 'eve' }).decision).toMatchObject({ error: { message: /session.max = 4/ } });
    expect(world.route.sessions).toHaveLength(4);
    expect(world.windowed.size).toBe(4);
    world.windowed.stop();
    expect(world.sessions.size).toBe(0);
  });

  it('not where it replaces one: that will be gone', () => {
    const world = new WindowedWorld({ sessions: { maxPerClient: 1, max: 1 } });
    world.detached();
    expect(world.answer({ resumeToken: tokenOf(2) })).toBe('opened');
    expect(world.sessions.size).toBe(1);
    world.windowed.stop();
  });

  it('as a resume, over the limit of its connection only; the session stays as it was', () => {
    const world = new WindowedWorld({ sessions: { maxPerConnection: 2, maxPerClient: 1, max: 1 } });
    const session = world.detached();
    expect(world.answer({ resume: true, attempt: 2, others: 2 })).toBe('SESSION_LIMIT');
    expect([session.attached, session.attempt, world.windowed.detached.size]).toEqual([false, 1, 1]);
    expect(world.answer({ resume: true, attempt: 2, others: 1 })).toBe('resumed');
    world.windowed.stop();
  });

  it('by its route, with the code of its choice or ROUTE_FAILED; nothing is left of it', () => {
    const world = new WindowedWorld();
    world.route.onOpen = (session) => {
      // What it has sent by then goes, too.
      void session.send({ data: new Uint8Array(100) });
      throw new SluiceError('PERMISSION_DENIED', 'not for you');
    };
    expect(world.open().decision).toMatchObject({ kind: 'refused', error: { message: 'not for you' } });
    expectNothingLeft(world);
    world.route.onOpen = () => {
      throw new TypeError('secret');
    };
    const { decision } = world.open();
    expect(decision).toMatchObject({ kind: 'refused', error: { code: 'ROUTE_FAILED' } });
    expect(JSON.stringify(decision)).not.toContain('secret');
    expect(world.faults).toHaveLength(1);
    expectNothingLeft(world);
  });

  it('by its route, and does not replace the detached session that is there', () => {
    const world = new WindowedWorld();
    world.detached();
    world.route.onOpen = () => {
      throw new SluiceError('PERMISSION_DENIED', 'no');
    };
    expect(world.answer({ resumeToken: tokenOf(2) })).toBe('PERMISSION_DENIED');
    expect(world.route.closed).toBe(0);
    expect(world.answer({ resume: true, attempt: 2 })).toBe('resumed');
    world.windowed.stop();
  });

  it('for a policy that the route does not allow', () => {
    const world = new WindowedWorld();
    Object.assign(world.route, { overflow: 'drop-oldest', allowedOverflow: ['conflate'] });
    expect(world.answer({ overflow: OverflowPolicy.CONFLATE })).toBe('opened');
    expect(world.answer({ id: 'b', overflow: OverflowPolicy.DROP_OLDEST })).toBe('opened');
    expect(world.open({ id: 'c', overflow: OverflowPolicy.BLOCK }).decision).toMatchObject({
      error: { code: 'INVALID_MESSAGE', message: /drop-oldest, conflate/ },
    });
    world.windowed.stop();
  });

  it('where its route sends more at once than may wait, under disconnect', () => {
    const world = new WindowedWorld({ limits: { waiting: { messages: 2, bytes: 1_000 } } });
    Object.assign(world.route, { overflow: 'disconnect' });
    world.route.onOpen = (session) => {
      for (let i = 0; i < 3; i += 1) {
        try {
          void session.send({ data: new Uint8Array(10) });
        } catch {
          // A route may well look away.
        }
      }
    };
    expect(world.answer()).toBe('SLOW_CONSUMER');
    expect([world.windowed.size, world.sessions.size, world.account.bytes]).toEqual([0, 0, 0]);
    expect(world.totals.down.pending).toBe(0);
    // It was refused, and never opened.
    expect([world.counters.sessionsEnded.size, world.forced]).toEqual([0, []]);
    world.windowed.stop();
  });
});

describe('a resume from a position that was never sent', () => {
  it('ends the session behind the Errors that the final ack covers', () => {
    const world = new WindowedWorld();
    world.route.onMessage = () => {
      throw new SluiceError('RATE_LIMITED', 'no');
    };
    const { session } = world.opened();
    session.receive(data(1), 0);
    world.windowed.detach(session);
    const { link } = world.open({ resume: true, attempt: 2, lastReceivedSequence: 9 });
    expect(link.words).toEqual(['error RATE_LIMITED', 'closed INVALID_MESSAGE']);
    world.windowed.stop();
  });
});

describe('what waits for an ack', () => {
  it('keeps what it arrived in for 50 ms at most; then nobody looks any more', () => {
    const world = new WindowedWorld();
    const { session } = world.opened();
    const timers = world.clock.activeTimers;
    void world.route.session.send({ data: new Uint8Array(64 * 1024).subarray(0, 4) });
    const [message] = world.take(session);
    world.clock.advance(25);
    expect(message?.data.buffer.byteLength).toBe(64 * 1024);
    world.clock.advance(25);
    expect(message?.data.buffer.byteLength).toBe(4);
    expect(world.clock.activeTimers).toBe(timers);
    world.windowed.stop();
  });

  it('is not copied where the ack comes sooner, however busy the session is', () => {
    const world = new WindowedWorld();
    const { session } = world.opened();
    for (let ack = 1; ack <= 10; ack += 1) {
      void world.route.session.send({ data: new Uint8Array(64 * 1024).subarray(0, 4) });
      const [message] = world.take(session);
      world.clock.advance(25);
      session.acknowledge(ack);
      expect(message?.data.buffer.byteLength).toBe(64 * 1024);
    }
    world.windowed.stop();
  });
});

describe('a detached session', () => {
  it('waits for the resume window, then is gone; its route is told, its token dead for as long again', () => {
    const world = new WindowedWorld();
    const { session } = world.opened();
    void world.route.session.send({ data: new Uint8Array(10) });
    world.windowed.detach(session);
    world.clock.advance(WINDOW_MS - 1);
    expect(session.state).toBe('open');
    world.clock.advance(1);
    expect([session.state, world.route.closed, world.counters.sessionsExpired]).toEqual(['closed', 1, 1]);
    expect(world.totals.down.droppedBy['session-expired']).toBe(1);
    expect(world.answer({ resume: true, attempt: 2 })).toBe('gone');
    world.clock.advance(WINDOW_MS);
    // Nobody knows of it any more.
    expect(world.answer({})).toBe('opened');
    for (const each of world.windowed) each.forget('drained', new SluiceError('INTERNAL', 'over'));
    world.clock.advance(2 * WINDOW_MS);
    expectNothingLeft(world);
  });

  it('waits anew after each resume; one timer serves all', () => {
    const world = new WindowedWorld();
    for (let i = 0; i < 5; i += 1) {
      world.detached({ id: `s${i}` });
      world.clock.advance(100);
    }
    expect(world.clock.activeTimers).toBe(1);
    const { session } = world.opened({ id: 's0', resume: true, attempt: 2 });
    world.clock.advance(WINDOW_MS - 500);
    expect(world.windowed.size).toBe(5);
    world.clock.advance(500);
    expect(world.windowed.size).toBe(1);
    world.windowed.detach(session);
    world.clock.advance(WINDOW_MS - 1);
    expect(world.windowed.size).toBe(1);
    world.clock.advance(1);
    world.clock.advance(WINDOW_MS + 100);
    expectNothingLeft(world);
  });

  it('goes on being handled, and sending', async () => {
    const world = new WindowedWorld();
    world.route.holds = true;
    const { session } = world.opened();
    for (let n = 1; n <= 3; n += 1) session.receive(data(n), 0);
    world.windowed.detach(session);
    world.route.onMessage = (_message, own) => {
      void own.send({ data: new Uint8Array(10) });
    };
    world.route.release();
    await world.clock.settle();
    expect(world.route.handled).toHaveLength(3);
    expect(session.waiting.messages).toBe(2);
    expect(world.windowed.detached.bytes).toBe(session.heldBytes);
    expectBalanced(world);
    world.windowed.stop();
  });

  it('is evicted when there are too many, the oldest first: gone, not expired', () => {
    const world = new WindowedWorld({ windowed: { maxDetached: 2 } });
    const sessions = ['a', 'b', 'c', 'd'].map((id) => world.detached({ id }));
    // Not from within what made them too many.
    expect(world.windowed.detached.size).toBe(4);
    world.clock.runImmediates();
    expect(sessions.map(({ state }) => state)).toEqual(['closed', 'closed', 'open', 'open']);
    expect([world.counters.sessionsEvicted, world.counters.sessionsExpired]).toEqual([2, 0]);
    expect(world.answer({ id: 'a', resume: true, attempt: 2 })).toBe('gone');
    expect(world.answer({ id: 'c', resume: true, attempt: 2 })).toBe('resumed');
    expectBalanced(world);
    world.windowed.stop();
  });

  it('is evicted when they hold too much, the costliest first', () => {
    const world = new WindowedWorld({ windowed: { maxDetachedBytes: 10_000 } });
    const detach = (id: string, bytes: number) => {
      const { session } = world.opened({ id });
      void world.route.session.send({ data: new Uint8Array(bytes) });
      world.windowed.detach(session);
      return session;
    };
    const sessions = [detach('a', 1_000), detach('b', 6_000), detach('c', 5_000)];
    world.clock.runImmediates();
    expect(sessions.map(({ state }) => state)).toEqual(['open', 'closed', 'open']);
    expect(world.totals.down.droppedBy.evicted).toBe(1);
    expect(world.windowed.detached.bytes).toBeLessThanOrEqual(10_000);
    expectBalanced(world);
    world.windowed.stop();
  });

  it('is evicted with others in one turn only in part, where thousands are due: the rest follows', () => {
    const sessions = { maxPerClient: 2_000, max: 2_000 };
    const world = new WindowedWorld({
      sessions,
      windowed: { maxDetached: 2_000, maxDetachedBytes: 100_000 },
    });
    for (let n = 0; n < 1_000; n += 1) {
      const { session } = world.opened({ id: `s${n}` });
      void world.route.session.send({ data: new Uint8Array(1_000) });
      world.windowed.detach(session);
    }
    let leftByFirst = 0;
    world.clock.setImmediate(() => (leftByFirst = world.windowed.detached.size));
    world.clock.runImmediates();
    expect(leftByFirst).toBe(900);
    expect(world.windowed.detached.bytes).toBeLessThanOrEqual(100_000);
    expect(world.windowed.detached.size).toBeGreaterThan(50);
    expectBalanced(world);
    world.windowed.stop();
  });

  it('that grows while it waits is seen to: what its route sends counts', () => {
    const world = new WindowedWorld({ windowed: { maxDetachedBytes: 10_000 } });
    const session = world.detached();
    const route = world.route.session;
    void route.send({ data: new Uint8Array(9_000) });
    world.clock.runImmediates();
    expect(session.state).toBe('open');
    void route.send({ data: new Uint8Array(9_000) });
    // Whoever sends is not interrupted.
    expect(session.state).toBe('open');
    world.clock.runImmediates();
    expect(session.state).toBe('closed');
    expectBalanced(world);
    world.windowed.stop();
  });

  it('that its route ends waits to be resumed, for the client must be told', () => {
    const world = new WindowedWorld();
    const session = world.detached();
    world.route.session.end('done');
    expect([session.state, world.windowed.size]).toEqual(['finishing', 1]);
    const { link } = world.open({ resume: true, attempt: 2 });
    expect(link.words).toEqual(['opened', 'ack 0', 'closed']);
    expect(link.last('closed')).toMatchObject({ code: '', reason: 'done' });
    world.windowed.stop();
  });
});

describe('a session that waits to be closed', () => {
  it('ends SLOW_CONSUMER when its client owes acks and gives none for the resume window (D26)', () => {
    const world = new WindowedWorld();
    const { session, link } = world.opened();
    for (let i = 0; i < 3; i += 1) void world.route.session.send({ data: new Uint8Array(10) });
    world.take(session);
    session.close();
    world.clock.advance(WINDOW_MS - 1);
    session.acknowledge(1);
    world.clock.advance(WINDOW_MS - 1);
    session.acknowledge(2);
    // An ack that says nothing new is no progress.
    world.clock.advance(WINDOW_MS - 1);
    session.acknowledge(2);
    expect(link.words).toEqual(['opened']);
    world.clock.advance(1);
    expect(link.words).toEqual(['opened', 'closed SLOW_CONSUMER']);
    expect(link.last('closed').reason).toContain('session.resumeWindow');
    world.clock.advance(2 * WINDOW_MS);
    expectNothingLeft(world);
  });

  it('ends so too when its route has ended it', () => {
    const world = new WindowedWorld();
    const { session, link } = world.opened();
    void world.route.session.send({ data: new Uint8Array(10) });
    world.take(session);
    world.route.session.end();
    world.clock.advance(WINDOW_MS);
    expect(link.words).toEqual(['opened', 'closed SLOW_CONSUMER']);
    world.windowed.stop();
  });

  it('does not, however slow its route is; its time begins when something is owed', async () => {
    const world = new WindowedWorld();
    world.route.holds = true;
    const { session, link } = world.opened();
    session.receive(data(1), 0);
    session.close();
    world.clock.advance(5 * WINDOW_MS);
    expect(link.words).toEqual(['opened']);
    void world.route.session.send({ data: new Uint8Array(10) });
    world.take(session);
    world.clock.advance(WINDOW_MS - 1);
    expect(link.words).toEqual(['opened']);
    world.route.release();
    await world.clock.settle();
    session.acknowledge(1);
    expect(link.words).toEqual(['opened', 'closed']);
    world.clock.advance(2 * WINDOW_MS);
    expectNothingLeft(world);
  });
});

describe('leaving', () => {
  it('closes what has nothing to do at once, the rest as soon as it has; resolves with the last', async () => {
    const world = new WindowedWorld();
    const idle = world.opened({ id: 'idle' });
    const busy = world.opened({ id: 'busy' });
    void world.route.session.send({ data: new Uint8Array(10) });
    world.take(busy.session);
    let drained = false;
    void world.windowed.drain().then(() => {
      drained = true;
    });
    expect(idle.link.words).toEqual(['opened', 'closed DRAINING']);
    expect(idle.link.last('closed').retry).toBe(1);
    await world.clock.settle();
    expect([busy.link.words, drained]).toEqual([['opened'], false]);
    busy.session.acknowledge(1);
    expect(busy.link.words).toEqual(['opened', 'closed DRAINING']);
    await world.clock.settle();
    expect(drained).toBe(true);
    world.windowed.stop();
    expect(world.clock.activeTimers).toBe(0);
  });

  it('resolves at once where there is none', async () => {
    await expect(new WindowedWorld().windowed.drain()).resolves.toBeUndefined();
  });

  it('at its deadline names what was never sent by a Gap that needs no room, then closes', () => {
    const world = new WindowedWorld();
    const { session, link } = world.opened({ windowMessages: 1 });
    for (let i = 0; i < 3; i += 1) void world.route.session.send({ data: new Uint8Array(10) });
    world.take(session);
    void world.windowed.drain();
    world.windowed.cut();
    expect(link.words).toEqual(['opened', 'gap', 'closed DRAINING']);
    expect(link.last('gap')).toMatchObject({ fromSequence: 2, toSequence: 3, reason: 'drained' });
    expect(world.totals.down.droppedBy.drained).toBe(3);
    expect(world.windowed.size).toBe(0);
    expectBalanced(world);
    world.windowed.stop();
  });

  it('stop forgets everything, timers too, and can be called twice; nothing is opened after it', () => {
    const world = new WindowedWorld();
    world.detached({ id: 'a' });
    world.opened({ id: 'b' });
    void world.route.session.send({ data: new Uint8Array(10) });
    world.windowed.stop();
    world.windowed.stop();
    expect(world.answer({ id: 'c' })).toBe('DRAINING');
    expectNothingLeft(world);
  });
});

describe('a session that the gateway ends is counted by code, with what was lost with it', () => {
  /** What is told of the one session that was ended. */
  function only({ forced, counters }: WindowedWorld) {
    expect(forced).toHaveLength(1);
    const { error, ...held } = forced[0]?.[1] ?? {};
    expect([...counters.sessionsEnded]).toEqual([[error?.code, 1]]);
    return { code: error?.code, ...held };
  }

  it('for a fault of its client: the messages of both directions, the unsent and those under way', () => {
    const world = new WindowedWorld();
    world.route.holds = true;
    const { session } = world.opened({ windowMessages: 1 });
    for (let n = 1; n <= 2; n += 1) session.receive(data(n), 0);
    for (let i = 0; i < 3; i += 1) void world.route.session.send({ data: new Uint8Array(10) });
    world.take(session);
    session.receive(data(4), 0);
    expect(only(world)).toEqual({ code: 'SEQUENCE_GAP', connectionId: 'c1', toRoutes: 2, toClient: 3 });
    expect(world.forced[0]?.[0]).toBe(session);
    world.windowed.stop();
    // Once, whatever happens then.
    only(world);
  });

  it('by the policy disconnect', () => {
    const world = new WindowedWorld({ limits: { waiting: { messages: 2, bytes: 1_000 } } });
    Object.assign(world.route, { overflow: 'disconnect' });
    world.opened();
    const send = () => world.route.session.send({ data: new Uint8Array(10) });
    void send();
    void send();
    expect(send).toThrow('disconnect');
    expect(only(world)).toMatchObject({ code: 'SLOW_CONSUMER', toRoutes: 0, toClient: 2 });
    world.windowed.stop();
  });

  it('as nobody came back, or for want of room: no connection held it', () => {
    for (const [windowed, afterMs] of [
      [{}, WINDOW_MS],
      [{ maxDetached: 0 }, 0],
    ] as const) {
      const world = new WindowedWorld({ windowed });
      const { session } = world.opened();
      void world.route.session.send({ data: new Uint8Array(10) });
      world.windowed.detach(session);
      world.clock.advance(afterMs);
      world.clock.runImmediates();
      expect(only(world)).toEqual({ code: 'SESSION_EXPIRED', connectionId: '', toRoutes: 0, toClient: 1 });
      world.windowed.stop();
    }
  });

  it('shed, and as its client opens another in its place', () => {
    const world = new WindowedWorld();
    world.opened().session.expel('overloaded', new SluiceError('OVERLOADED', 'too much'));
    expect(only(world)).toMatchObject({ code: 'OVERLOADED', connectionId: 'c1' });
    world.detached({ resumeToken: tokenOf(2) });
    world.opened({ resumeToken: tokenOf(3) });
    expect(world.forced.map(([, { error }]) => error.code)).toEqual(['OVERLOADED', 'SESSION_IN_USE']);
    world.windowed.stop();
  });

  it('in a drain: nothing was lost with one that had nothing to do; at the deadline what was never sent, too', () => {
    const world = new WindowedWorld();
    world.opened({ id: 'idle' });
    const { session } = world.opened({ id: 'busy', windowMessages: 1 });
    for (let i = 0; i < 3; i += 1) void world.route.session.send({ data: new Uint8Array(10) });
    world.take(session);
    void world.windowed.drain();
    world.windowed.cut();
    expect(world.forced.map(([{ sessionId }, { toClient }]) => [sessionId, toClient])).toEqual([
      ['idle', 0],
      ['busy', 3],
    ]);
    expect([...world.counters.sessionsEnded]).toEqual([['DRAINING', 2]]);
    world.windowed.stop();
  });

  it('but not one that its client or its route closed', () => {
    const world = new WindowedWorld();
    world.opened({ id: 'a' }).session.close();
    world.opened({ id: 'b' });
    world.route.session.end('done');
    expect(world.counters.sessionsClosed).toBe(2);
    expect([world.forced, world.counters.sessionsEnded.size]).toEqual([[], 0]);
    world.windowed.stop();
  });
});

describe('records of ended sessions', () => {
  it('are bounded however often sessions are opened and closed, for a client and in all', () => {
    const ended = { max: 50, maxPerClient: 20, maxBytes: 100_000 };
    const world = new WindowedWorld({ windowed: { ended } });
    for (let i = 0; i < 2_000; i += 1) {
      const client = `client-${i % 4}`;
      const { session } = world.opened({ client, id: `s${i}`, resumeToken: tokenOf(i % 250) });
      if (i % 2 === 0) session.close();
      else session.expel('session-closed', new SluiceError('SLOW_CONSUMER', 'x'.repeat(10_000)));
      const { size, bytes } = world.windowed.remembered;
      expect(size).toBeLessThanOrEqual(ended.max);
      expect(bytes).toBeLessThanOrEqual(ended.maxBytes);
    }
    expect(world.windowed.remembered.size).toBe(50);
    world.clock.advance(2 * WINDOW_MS);
    expectNothingLeft(world);
  });

  it('are bounded by resumes of what never was', () => {
    const ended = { max: 50, maxPerClient: 20, maxBytes: 100_000 };
    const world = new WindowedWorld({ windowed: { ended } });
    for (let i = 0; i < 500; i += 1) {
      expect(world.answer({ id: `s${i}`, resume: true })).toBe('gone');
      expect(world.windowed.remembered.size).toBeLessThanOrEqual(20);
    }
    world.clock.advance(2 * WINDOW_MS);
    expectNothingLeft(world);
  });
});
