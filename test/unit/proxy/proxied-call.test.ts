import { describe, expect, it, test } from 'vitest';
import { SluiceError } from '../../../src/core/errors.js';
import { decodeStatusDetails } from '../../../src/wire/status-details.js';
import { message, proxiedWorld } from '../../helpers/proxied-world.js';

const OK = { status: 0, message: '', trailers: [] };

function detailsOf(trailers: readonly (readonly [string, string])[] | undefined) {
  const [, base64 = ''] = trailers?.find(([name]) => name === 'grpc-status-details-bin') ?? [];
  return decodeStatusDetails(Buffer.from(base64, 'base64'));
}

describe('a call that is passed on', () => {
  it('goes to the backend with its headers, those of the gateway in their place, and what is left of its deadline', () => {
    const world = proxiedWorld({
      headers: [
        ['x-client-id', 'forged'],
        ['a', '1'],
        ['a', '2'],
      ],
      extraHeaders: [['x-client-id', 'ann']],
      deadlineInMs: 5_000,
    });
    expect(world.relay.request).toEqual({
      path: '/test.Shapes/Chat',
      headers: [
        ['a', '1'],
        ['a', '2'],
        ['x-client-id', 'ann'],
      ],
      contentType: 'application/grpc+x',
      timeoutMs: 5_000,
    });
    expect(world.call.address).toBe('a:1');
    world.stream.closes('cancelled');
  });

  it('is read from its client once it is open, and both ways from then on', () => {
    const world = proxiedWorld();
    const { stream, relay, counters, clock } = world;
    expect(stream.isPaused).toBe(true);
    relay.opens();
    stream.says(Buffer.concat([message(10), message(20).subarray(0, 7)]));
    stream.says(message(20).subarray(7));
    stream.halfCloses();
    expect(relay.isHalfClosed).toBe(true);
    relay.answers([['x', 'y']]);
    relay.says(message(5));
    relay.says(message(6));
    relay.ends({ trailers: [['t', 'u']] });
    expect(stream.ended).toEqual({ status: 0, message: '', trailers: [['t', 'u']] });
    clock.runImmediates();
    expect(relay.bytes).toEqual(Buffer.concat([message(10), message(20)]));
    expect(stream.responded).toEqual([['x', 'y']]);
    expect(stream.bytes).toEqual(Buffer.concat([message(5), message(6)]));
    expect(world.outcomes).toEqual([{ status: 0, by: 'backend' }]);
    expect(counters).toMatchObject({
      messagesUp: 2,
      messagesDown: 2,
      bytesUp: 40,
      bytesDown: 21,
      pausesUp: 0,
      pausesDown: 0,
    });
    expect(world.isClean).toBe(true);
  });

  it('that is half-closed before it is open is so once it is', () => {
    const { stream, relay } = proxiedWorld();
    stream.halfCloses();
    expect(relay.sent).toEqual([]);
    relay.opens();
    expect(relay.isHalfClosed).toBe(true);
    stream.closes('cancelled');
  });
});

