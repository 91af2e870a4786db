import { describe, expect, it } from 'vitest';
import type { Clock, Timer } from '../../../src/core/clock.js';
import type { Route, RouteSession } from '../../../src/session/route.js';
import { controlMessage, dataMessage, MessageType, type DataMessage } from '../../../src/wire/messages.js';
import {
  GatedClient,
  identityOf,
  leftOf,
  NOTHING_LEFT,
  serverBehind,
  SettableClock,
  TestGate,
  type GatedWorld,
} from '../../helpers/gate.js';
import { openOf } from '../../helpers/windowed-world.js';

const STREAM_MS = 120_000;
/** Five of them are shorter than the stream. */
const TOKEN_MS = 22_000;
const NOTICE_MS = 5_000;
const GRACE_MS = 2_000;
/** How often the client says something. */
const STEP_MS = 100;
/** How often the route does, unasked. */
const TICK_MS = 250;

/** Says everything back, and something of its own all the time, whether its client is there or not. */
function talking(clock: Clock): Route {
  const tick = (session: RouteSession, n: number, armed: (timer: Timer) => void): void => {
    armed(
      clock.setTimeout(() => {
        try {
          void session.send({ data: Buffer.from(`tick ${n}`) });
        } catch {
          // Its client has closed it.
          return;
        }
        tick(session, n + 1, armed);
      }, TICK_MS),
    );
  };
  return {
    kind: 'test',
    open(session) {
      let timer: Timer | undefined;
      tick(session, 1, (armed) => {
        timer = armed;
      });
      return {
        handle: ({ data }) => session.send({ data }),
        closed: () => {
          timer?.cancel();
        },
      };
    },
  };
}

function world(): GatedWorld {
  const clock = new SettableClock();
  const settings = { expiryNoticeMs: NOTICE_MS, expiryGraceMs: GRACE_MS };
  return { clock, ...serverBehind(new TestGate(), clock, talking(clock), { settings }) };
}

/** A client that speaks all the time, and renews its token when it is told to, or comes back with another. */
class Speaker {
  readonly said: string[] = [];
  readonly echoes: string[] = [];
  readonly ticks: string[] = [];
  connections = 0;
  renewals = 0;
  readonly #made: GatedWorld;
  readonly #renews: boolean;
  readonly #windowed: boolean;
  readonly #unacknowledged = new Map<number, string>();
  #client: GatedClient;
  #read = 0;
  #position = 0;
  #open = false;

  constructor(made: GatedWorld, kind: 'windowed' | 'simple', how: 'renews' | 'comes back') {
    this.#made = made;
    this.#renews = how === 'renews';
    this.#windowed = kind === 'windowed';
    this.#client = this.#connect();
  }

  get end(): string | undefined {
    return this.#client.end;
  }

  say(): void {
    const words = `word ${this.said.length + 1}`;
    this.said.push(words);
    if (!this.#windowed) {
      this.#client.send(dataMessage({ sessionId: 's', data: Buffer.from(words) }));
      return;
    }
    this.#unacknowledged.set(this.said.length, words);
    if (this.#open) this.#sendNumbered(this.said.length, words);
  }

  /** Looks at what has come. */
  listen(): void {
    for (; this.#read < this.#client.received.length; this.#read += 1) {
      const message = this.#client.received[this.#read];
      if (message !== undefined) this.#hear(message);
    }
    if (this.#client.end === 'TOKEN_EXPIRED') {
      this.#open = false;
      this.#read = 0;
      this.#client = this.#connect();
    }
  }

  leave(): void {
    if (this.#windowed) this.#client.send(controlMessage({ action: 'close' }, 's'));
    this.#client.connection.halfClose();
  }

  #connect(): GatedClient {
    this.connections += 1;
    const metadata = { authorization: `Bearer ${this.#mint()}` };
    const client = new GatedClient(this.#made, { metadata });
    const [attempt, lastReceivedSequence] = [this.connections, this.#position];
    if (this.#windowed) {
      const open = openOf({ resume: attempt > 1, attempt, lastReceivedSequence });
      client.send(controlMessage(open, 's'));
    }
    return client;
  }

  #hear({ control, type, ack, sequence, data }: DataMessage): void {
    for (const acknowledged of this.#unacknowledged.keys()) {
      if (acknowledged <= ack) this.#unacknowledged.delete(acknowledged);
    }
    if (control?.action === 'opened') {
      expect(control.resumed).toBe(this.connections > 1);
      this.#open = true;
      for (const [number, words] of this.#unacknowledged) {
        if (number > control.lastReceivedSequence) this.#sendNumbered(number, words);
      }
    } else if (control?.action === 'throttle' && this.#renews) {
      this.renewals += 1;
      this.#client.authenticate(this.#mint());
    } else if (type === MessageType.DATA) {
      if (this.#windowed) {
        expect(sequence).toBe(this.#position + 1);
        this.#position = sequence;
        this.#client.send(dataMessage({ type: MessageType.ACK, sessionId: 's', ack: sequence }));
      }
      const words = Buffer.from(data).toString();
      (words.startsWith('tick') ? this.ticks : this.echoes).push(words);
    }
  }

  #sendNumbered(sequence: number, words: string): void {
    this.#client.send(dataMessage({ sessionId: 's', sequence, data: Buffer.from(words) }));
  }

  #mint(): string {
    const name = `token ${this.connections} ${this.renewals}`.replaceAll(' ', '-');
    const expiresAtMs = this.#made.clock.wallNow() + TOKEN_MS;
    this.#made.gate.tokens.set(name, identityOf('ann', { expiresAtMs }));
    return name;
  }
}

describe('a stream of two minutes, over five lifetimes of a token', () => {
  it.each([
    ['windowed', 'renews'],
    ['simple', 'renews'],
    ['windowed', 'comes back'],
  ] as const)('%s, whose client %s: no message is lost', async (kind, how) => {
    const made = world();
    const speaker = new Speaker(made, kind, how);
    for (let passedMs = 0; passedMs < STREAM_MS; passedMs += STEP_MS) {
      await made.clock.advanceAsync(STEP_MS);
      speaker.listen();
      speaker.say();
    }
    await made.clock.advanceAsync(STEP_MS);
    speaker.listen();
    // What the last one brought is acknowledged before it leaves.
    await made.clock.advanceAsync(STEP_MS);
    const lives = how === 'renews' ? speaker.renewals : speaker.connections;
    expect(lives).toBeGreaterThanOrEqual(5);
    if (how === 'renews') expect([speaker.connections, speaker.end]).toEqual([1, undefined]);
    speaker.leave();
    await made.clock.advanceAsync(2 * TICK_MS);
    speaker.listen();
    await made.clock.advanceAsync(2 * TICK_MS);
    expect(speaker.said).toHaveLength(STREAM_MS / STEP_MS);
    expect(speaker.echoes).toEqual(speaker.said);
    expect(speaker.ticks.length).toBeGreaterThanOrEqual(STREAM_MS / TICK_MS - lives);
    expect(speaker.ticks).toEqual(speaker.ticks.map((_, n) => `tick ${n + 1}`));
    made.server.destroy();
    await made.clock.settle();
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
    const { up, down } = made.metrics;
    expect([up.dropped, up.delivered]).toEqual([0, speaker.said.length]);
    expect(down.pending).toBe(0);
  });
});
