/** Clients to whom nothing is done: each exchanges numbered messages all the time, and times every answer. */
import { type Client, connect } from '../../src/client/index.js';
import { quantile } from '../kit/figures.js';

const PAUSE_MS = 25;

export class Bystanders {
  readonly #clients: Client[] = [];
  readonly #loops: Promise<void>[] = [];
  readonly #latenciesMs: number[] = [];
  #recentMs: number[] = [];
  #stopping = false;
  /** Answers, each the next number. */
  answered = 0;
  /** Answers out of order, missing or twice; sessions that ended. */
  wrong = 0;

  constructor(address: string, count: number) {
    for (let n = 1; n <= count; n += 1) {
      const client = connect(address, { clientId: `bystander-${n}` });
      this.#clients.push(client);
      this.#loops.push(this.#talk(client));
    }
  }

  /** The 99th percentile of the answers since this was last asked, in milliseconds. */
  recentP99Ms(): number {
    const recent = this.#recentMs;
    this.#recentMs = [];
    return quantile(recent, 0.99);
  }

  /** Of all answers so far. */
  latencyMs(): { readonly p50: number; readonly p99: number } {
    return { p50: quantile(this.#latenciesMs, 0.5), p99: quantile(this.#latenciesMs, 0.99) };
  }

  /** Each gets its last answer, and leaves. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#loops);
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  async #talk(client: Client): Promise<void> {
    try {
      const session = await client.open('echo');
      for (let number = 1; !this.#stopping; number += 1) {
        const sentAt = performance.now();
        await session.send(String(number));
        const answer = await session.receive();
        const tookMs = performance.now() - sentAt;
        if (answer?.text === String(number)) this.answered += 1;
        else this.wrong += 1;
        this.#latenciesMs.push(tookMs);
        this.#recentMs.push(tookMs);
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    } catch {
      this.wrong += 1;
    }
  }
}
