/** Who follows the log: by the service, and natively. Each line that was written has a number of its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClientReadableStream, credentials, Metadata } from '@grpc/grpc-js';
import type { Client } from '../../src/client/index.js';
import { type LogClient, type LogEntry, LogService } from './services/protos.js';
import type { LogLine } from './services/log-lines.js';

/** An ordinary client of a service finds its way back within this time. */
export const SOON = { 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 200 };

/** What one of them has seen. */
export class Seen {
  readonly #numbers = new Set<number>();
  /** Lines that came a second time. */
  twice = 0;
  /** Lines that came after one that was written later. */
  outOfOrder = 0;
  last = 0;

  get count(): number {
    return this.#numbers.size;
  }

  add(text: string): void {
    const number = Number(/^line (\d+)/.exec(text)?.[1]);
    if (this.#numbers.has(number)) this.twice += 1;
    else if (number < this.last) this.outOfOrder += 1;
    this.#numbers.add(number);
    this.last = Math.max(this.last, number);
  }
}

export interface FollowOptions {
  readonly signal: AbortSignal;
  readonly sinceMs: number;
  readonly caller: string;
  /** Called before each line is taken; where it returns a number, so many milliseconds are waited first. */
  readonly pace?: () => number;
}

/**
 * By `LogService`, with what an ordinary client does about a call that broke: it
 * calls again, from now on, or from the time of its last line.
 */
export function followService(
  address: string,
  again: 'from now on' | 'since its last line',
  { signal, sinceMs, caller, pace }: FollowOptions,
): { readonly seen: Seen; readonly done: Promise<void> } {
  const seen = new Seen();
  const run = async (): Promise<void> => {
    const client = new LogService(address, credentials.createInsecure(), SOON) as unknown as LogClient;
    const metadata = new Metadata();
    metadata.set('x-caller', caller);
    let call: ClientReadableStream<LogEntry> | undefined;
    const stop = (): void => call?.cancel();
    signal.addEventListener('abort', stop);
    let fromMs = sinceMs;
    while (!signal.aborted) {
      call = client.streamLogs({ follow: true, sinceMs: fromMs }, metadata);
      try {
        for await (const { text, timeMs } of call as AsyncIterable<LogEntry>) {
          const waitMs = pace?.() ?? 0;
          if (waitMs > 0) await sleep(waitMs);
          seen.add(text);
          if (again === 'since its last line') fromMs = timeMs;
        }
      } catch {
        if (again === 'from now on') fromMs = 0;
        await sleep(100);
      }
    }
    signal.removeEventListener('abort', stop);
    client.close();
  };
  return { seen, done: run() };
}

/** As a session of the native route: what about broken connections there is to do, its client does. */
export async function followNatively(
  client: Client,
  { signal, sinceMs, caller, pace }: FollowOptions,
): Promise<{ readonly seen: Seen; readonly done: Promise<void> }> {
  const seen = new Seen();
  const session = await client.open('logs', { id: caller });
  await session.send(JSON.stringify({ follow: true, sinceMs }));
  const run = async (): Promise<void> => {
    try {
      for await (const message of session.messages({ signal })) {
        const waitMs = pace?.() ?? 0;
        if (waitMs > 0) await sleep(waitMs);
        seen.add((JSON.parse(message.text) as LogLine).text);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    await session.close();
  };
  return { seen, done: run() };
}
