/** Above the budget, where clients do not take what they were sent: their end frees it only later. */
import { afterEach, describe, expect, it, test } from 'vitest';
import type { SluiceError } from '../../../src/core/errors.js';
import { ByteAccount } from '../../../src/flow/byte-account.js';
import { ProxiedCall } from '../../../src/proxy/proxied-call.js';
import { echoRoute } from '../../../src/routes/echo.js';
import {
  Overload,
  type BurdenedConnection,
  type BurdenedSession,
  type BurdenedStranger,
} from '../../../src/server/overload.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { MemoryConnection } from '../../../src/transport/memory/memory-connection.js';
import { dataMessage } from '../../../src/wire/messages.js';
import { callsWorld, say, subscribe } from '../../helpers/memory-calls.js';
import { memoryServer } from '../../helpers/memory-server.js';
import { message } from '../../helpers/proxied-world.js';
import { noCounts, OPEN_TERMS } from '../../helpers/proxy-world.js';
import { RecordingLogger } from '../../helpers/recording-logger.js';
import { ScriptedStream } from '../../helpers/scripted-stream.js';
import { upstreamWorld } from '../../helpers/upstream-world.js';

const BUDGET = 10_000;
const SHED_AFTER_MS = 1_000;
/** How often it looks. */
const WATCH_MS = 50;
/** After which a stream that was ended and takes nothing is reset. */
const RESET_MS = 1_000;
/** For how long that is waited for. */
const GOING_MS = 2_000;

const KINDS = ['session', 'simple', 'undecided', 'call', 'stranger', 'publish', 'proxied'] as const;
type Kind = (typeof KINDS)[number];

/** Of all kinds, on a clock moved by hand. What each holds goes a while after its end. */
class SlowBurdens {
  readonly clock: FakeClock;
  readonly account: ByteAccount;
  readonly counters = { budgetExceeded: 0, sessionsShed: 0 };
  readonly logger = new RecordingLogger();
  readonly ended: string[] = [];
  readonly #sessions: BurdenedSession[] = [];
  readonly #connections: BurdenedConnection[] = [];
  readonly #strangers: BurdenedStranger[] = [];
  readonly calls: BurdenedStranger[] = [];
  readonly #others: BurdenedStranger[] = [];
  readonly overload: Overload;

  constructor(clock = new FakeClock(), budgetBytes = BUDGET) {
    this.clock = clock;
    this.account = new ByteAccount(budgetBytes);
    const nothing = (): void => undefined;
    this.overload = new Overload({
      clock,
      account: this.account,
      counters: this.counters,
      shedAfterMs: SHED_AFTER_MS,
      logger: this.logger,
      connections: () => this.#connections,
      strangers: () => this.#strangers,
      calls: () => this.calls,
      others: Object.assign(this.#others, { hold: nothing, release: nothing }),
      windowed: Object.assign(this.#sessions, { relieve: nothing }),
    });
  }

  add(kind: Kind, name: string, bytes: number, goesAfterMs = RESET_MS): void {
    this.account.add(bytes);
    let [held, isOver] = [bytes, false];
    const end = ({ code }: SluiceError): void => {
      isOver = true;
      this.ended.push(name);
      expect(code).toBe('OVERLOADED');
      if (goesAfterMs === Infinity) return;
      this.clock.setTimeout(() => {
        this.account.add(-held);
        held = 0;
      }, goesAfterMs);
    };
    const stranger: BurdenedStranger = {
      peer: name,
      get heldBytes() {
        return held;
      },
      end,
    };
    switch (kind) {
      case 'session':
        this.#sessions.push({
          clientId: 'ann',
          sessionId: name,
          get heldBytes() {
            return held;
          },
          expel: (_, error) => {
            end(error);
          },
        });
        return;
      case 'stranger':
        this.#strangers.push(stranger);
        return;
      case 'publish':
        this.calls.push(stranger);
        return;
      case 'proxied':
        this.#others.push(stranger);
        return;
      default:
        this.#connections.push({
          kind,
          undecidedBytes: 0,
          connection: {
            id: name,
            clientId: 'ben',
            // As of a real one.
            get bufferedBytes() {
              return isOver ? 0 : held;
            },
            stream: {
              get bytesInFlight() {
                return held;
              },
            },
            sendQueue: { controlRoom: 8 },
          },
          notify: () => undefined,
          end,
          relieve: () => undefined,
        });
    }
  }
}

