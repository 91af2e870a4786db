import { describe, expect, it, test } from 'vitest';
import { message, proxiedWorld } from '../../helpers/proxied-world.js';

const TWO = ['a:1', 'b:1'] as const;

function attemptsTold(headers: readonly (readonly [string, string])[]): string | undefined {
  return headers.find(([name]) => name === 'grpc-previous-rpc-attempts')?.[1];
}

describe('a call that nobody has looked at', () => {
  it('goes elsewhere where its backend can not be reached, as often as there are others, and uncounted', () => {
    const world = proxiedWorld({ addresses: ['a:1', 'b:1', 'c:1'] });
    const tried: string[] = [];
    for (let at = 0; at < 3; at += 1) {
      tried.push(world.call.address);
      world.relay.fails({ failure: 'unreachable' }, true);
    }
    expect(new Set(tried).size).toBe(3);
    expect(world.stream.ended).toMatchObject({ status: 14, message: 'The backend can not be reached.' });
    expect(world.counters.retries).toBe(2);
    expect(world.relays().map(({ request }) => attemptsTold(request.headers))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    world.clock.runImmediates();
    expect(world.isClean).toBe(true);
  });

  it('is sent again, all of it, and its half-close, once', () => {
    const world = proxiedWorld({ addresses: TWO });
    const first = world.relay;
    first.opens();
    world.stream.says(message(3));
    world.stream.says(message(4));
    world.stream.halfCloses();
    first.fails({ status: 14 }, true);
    const second = world.relay;
    expect(second).not.toBe(first);
    expect(second.sent).toEqual([]);
    second.opens();
    expect([second.bytes, second.isHalfClosed]).toEqual([Buffer.concat([message(3), message(4)]), true]);
    expect(world.counters).toMatchObject({ messagesUp: 2, bytesUp: 17, retries: 1 });
    second.fails({ status: 14 }, true);
    expect(world.stream.ended).toMatchObject({ status: 14 });
    world.clock.runImmediates();
  });

  it('is sent again, all of it, also where its client is done before the next backend is there', () => {
    const world = proxiedWorld({ addresses: TWO });
    const first = world.relay;
    first.opens();
    world.stream.says(Buffer.concat([message(3), Buffer.from([0, 0])]));
    first.fails({ failure: 'unreachable' }, true);
    const second = world.relay;
    world.stream.halfCloses();
    expect(second.isHalfClosed).toBe(false);
    second.opens();
    expect([second.bytes, second.isHalfClosed]).toEqual([
      Buffer.concat([message(3), Buffer.from([0, 0])]),
      true,
    ]);
    world.stream.closes('cancelled');
    world.clock.runImmediates();
    expect(world.isClean).toBe(true);
  });

  it('goes to the same backend where there is no other: one that leaves refuses what comes on its old connection', () => {
    const world = proxiedWorld();
    world.relay.fails({ status: 14 }, true);
    expect(world.relays()).toHaveLength(2);
    world.relay.opens();
    world.relay.ends();
    world.clock.runImmediates();
    expect(world.outcomes).toEqual([{ status: 0, by: 'backend' }]);
  });

  it('reads its client again only once the next one is open', () => {
    const world = proxiedWorld({ addresses: TWO });
    world.relay.opens();
    world.stream.says(message(1));
    world.relay.fails({ status: 14 }, true);
    expect(world.stream.isPaused).toBe(true);
    world.relay.opens();
    expect(world.stream.isPaused).toBe(false);
    world.stream.says(message(2));
    expect(world.relay.bytes).toEqual(Buffer.concat([message(1), message(2)]));
    world.stream.closes('cancelled');
  });

  it('is lost where more was sent than is kept', () => {
    const world = proxiedWorld({ addresses: TWO, terms: { retryBufferBytes: 10 } });
    world.relay.opens();
    world.stream.says(message(6));
    world.relay.fails({ status: 14 }, true);
    expect(world.relays()).toHaveLength(1);
    expect(world.stream.ended).toMatchObject({ status: 14 });
    world.clock.runImmediates();
  });
});

describe('a policy', () => {
  const terms = { maxAttempts: 3, retryOn: new Set([14, 8]) };
  const fast = { backoffFirst: 100, backoffMax: 1_000 };

  it('tries again after a wait that doubles, elsewhere, and says how often it has', () => {
    const world = proxiedWorld({ addresses: TWO, terms, upstream: fast });
    const first = world.call.address;
    world.relay.opens();
    world.stream.says(message(1));
    world.relay.ends({ status: 14, message: 'busy' });
    expect([world.relays().length, world.stream.isPaused]).toEqual([1, true]);
    // Half of what it may be: the chance of this world.
    world.clock.advance(49);
    expect(world.relays()).toHaveLength(1);
    world.clock.advance(1);
    expect(world.relays()).toHaveLength(2);
    expect(world.call.address).not.toBe(first);
    expect(attemptsTold(world.relay.request.headers)).toBe('1');
    world.relay.opens();
    world.relay.ends({ status: 8 });
    world.clock.advance(99);
    expect(world.relays()).toHaveLength(2);
    world.clock.advance(1);
    expect(attemptsTold(world.relay.request.headers)).toBe('2');
    world.relay.opens();
    expect(world.relay.bytes).toEqual(message(1));
    world.relay.ends({ status: 14, message: 'still busy' });
    expect(world.stream.ended).toMatchObject({ status: 14, message: 'still busy' });
    world.clock.runImmediates();
    expect(world.counters.retries).toBe(2);
    expect(world.isClean).toBe(true);
  });

  it('adds to what the client has tried itself', () => {
    const headers = [['grpc-previous-rpc-attempts', '2']] as const;
    const world = proxiedWorld({ terms, headers });
    expect(attemptsTold(world.relay.request.headers)).toBe('2');
    world.relay.ends({ status: 14 });
    world.clock.advance(1_000);
    expect(attemptsTold(world.relay.request.headers)).toBe('3');
    world.stream.closes('cancelled');
  });

  it('has at most five attempts, whatever it is told', () => {
    const world = proxiedWorld({ terms: { ...terms, maxAttempts: 100 }, upstream: fast });
    for (let at = 0; at < 10; at += 1) {
      world.relay.ends({ status: 14 });
      world.clock.advance(1_000);
    }
    expect(world.relays()).toHaveLength(5);
    expect(world.stream.ended).toMatchObject({ status: 14 });
  });

  test.each([
    ['other statuses', { status: 13 }],
    ['a backend that says not to', { status: 14, trailers: [['grpc-retry-pushback-ms', '-1']] as const }],
    ['nonsense from it', { status: 14, trailers: [['grpc-retry-pushback-ms', 'soon']] as const }],
  ])('does not go by %s', (_what, end) => {
    const world = proxiedWorld({ terms });
    world.relay.ends(end);
    expect(world.stream.ended).toMatchObject({ status: end.status });
    world.clock.runImmediates();
  });

  it('waits for as long as the backend says', () => {
    const world = proxiedWorld({ terms, upstream: fast });
    world.relay.ends({ status: 14, trailers: [['grpc-retry-pushback-ms', '7000']] });
    world.clock.advance(6_999);
    expect(world.relays()).toHaveLength(1);
    world.clock.advance(1);
    expect(world.relays()).toHaveLength(2);
    world.stream.closes('cancelled');
  });

  it('begins its waits anew after one that the backend chose', () => {
    const world = proxiedWorld({ terms: { ...terms, maxAttempts: 5 }, upstream: fast });
    const waits: number[] = [];
    for (const told of [undefined, undefined, '7000', undefined]) {
      const trailers = told === undefined ? [] : ([['grpc-retry-pushback-ms', told]] as const);
      world.relay.ends({ status: 14, trailers });
      const tried = world.relays().length;
      const endedAt = world.clock.now();
      while (world.relays().length === tried && world.stream.ended === undefined) world.clock.advance(10);
      waits.push(world.clock.now() - endedAt);
    }
    // Half of what they may be: the chance of this world.
    expect(waits).toEqual([50, 100, 7_000, 50]);
    expect(world.relays()).toHaveLength(5);
    world.stream.closes('cancelled');
  });

  it('ends with the first byte of an answer', () => {
    const world = proxiedWorld({ terms });
    world.relay.opens();
    world.relay.answers();
    world.relay.ends({ status: 14 });
    expect(world.stream.ended).toMatchObject({ status: 14 });
    world.clock.runImmediates();
  });

  it('tries again what broke before an answer, by its status', () => {
    const world = proxiedWorld({ terms, upstream: fast });
    world.relay.opens();
    world.relay.fails({ broken: true });
    world.clock.advance(1_000);
    expect(world.relays()).toHaveLength(2);
    world.stream.closes('cancelled');
  });

  it('tells the last end where there is nobody to try', () => {
    const world = proxiedWorld({ terms, upstream: fast });
    world.relay.ends({ status: 8, message: 'full' });
    world.backend('a:1').isWell(2);
    world.clock.advance(1_000);
    expect(world.stream.ended).toMatchObject({ status: 8, message: 'full' });
    world.clock.runImmediates();
    expect(world.isClean).toBe(true);
  });

  it('passes on what is left of the deadline', () => {
    const world = proxiedWorld({ terms, upstream: fast, deadlineInMs: 1_000 });
    world.relay.ends({ status: 14 });
    world.clock.advance(50);
    expect(world.relay.request.timeoutMs).toBe(950);
    world.stream.closes('deadline');
  });
});

describe('the circuit breaker of an address', () => {
  const upstream = { breakerFailures: 2, breakerPause: 10_000 };

  it('goes by who can not be reached, and by what breaks, and no answer of an application is a failure', () => {
    const world = proxiedWorld({ upstream });
    const call = () => {
      const lease = world.pool.lease();
      lease?.failed('gone');
      lease?.release();
    };
    world.relay.ends({ status: 14 });
    call();
    const answered = world.pool.lease();
    answered?.succeeded();
    answered?.release();
    call();
    expect(world.pool.levels.addresses[0]?.breaker).toBe('closed');
    call();
    expect(world.pool.levels.addresses[0]).toMatchObject({ breaker: 'open', sessions: 0, streamsLost: 3 });
    expect(world.pool.trouble).toBe('its backend is given a pause after failures');
    world.clock.advance(10_000);
    const trial = world.pool.lease();
    expect(world.pool.lease()).toBeUndefined();
    // It lasts, and says nothing: it stands.
    world.clock.advance(10_000);
    expect(world.pool.levels.addresses[0]?.breaker).toBe('closed');
    trial?.release();
  });

  it.each([{ broken: true }, { failure: 'unreachable' }] as const)(
    'takes all calls that one break ends for one failure: %o',
    (end) => {
      const world = proxiedWorld({ upstream });
      const others = Array.from({ length: 10 }, () => world.pool.lease());
      world.relay.opens();
      world.relay.fails(end);
      for (const other of others) {
        other?.cutOff('gone');
        other?.release();
      }
      expect(world.pool.levels.addresses[0]).toMatchObject({
        breaker: 'closed',
        sessions: 0,
        streamsLost: 11,
      });
      world.pool.lease()?.cutOff('gone');
      expect(world.pool.levels.addresses[0]?.breaker).toBe('open');
    },
  );

  test.each([
    ['nobody who speaks HTTP/2 there is one', true, 'open'],
    ['an HTTP status in place of an answer, which a client can bring about, is none', false, 'closed'],
  ])('%s', (_, unprocessed, breaker) => {
    const world = proxiedWorld({ upstream: { ...upstream, breakerFailures: 1 } });
    world.relay.fails({ failure: 'not-sluice', status: 12 }, unprocessed);
    expect(world.pool.levels.addresses[0]?.breaker).toBe(breaker);
    world.clock.runImmediates();
  });
});
