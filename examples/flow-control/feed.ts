/** A live feed: a quote every 25 ms, of eight symbols in turn, published to one topic. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../src/client/index.js';

export const SYMBOLS = ['AAA', 'BBB', 'CCC', 'DDD', 'EEE', 'FFF', 'GGG', 'HHH'] as const;
const EVERY_MS = 25;

export class Feed {
  readonly topic: string;
  /** When the n-th quote was published, `performance.now()`; from 1. */
  readonly publishedAtMs: number[] = [];
  /** The longest that one publication had to wait. */
  longestMs = 0;
  readonly #client: Client;

  constructor(client: Client, topic: string) {
    this.#client = client;
    this.topic = topic;
  }

  get published(): number {
    return this.publishedAtMs.length;
  }

  /** A quote that is held holds those behind it: a source has to know what it does then, and this one runs late. */
  async run(seconds: number): Promise<void> {
    const endMs = performance.now() + seconds * 1_000;
    for (let dueMs = performance.now(); performance.now() < endMs; dueMs += EVERY_MS) {
      const startedMs = performance.now();
      this.publishedAtMs.push(startedMs);
      const n = this.publishedAtMs.length;
      await this.#client.publish(this.topic, String(n), { key: symbolOf(n) });
      this.longestMs = Math.max(this.longestMs, performance.now() - startedMs);
      await sleep(Math.max(0, dueMs + EVERY_MS - performance.now()));
    }
  }
}

/** What the n-th quote is of. */
export function symbolOf(n: number): string {
  return SYMBOLS[n % SYMBOLS.length] ?? '';
}