describe('what goes only after the end', () => {
  test.each(KINDS)('%s: as many end as make the room, each once, and nobody else', (kind) => {
    const burdens = new SlowBurdens();
    for (let n = 0; n < 10; n += 1) burdens.add(kind, `slow ${n}`, 1_200);
    burdens.add('session', 'bystander', 500);
    burdens.add('simple', 'bystander', 300);
    burdens.clock.advance(WATCH_MS);
    const ended = ['slow 0', 'slow 1', 'slow 2', 'slow 3'];
    expect(burdens.ended).toEqual(ended);
    expect(burdens.logger.lines.at(-1)?.fields).toMatchObject({
      ended: 4,
      bytes: 12_800,
      goingBytes: 4_800,
    });
    burdens.clock.advance(RESET_MS - 1);
    expect([burdens.ended, burdens.account.exceeded]).toEqual([ended, true]);
    burdens.clock.advance(1);
    expect([burdens.account.bytes, burdens.account.exceeded]).toEqual([8_000, false]);
    burdens.clock.advance(10 * GOING_MS);
    expect([burdens.ended, burdens.counters]).toEqual([ended, { budgetExceeded: 1, sessionsShed: 4 }]);
    expect(burdens.clock.pending).toBe(0);
  });

  it('is counted with what comes meanwhile: for that others end, but none for what is going', () => {
    const burdens = new SlowBurdens();
    for (let n = 0; n < 11; n += 1) burdens.add('proxied', `slow ${n}`, 1_200, RESET_MS);
    burdens.clock.advance(WATCH_MS);
    expect(burdens.ended).toHaveLength(4);
    // 8,400 stay.
    burdens.add('session', 'late', 1_500);
    burdens.clock.advance(WATCH_MS);
    expect(burdens.ended).toHaveLength(4);
    burdens.add('session', 'later', 1_000);
    burdens.clock.advance(SHED_AFTER_MS - 3 * WATCH_MS);
    expect(burdens.ended).toHaveLength(4);
    burdens.clock.advance(10 * GOING_MS);
    expect(burdens.ended.slice(4)).toEqual(['late', 'slow 4']);
    expect(burdens.account.bytes).toBeLessThanOrEqual(burdens.account.relievedBytes);
    expect(burdens.clock.pending).toBe(0);
  });

  test.each(KINDS)('%s that never goes: it counts again in the end, and others end for it', (kind) => {
    const burdens = new SlowBurdens();
    burdens.add(kind, 'stuck', 6_000, Infinity);
    burdens.add('session', 'a', 3_000, 0);
    burdens.add('session', 'b', 2_500, 0);
    burdens.clock.advance(SHED_AFTER_MS);
    expect(burdens.ended).toEqual(['stuck']);
    burdens.clock.advance(GOING_MS);
    expect(burdens.ended).toEqual(['stuck']);
    burdens.clock.advance(2 * WATCH_MS);
    expect(burdens.ended).toEqual(['stuck', 'a']);
    burdens.add('session', 'c', 2_900, 0);
    burdens.clock.advance(SHED_AFTER_MS + WATCH_MS);
    expect(burdens.ended).toEqual(['stuck', 'a', 'c']);
    expect([burdens.counters.sessionsShed, burdens.clock.pending]).toEqual([3, 0]);
  });

  it('is forgotten with the gateway', () => {
    const burdens = new SlowBurdens();
    burdens.add('simple', 'slow', 2 * BUDGET, Infinity);
    burdens.clock.advance(WATCH_MS);
    burdens.overload.stop();
    expect(burdens.clock.pending).toBe(0);
  });
});