describe('backpressure', () => {
  it('stops a client whose backend takes nothing, over the bound, and lets it go on below half of it', () => {
    const world = proxiedWorld({ terms: { queueBytes: 100 } });
    const { stream, relay, counters, call, account } = world;
    relay.opens();
    relay.takesAll = false;
    stream.says(message(75));
    expect([stream.isPaused, counters.pausesUp]).toEqual([false, 0]);
    stream.says(message(75));
    expect([stream.isPaused, counters.pausesUp]).toEqual([true, 1]);
    expect([call.heldUpBytes, call.heldDownBytes]).toEqual([160, 0]);
    relay.takes(109);
    expect(stream.isPaused).toBe(true);
    relay.takes(1);
    expect(stream.isPaused).toBe(false);
    stream.says(message(10_000));
    // Kibibytes are worth counting.
    expect(account.bytes).toBe(call.heldBytes);
    stream.closes('cancelled');
    expect(world.isClean).toBe(true);
  });

  it('stops a backend whose client takes nothing, and counts what waits to be read', () => {
    const world = proxiedWorld({ terms: { queueBytes: 100 } });
    const { stream, relay, counters, call, account } = world;
    relay.opens();
    relay.answers();
    stream.takesAll = false;
    relay.says(message(96));
    expect([relay.isPaused, counters.pausesDown]).toEqual([true, 1]);
    relay.bytesHeld = 50_000;
    call.onHeld();
    expect([call.heldDownBytes, account.bytes]).toEqual([50_101, 50_101]);
    stream.takes(51);
    expect(relay.isPaused).toBe(false);
    relay.bytesHeld = 0;
    relay.ends();
    expect(stream.ended).toEqual(OK);
    expect(world.outcomes).toEqual([]);
    stream.takes();
    world.clock.runImmediates();
    expect(world.outcomes).toEqual([{ status: 0, by: 'backend' }]);
    expect(world.isClean).toBe(true);
  });

  it('goes by messages, too', () => {
    const { stream, relay } = proxiedWorld({ terms: { queueMessages: 4 } });
    relay.opens();
    relay.takesAll = false;
    for (let at = 0; at < 4; at += 1) stream.says(message(2_000));
    expect(stream.isPaused).toBe(false);
    stream.says(Buffer.concat([message(2_000), message(0), message(0)]));
    expect(stream.isPaused).toBe(true);
    relay.takes(2_005 * 2);
    expect(stream.isPaused).toBe(true);
    relay.takes(2_005 * 2);
    expect(stream.isPaused).toBe(true);
    relay.takes();
    expect(stream.isPaused).toBe(false);
    stream.closes('cancelled');
  });

  it('is one reason of several not to read: hold stops both ways until release', () => {
    const { stream, relay, call, counters } = proxiedWorld({ terms: { queueBytes: 100 } });
    relay.opens();
    call.hold();
    expect([stream.isPaused, relay.isPaused]).toEqual([true, true]);
    call.release();
    expect([stream.isPaused, relay.isPaused]).toEqual([false, false]);
    relay.takesAll = false;
    stream.says(message(200));
    call.hold();
    call.release();
    expect([stream.isPaused, relay.isPaused]).toEqual([true, false]);
    call.hold();
    relay.takes();
    expect(stream.isPaused).toBe(true);
    call.release();
    expect(stream.isPaused).toBe(false);
    expect(counters.pausesUp).toBe(1);
    stream.closes('cancelled');
  });

  it('a call held before it has a backend reads nothing of it either', () => {
    const world = proxiedWorld({ unheard: true });
    world.call.hold();
    world.backend('a:1').isWell();
    world.clock.runImmediates();
    world.relay.opens();
    expect([world.stream.isPaused, world.relay.isPaused]).toEqual([true, true]);
    world.stream.closes('cancelled');
  });
});

describe('a rate', () => {
  it('of messages cuts a chunk where it has to, and delays the rest', () => {
    const { stream, relay, clock } = proxiedWorld({ terms: { messagesPerSecond: 2 } });
    relay.opens();
    const five = [1, 2, 3, 4, 5].map((size) => message(size));
    stream.says(Buffer.concat(five));
    stream.halfCloses();
    expect(relay.bytes).toEqual(Buffer.concat(five.slice(0, 2)));
    expect([stream.isPaused, relay.isHalfClosed]).toEqual([true, false]);
    clock.advance(499);
    expect(relay.bytes).toHaveLength(13);
    clock.advance(1);
    expect(relay.bytes).toEqual(Buffer.concat(five.slice(0, 3)));
    clock.advance(1_000);
    expect(relay.bytes).toEqual(Buffer.concat(five));
    expect([stream.isPaused, relay.isHalfClosed]).toEqual([false, true]);
    stream.closes('cancelled');
  });

  it('of bytes pauses until what went is paid for', () => {
    const { stream, relay, clock, counters } = proxiedWorld({ terms: { bytesPerSecond: 1_000 } });
    relay.opens();
    stream.says(message(2_995));
    expect(stream.isPaused).toBe(false);
    stream.says(message(95));
    expect([stream.isPaused, relay.bytes.length]).toEqual([true, 3_000]);
    clock.advance(2_001);
    expect([stream.isPaused, relay.bytes.length]).toEqual([false, 3_100]);
    // It is the rate that stopped it, and not the backend.
    expect(counters.pausesUp).toBe(0);
    stream.closes('cancelled');
  });

  it('leaves no timer behind, and lets nothing go to a backend that has no room', () => {
    const world = proxiedWorld({ terms: { messagesPerSecond: 1, queueBytes: 10 } });
    const { stream, relay, clock } = world;
    relay.opens();
    relay.takesAll = false;
    stream.says(Buffer.concat([message(10), message(10)]));
    clock.advance(5_000);
    expect(relay.bytes).toHaveLength(15);
    relay.takes();
    expect(relay.bytes).toHaveLength(30);
    stream.closes('lost');
    expect(world.isClean).toBe(true);
  });
});

