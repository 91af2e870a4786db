/** A client of the feed: it reads at its own pace, and notes what it saw and what it was told is lost. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, connect, type Session } from '../../src/client/index.js';
import type { Overflow } from '../../src/client/options.js';
import type { Feed } from './feed.js';

export interface Habits {
  readonly name: string;
  readonly overflow: Overflow;
  /** It takes so long with each quote. */
  readonly takesMs: number;
}

interface Seen {
  readonly n: number;
  readonly atMs: number;
  /** Since it was published. */
  readonly ageMs: number;
}

/** What it may hold itself; the rest waits in the gateway. */
const WINDOW = { messages: 4 };

export class Viewer {
  readonly name: string;
  readonly overflow: Overflow;
  readonly feed: Feed;
  readonly seen: Seen[] = [];
  /** Quotes that gaps told of. */
  told = 0;
  gaps = 0;
  /** How the gateway ended it, "" where it did not. */
  endCode = '';
  readonly #client: Client;
  readonly #session: Session;
  readonly #takesMs: number;

  private constructor(client: Client, session: Session, feed: Feed, habits: Habits) {
    this.#client = client;
    this.#session = session;
    this.#takesMs = habits.takesMs;
    this.feed = feed;
    this.name = habits.name;
    this.overflow = habits.overflow;
  }

  static async open(address: string, feed: Feed, habits: Habits): Promise<Viewer> {
    const client = connect(address, { clientId: habits.name });
    const [route = '', subject = ''] = feed.topic.split('/');
    let viewer: Viewer | undefined = undefined;
    const session = await client.open(route, {
      subject,
      overflow: habits.overflow,
      window: WINDOW,
      onGap: ({ fromSequence, toSequence }) => {
        viewer?.onGap(toSequence - fromSequence + 1);
      },
    });
    viewer = new Viewer(client, session, feed, habits);
    void viewer.#read();
    return viewer;
  }

  /** Each quote that was published was seen, or told to be lost, or is lost with the session. */
  get knowsAll(): boolean {
    return this.endCode !== '' || this.seen.length + this.told === this.feed.published;
  }

  pause(): void {
    this.#session.pause();
  }

  resume(): void {
    this.#session.resume();
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  onGap(lost: number): void {
    this.gaps += 1;
    this.told += lost;
  }

  async #read(): Promise<void> {
    try {
      for await (const { text } of this.#session) {
        const n = Number(text);
        const atMs = performance.now();
        this.seen.push({ n, atMs, ageMs: atMs - (this.feed.publishedAtMs[n - 1] ?? atMs) });
        if (this.#takesMs > 0) await sleep(this.#takesMs);
      }
    } catch {
      // Told below.
    }
    const { error } = await this.#session.closed;
    this.endCode = error?.code ?? '';
  }
}