describe('proxied calls with finite answers that nobody reads', () => {
  it('some of them end, and are reset; the others and who stands by stay', () => {
    const { clock, pool, backend } = upstreamWorld(['a:1']);
    pool.start();
    backend('a:1').isWell();
    const burdens = new SlowBurdens(clock, 32 * 1024 * 1024);
    const streams = Array.from({ length: 300 }, () => {
      const stream = new ScriptedStream(clock);
      const call = new ProxiedCall({
        proxy: 'mine',
        stream,
        pool,
        terms: OPEN_TERMS,
        clock,
        account: burdens.account,
        counters: noCounts(),
        extraHeaders: [],
        onEnd: () => undefined,
      });
      stream.receiver = call;
      stream.takesAll = false;
      call.start();
      const relay = backend('a:1').relays.at(-1)!;
      relay.opens();
      relay.answers();
      relay.says(message(200 * 1024));
      relay.ends();
      stream.takes(64 * 1024);
      burdens.calls.push({
        peer: stream.peer,
        get heldBytes() {
          return call.heldBytes;
        },
        end: (error) => {
          call.end(error);
        },
      });
      return stream;
    });
    burdens.add('session', 'bystander', 10_000);
    const resets = (): number => streams.filter(({ isReset }) => isReset).length;
    clock.advance(SHED_AFTER_MS);
    const { sessionsShed } = burdens.counters;
    clock.advance(RESET_MS + GOING_MS);
    // 39.8 MiB were held, and 28.8 may stay.
    expect(sessionsShed).toBe(84);
    expect([burdens.counters.sessionsShed, resets(), burdens.ended]).toEqual([84, 84, []]);
    expect(burdens.account.exceeded).toBe(false);
    for (const stream of streams) stream.closes('cancelled');
    pool.stop();
    expect(burdens.account.bytes).toBe(10_000);
  });
});

describe('a server above its budget', () => {
  const worlds: ReturnType<typeof memoryServer>[] = [];
  afterEach(async () => {
    for (const { server, clock } of worlds.splice(0)) {
      server.destroy();
      await clock.settle();
      expect(clock.pending).toBe(0);
    }
  });

  it('resets a simple connection that takes nothing a second after its end', async () => {
    const world = memoryServer(echoRoute(), {}, [], {}, undefined, new ByteAccount(BUDGET));
    worlds.push(world);
    const { server, clock, account } = world;
    const deaf = new MemoryConnection(server.accept, { clock, windowBytes: 100 });
    for (let i = 0; i < 3; i += 1) deaf.send(dataMessage({ sessionId: 'a', data: new Uint8Array(1_000) }));
    await clock.settle();
    account.add(2 * BUDGET);
    await clock.advanceAsync(WATCH_MS + RESET_MS - 1);
    expect([...world.pool].map(({ state }) => state.kind)).toEqual(['closed']);
    await clock.advanceAsync(1);
    expect(await deaf.ended).toMatchObject({ close: 'reset' });
    expect([world.pool.size, world.metrics.sessionsShed]).toEqual([0, 1]);
  });

  it('resets a call of Subscribe that takes nothing as soon', async () => {
    // Its topic keeps a timer of its own.
    const world = callsWorld();
    const { clock, account } = world;
    const deaf = subscribe(world, {}, { windowBytes: 100 });
    await clock.settle();
    await say(world, 'room', ['x'.repeat(1_000), 'y'.repeat(1_000)]);
    await clock.settle();
    account.add(2 * account.budgetBytes);
    await clock.advanceAsync(WATCH_MS + RESET_MS - 1);
    expect(world.pool.size).toBe(1);
    await clock.advanceAsync(1);
    expect(await deaf.ended).toMatchObject({ close: 'reset' });
    expect([world.pool.size, world.metrics.sessionsShed]).toEqual([0, 1]);
    world.server.destroy();
  });
});
