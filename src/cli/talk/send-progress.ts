import { bytes, count } from '../frame/quantities.js';
import { counted, elapsed, perSecond } from './amounts.js';
import type { CommandIo } from '../frame/command-io.js';
import { jsonLine } from '../frame/json-line.js';
import { visible } from '../frame/text-width.js';
import { LiveLine } from './live-line.js';
import { progressLine } from './progress-bar.js';

/** How far a `send` is: counts, the line that shows them, and the summary. */
export class SendProgress {
  /** Of messages that were given a place: they are with the gateway, or on their way. */
  sent = 0;
  sentBytes = 0;
  /** Of the input, what was sent or could not be. */
  inputBytes = 0;
  failed = 0;
  answers = 0;
  /** Of those sent, what the route was not done with when it ended; of them nobody knows. */
  unsettled = 0;
  readonly line: LiveLine;
  readonly #io: CommandIo;
  readonly #totalBytes: number | undefined;
  readonly #startedAt: number;
  readonly #codes = new Map<string, number>();
  #unacknowledged: () => number = () => 0;

  constructor(io: CommandIo, totalBytes: number | undefined) {
    this.#io = io;
    this.#totalBytes = totalBytes;
    this.#startedAt = io.clock.now();
    this.line = new LiveLine(io.stderr, io.clock, (columns) => this.#text(columns));
  }

  start(unacknowledged: () => number): void {
    this.#unacknowledged = unacknowledged;
    this.line.start();
  }

  fail(code: string): void {
    this.failed += 1;
    this.#codes.set(code, (this.#codes.get(code) ?? 0) + 1);
  }

  /** At the end: to people on the standard error, to programs as an object on the standard output. */
  summarize(output: 'text' | 'json'): void {
    const { stdout, stderr, clock } = this.#io;
    const ms = clock.now() - this.#startedAt;
    const acknowledged = Math.max(0, this.sent - this.unsettled);
    if (output === 'json') {
      const { sent, sentBytes, failed, unsettled, answers } = this;
      const codes = Object.fromEntries(this.#codes);
      const summary = { sent, bytes: sentBytes, acknowledged, failed, codes, unsettled, answers };
      stdout.write(jsonLine({ event: 'summary', ...summary, seconds: round(ms / 1000) }));
      return;
    }
    const { paint } = stderr;
    const notes = [
      `sent ${counted(this.sent, 'message')} (${bytes(this.sentBytes)})`,
      `${count(acknowledged)} acknowledged`,
      ...(this.unsettled === 0 ? [] : [paint.warn(`${count(this.unsettled)} not`)]),
      ...(this.failed === 0 ? [] : [paint.bad(`${count(this.failed)} failed (${this.#codesText()})`)]),
      counted(this.answers, 'answer'),
    ];
    const rate =
      ms < 1000 ? '' : ` (${count(perSecond(this.sent, ms))}/s, ${bytes(perSecond(this.sentBytes, ms))}/s)`;
    stderr.write(`${paint.dim('--')} ${notes.join(', ')}, in ${elapsed(ms)}${rate}\n`);
  }

  #codesText(): string {
    return [...this.#codes].map(([code, n]) => `${visible(code)} ${count(n)}`).join(', ');
  }

  #text(columns: number): string {
    const ms = this.#io.clock.now() - this.#startedAt;
    const total = this.#totalBytes;
    const share = total === undefined || total === 0 ? undefined : this.inputBytes / total;
    const left = share === undefined || share === 0 ? undefined : (ms / share) * (1 - Math.min(1, share));
    const waiting = this.#unacknowledged();
    const notes = [
      counted(this.sent, 'message'),
      bytes(this.sentBytes),
      ...(left === undefined ? [] : [`${elapsed(left)} left`]),
      `${bytes(perSecond(this.sentBytes, ms))}/s`,
      ...(this.failed === 0 ? [] : [`${count(this.failed)} failed`]),
      ...(waiting === 0 ? [] : [`${count(waiting)} under way`]),
      ...(left === undefined ? [elapsed(ms)] : []),
    ];
    return progressLine(share, notes, columns, this.#io.stderr.paint);
  }
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