describe('how it ends', () => {
  test.each(['cancelled', 'lost'] as const)(
    'the client is gone (%s): the backend is reset at once',
    (close) => {
      for (const at of ['choosing', 'trying', 'open', 'answering', 'waiting', 'ending'] as const) {
        const world = proxiedWorld({
          unheard: at === 'choosing',
          terms: { maxAttempts: 2, retryOn: new Set([14]) },
        });
        const { stream, clock } = world;
        if (at !== 'choosing' && at !== 'trying') world.relay.opens();
        if (at === 'answering') world.relay.answers();
        if (at === 'waiting') world.relay.ends({ status: 14 });
        if (at === 'ending') {
          stream.takesAll = false;
          world.relay.answers();
          world.relay.says(message(1));
          world.relay.ends();
        }
        const timers = clock.activeTimers;
        stream.closes(close);
        const isReset = at === 'trying' || at === 'open' || at === 'answering';
        expect(world.relays().map(({ isCancelled }) => isCancelled)).toEqual(
          at === 'choosing' ? [] : [isReset],
        );
        clock.runImmediates();
        expect([at, ...world.outcomes]).toEqual([at, { status: 1, by: 'client' }]);
        expect(world.isClean).toBe(true);
        if (at === 'choosing' || at === 'waiting') expect(clock.activeTimers).toBe(timers - 1);
        // Whatever comes late finds nobody.
        if (at === 'choosing') world.backend('a:1').isWell();
        clock.advance(60_000);
        expect(world.relays().length).toBe(at === 'choosing' ? 0 : 1);
        expect(world.outcomes).toHaveLength(1);
      }
    },
  );

  it('both ends at once: the client hears what it would have, once', () => {
    const world = proxiedWorld();
    world.relay.opens();
    world.relay.ends({ status: 5 });
    world.stream.closes('cancelled');
    world.clock.runImmediates();
    expect(world.outcomes).toEqual([{ status: 1, by: 'client' }]);
    const other = proxiedWorld();
    other.relay.opens();
    const { relay } = other;
    other.stream.closes('cancelled');
    relay.ends({ status: 5 });
    other.clock.runImmediates();
    expect(other.outcomes).toEqual([{ status: 1, by: 'client' }]);
  });

  test.each(['cancelled', 'lost'] as const)(
    'the gateway has ended it, and the client is gone (%s) before it heard: it was the gateway',
    (close) => {
      const world = proxiedWorld();
      const { stream, relay } = world;
      relay.opens();
      relay.answers();
      stream.takesAll = false;
      relay.says(message(1));
      world.call.end(new SluiceError('STREAM_LIMIT', 'too old'));
      stream.closes(close);
      expect(relay.isCancelled).toBe(true);
      expect(world.outcomes).toMatchObject([{ status: 14, by: 'gateway', error: { code: 'STREAM_LIMIT' } }]);
      world.clock.runImmediates();
      expect(world.isClean).toBe(true);
    },
  );

  it('the deadline passes', () => {
    const world = proxiedWorld({ deadlineInMs: 100 });
    const { relay } = world;
    relay.opens();
    world.stream.closes('deadline');
    expect(relay.isCancelled).toBe(true);
    expect(world.outcomes).toEqual([{ status: 4, by: 'gateway' }]);
    expect(world.isClean).toBe(true);
  });

  it('no byte goes either way', () => {
    const world = proxiedWorld({ terms: { idleTimeoutMs: 1_000 } });
    const { clock, stream, relay } = world;
    relay.opens();
    for (const act of [
      () => {
        stream.says(message(1));
      },
      () => {
        relay.answers();
        relay.says(message(1));
      },
      () => {
        relay.takes();
      },
      () => {
        stream.takes();
      },
    ]) {
      clock.advance(999);
      act();
    }
    clock.advance(999);
    expect(stream.ended).toBeUndefined();
    clock.advance(1);
    expect(stream.ended).toMatchObject({
      status: 4,
      message: 'No byte went either way for 1000 ms (proxies.mine.idleTimeout).',
    });
    expect(detailsOf(stream.ended?.trailers)).toMatchObject({ reason: 'CALL_IDLE', domain: 'sluice' });
    expect(relay.isCancelled).toBe(true);
    clock.runImmediates();
    expect(world.outcomes).toMatchObject([{ status: 4, by: 'gateway', error: { code: 'CALL_IDLE' } }]);
  });

  it('from outside: the client is told, or reset where it takes nothing', () => {
    const draining = new SluiceError('DRAINING', 'leaving');
    for (const takesAll of [true, false]) {
      const world = proxiedWorld();
      const { clock, stream, relay, call } = world;
      relay.opens();
      relay.answers();
      stream.takesAll = takesAll;
      relay.says(message(1));
      call.end(draining);
      call.end(new SluiceError('OVERLOADED', 'never said'));
      expect(relay.isCancelled).toBe(true);
      expect(stream.ended).toMatchObject({ status: 14, message: 'leaving' });
      clock.advance(999);
      expect(world.outcomes.length).toBe(takesAll ? 1 : 0);
      clock.advance(1);
      clock.runImmediates();
      expect([stream.isReset, world.outcomes]).toEqual([
        !takesAll,
        [{ status: 14, by: 'gateway', error: draining }],
      ]);
      expect(world.isClean).toBe(true);
    }
  });

  it('from outside, while the end of the backend waits for a client that takes nothing', () => {
    const world = proxiedWorld();
    const { clock, stream, relay, call } = world;
    relay.opens();
    relay.answers();
    stream.takesAll = false;
    relay.says(message(1));
    relay.ends();
    clock.advance(60_000);
    expect(world.outcomes).toEqual([]);
    call.end(new SluiceError('DRAINING', 'leaving'));
    clock.advance(1_000);
    clock.runImmediates();
    expect(world.outcomes).toEqual([{ status: 0, by: 'backend' }]);
    expect(stream.isReset).toBe(true);
  });

  test.each([
    [{ broken: true } as const, { status: 14, message: 'The connection to the backend was lost.' }],
    [{ status: 13 }, { status: 13, message: 'The backend ended the call without a gRPC status.' }],
    [
      { status: 12, failure: 'not-sluice' } as const,
      { status: 12, message: 'The backend is no gRPC server.' },
    ],
  ])('without a word of the backend %#: the same status, and no address', (failure, end) => {
    const world = proxiedWorld();
    const { relay } = world;
    relay.opens();
    relay.answers();
    relay.fails({ message: 'a:1 is so and so', ...failure });
    expect(world.stream.ended).toMatchObject(end);
    world.clock.runImmediates();
    expect(world.outcomes).toMatchObject([{ status: end.status, by: 'backend' }]);
  });

  it('a message that is cut off at its prefix goes as far as it came', () => {
    const world = proxiedWorld();
    const { stream, relay } = world;
    relay.opens();
    relay.answers();
    relay.says(Buffer.from([0, 0, 0]));
    stream.says(Buffer.from([0, 0]));
    stream.halfCloses();
    relay.ends();
    expect([...stream.bytes]).toEqual([0, 0, 0]);
    expect([...relay.bytes]).toEqual([0, 0]);
    world.clock.runImmediates();
  });

  it('a message over the limit ends it, with what came before it', () => {
    const world = proxiedWorld({ terms: { maxMessageBytes: 10 } });
    const { relay, stream } = world;
    relay.opens();
    relay.answers();
    relay.says(Buffer.concat([message(10), message(11)]));
    expect(stream.bytes).toEqual(message(10));
    expect(detailsOf(stream.ended?.trailers)).toMatchObject({ reason: 'MESSAGE_TOO_LARGE' });
    expect(stream.ended?.message).toContain(
      '11 bytes is over the limit of 10 bytes (proxies.mine.maxMessageSize)',
    );
    expect(relay.isCancelled).toBe(true);
    world.clock.runImmediates();
    expect(world.outcomes).toMatchObject([{ status: 8, by: 'gateway' }]);
  });
});

