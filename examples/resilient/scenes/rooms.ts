/** Two game rooms over one connection: the player stands still in one of them, and plays on in the other. */
import { connect, type Session } from '../../../src/client/index.js';
import { quantile } from '../../kit/figures.js';
import { LINE_MS } from '../gateway-log.js';
import type { Stage } from '../stage.js';

const BURST_MS = 20;
/** Of each room while the player stands still: more than may wait for one session (512), so that the policy acts. */
const TICKS_WHILE_STILL = 800;
const WINDOW = { messages: 32 };

export async function rooms({ address, awayMs, marks, report }: Stage): Promise<void> {
  await using server = connect(address, { clientId: 'game-server' });
  await using player = connect(address, { clientId: 'player', maxStreams: 1 });
  const blue = new Room();
  const red = new Room();
  const ticking = new Ticking(
    [await server.open('game', { subject: 'blue' }), await server.open('game', { subject: 'red' })],
    Math.ceil((TICKS_WHILE_STILL * BURST_MS) / awayMs),
  );
  const playing = [
    blue.play(await player.open('game', { subject: 'blue', window: WINDOW, onGap: blue.lose })),
    red.play(await player.open('game', { subject: 'red', window: WINDOW, onGap: red.lose })),
  ];

  await ticking.goOn(awayMs);
  const before = red.takeP99Ms();
  marks.happens('the player stands still in one room');
  blue.standStill();
  await ticking.goOn(awayMs);
  // On a busy machine ticks are under way yet, of which blue would lose none.
  await red.hasSeen(ticking.sent);
  const meanwhile = red.takeP99Ms();
  marks.happens('and plays on');
  blue.playOn();
  await ticking.end();
  await Promise.all(playing);
  const { sent } = ticking;
  report.prove(
    'two rooms share a connection, and who stands still in one misses nothing in the other, and knows what he missed',
    red.seen === sent && red.lost === 0 && blue.lost > 0 && blue.seen + blue.lost === sent,

    `of ${sent} ticks red saw ${red.seen}, p99 ${before.toFixed(0)} ms before and ${meanwhile.toFixed(0)} ms meanwhile; ` +
      `blue saw ${blue.seen} and was told of ${blue.lost} lost`,
  );
}

/** What the player sees of a room. */
class Room {
  seen = 0;
  lost = 0;
  #latenciesMs: number[] = [];
  #still = Promise.resolve();
  playOn: () => void = () => undefined;

  readonly lose = ({ fromSequence, toSequence }: { fromSequence: number; toSequence: number }): void => {
    this.lost += toSequence - fromSequence + 1;
  };

  /** Resolves when so many ticks have come, or have not in a long time. */
  async hasSeen(ticks: number): Promise<void> {
    const deadline = performance.now() + LINE_MS;
    while (this.seen < ticks && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, BURST_MS));
    }
  }

  standStill(): void {
    this.#still = new Promise((resolve) => (this.playOn = resolve));
  }

  /** Reads until the room says that it is over. */
  async play(session: Session): Promise<void> {
    for await (const { text } of session) {
      if (text === 'over') return;
      this.seen += 1;
      this.#latenciesMs.push(performance.now() - Number(text));
      await this.#still;
    }
  }

  /** The 99th percentile since this was last asked. */
  takeP99Ms(): number {
    const p99 = quantile(this.#latenciesMs, 0.99);
    this.#latenciesMs = [];
    return p99;
  }
}

/** The game: ticks for each room, with the time at which they were sent. */
class Ticking {
  /** To each room. */
  sent = 0;
  readonly #rooms: readonly Session[];
  readonly #perBurst: number;

  constructor(rooms: readonly Session[], perBurst: number) {
    this.#rooms = rooms;
    this.#perBurst = perBurst;
  }

  async goOn(forMs: number): Promise<void> {
    for (let burst = 0; burst < forMs / BURST_MS; burst += 1) {
      const text = String(performance.now());
      for (let n = 0; n < this.#perBurst; n += 1) {
        await Promise.all(this.#rooms.map((room) => room.send(text)));
      }
      this.sent += this.#perBurst;
      await new Promise((resolve) => setTimeout(resolve, BURST_MS));
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#rooms.map((room) => room.sendAndWait('over')));
  }
}