describe('where no backend is there', () => {
  it('waits while it is not known yet, and goes to the first that is', () => {
    const world = proxiedWorld({ unheard: true, addresses: ['a:1', 'b:1'] });
    expect(world.relays()).toEqual([]);
    world.backend('b:1').isWell();
    world.clock.runImmediates();
    expect(world.call.address).toBe('b:1');
    world.stream.closes('cancelled');
    expect(world.clock.activeTimers).toBeGreaterThan(0);
    world.pool.stop();
    world.clock.runImmediates();
    expect(world.clock.activeTimers).toBe(0);
  });

  it('is UNAVAILABLE as soon as none is, or at the end of connectTimeout, and says what is wrong', () => {
    const known = proxiedWorld({ unheard: true, addresses: ['a:1', 'b:1'] });
    known.backend('a:1').isGone();
    known.clock.runImmediates();
    expect(known.stream.ended).toBeUndefined();
    known.backend('b:1').isWell(2);
    known.clock.runImmediates();
    expect(known.stream.ended).toMatchObject({
      status: 14,
      message: 'No backend can take the call now: of its 2 backends 1 unreachable, 1 not serving.',
    });
    const silent = proxiedWorld({ unheard: true });
    silent.clock.advance(5_000);
    expect(silent.stream.ended?.message).toContain('its backend is not heard from yet');
    expect(silent.relays()).toEqual([]);
  });

  it('counts in maxSessions', () => {
    const full = proxiedWorld({ upstream: { maxSessions: 1 } });
    const lease = full.pool.lease();
    expect(lease).toBeUndefined();
    full.stream.closes('cancelled');
    expect(full.pool.lease()?.address).toBe('a:1');
  });
});
