import { ClientError } from '../client/client-error.js';
import type { Client } from '../client/client.js';
import type { ClientEvent } from '../client/client-event.js';
import { errorText } from '../core/error-text.js';
import { linkAbort, takeManyListeners, type LinkedAbort } from '../core/signals.js';
import type { CommandIo } from './frame/command-io.js';
import { exitCode } from './frame/exit-codes.js';
import { jsonLine } from './frame/json-line.js';
import { sleep } from '../core/sleep.js';
import { visible } from './frame/text-width.js';
import { counted, elapsed, latency } from './talk/amounts.js';
import { ConnectionNotes } from './talk/connection-notes.js';
import { withClient } from './talk/gateway-client.js';
import { LatencyHistogram } from './talk/latency-histogram.js';
import { latencyObject, latencyReport, round } from './talk/latency-report.js';
import { LiveLine } from './talk/live-line.js';
import type { PingArguments } from './talk/ping-options.js';
import { progressLine } from './talk/progress-bar.js';
import { doneCode } from './frame/stop-code.js';

/** With a short interval and a slow gateway no more than so many are under way. */
const MAX_UNDER_WAY = 1000;

/** `sluice ping` */
export async function pingCommand(options: PingArguments, io: CommandIo): Promise<number> {
  const pings = new Pings(options, io);
  try {
    await withClient(options, { io, onEvent: pings.onEvent }, (client) => pings.run(client));
  } finally {
    pings.finish();
  }
  if (io.signal.aborted && doneCode(io) !== exitCode('ok')) return doneCode(io);
  return exitCode(pings.lost > 0 ? 'failed' : 'ok');
}

class Pings {
  lost = 0;
  readonly notes: ConnectionNotes;
  readonly #options: PingArguments;
  readonly #io: CommandIo;
  readonly #times = new LatencyHistogram();
  readonly #underWay = new Set<Promise<void>>();
  readonly #line: LiveLine;
  readonly #startedAt: number;
  /** As the command's own signal; every ping waits under it. */
  readonly #stop: LinkedAbort;
  #sent = 0;
  #isConnected = false;
  /** What will not become better by trying again. */
  #fault: Error | undefined;

  constructor(options: PingArguments, io: CommandIo) {
    this.#options = options;
    this.#io = io;
    this.#startedAt = io.clock.now();
    this.#stop = linkAbort(io.signal);
    takeManyListeners(this.#stop.signal);
    this.#line = new LiveLine(io.stderr, io.clock, (columns) => this.#progress(columns));
    this.notes = new ConnectionNotes(io.stderr, (line) => {
      this.#line.hide();
      io.stderr.write(`${line}\n`);
    });
  }

  readonly onEvent = (event: ClientEvent): void => {
    if (event.kind === 'connected' && !this.#isConnected) {
      this.#isConnected = true;
      const { stderr } = this.#io;
      stderr.write(`${stderr.paint.dim(`gateway ${visible(event.nodeId)} at ${visible(event.address)}`)}\n`);
    }
    this.notes.onEvent(event);
  };

  async run(client: Client): Promise<void> {
    const { interval, count = Infinity, output } = this.#options;
    const { signal, clock, stdout } = this.#io;
    const isFlood = interval === 0;
    if (isFlood && output === 'text') this.#line.start();
    for (let due = clock.now(); this.#sent < count && this.#fault === undefined; due += interval) {
      // What was missed, by a laptop that slept, is not made up for.
      due = Math.max(due, clock.now() - interval);
      if (due > clock.now()) await sleep(due - clock.now(), clock, signal).catch(() => undefined);
      if (signal.aborted) break;
      this.#sent += 1;
      const ping = this.#ping(client, this.#sent);
      this.#underWay.add(ping);
      void ping.then(() => this.#underWay.delete(ping));
      // The first one tells whether there is a gateway at all.
      if (isFlood || this.#sent === 1) await ping;
      else if (this.#underWay.size >= MAX_UNDER_WAY) await Promise.race(this.#underWay);
      await stdout.drained();
    }
    await Promise.all(this.#underWay);
    if (this.#fault !== undefined) throw this.#fault;
  }

  /** The report; nothing where no ping was ever answered or lost. */
  finish(): void {
    this.#line.stop();
    this.#stop.unlink();
    const answered = this.#times.count;
    if (answered === 0 && this.lost === 0) return;
    const { stdout, clock } = this.#io;
    const ms = clock.now() - this.#startedAt;
    const { lost, notes } = this;
    if (this.#options.output === 'json') {
      const counts = { event: 'summary', answered, lost, reconnects: notes.reconnects };
      stdout.write(jsonLine({ ...counts, seconds: round(ms / 1000), ms: latencyObject(this.#times) }));
      return;
    }
    const { paint, columns } = stdout;
    const words = [
      `${counted(answered + lost, 'ping')} in ${elapsed(ms)}`,
      `${answered} answered`,
      lost === 0 ? '0 lost' : paint.bad(`${lost} lost`),
      ...(notes.reconnects === 0 ? [] : [counted(notes.reconnects, 'reconnect')]),
    ];
    stdout.write(`${paint.dim('--')} ${words.join(', ')}\n${latencyReport(this.#times, columns, paint)}`);
  }

  /** Never rejects. */
  async #ping(client: Client, sequence: number): Promise<void> {
    const { signal, clock } = this.#io;
    const patience = linkAbort(this.#stop.signal);
    const { timeout } = this.#options;
    const timer = clock.setTimeout(() => {
      patience.abort(new ClientError('UNREACHABLE', `no answer within ${timeout} ms`));
    }, timeout);
    try {
      const ms = await client.ping({ signal: patience.signal });
      this.#times.record(ms);
      this.#answered(sequence, ms);
    } catch (error) {
      if (!signal.aborted) this.#failed(sequence, error);
    } finally {
      timer.cancel();
      patience.unlink();
    }
  }

  #answered(sequence: number, ms: number): void {
    const { stdout } = this.#io;
    const { output, interval } = this.#options;
    if (output === 'json') stdout.write(jsonLine({ sequence, ms: round(ms) }));
    else if (interval > 0) stdout.write(`${String(sequence).padStart(3)}  ${latency(ms)}\n`);
  }

  #failed(sequence: number, error: unknown): void {
    const isFinal = !(error instanceof ClientError) || error.retry === 'never';
    // Nobody has ever answered: that is all there is to say.
    if (isFinal || (this.#times.count === 0 && this.#sent === 1)) {
      this.#fault ??= error instanceof Error ? error : new Error(errorText(error));
      return;
    }
    this.lost += 1;
    const { stdout } = this.#io;
    if (this.#options.output === 'json') {
      stdout.write(jsonLine({ sequence, lost: error.code, message: error.message }));
      return;
    }
    this.#line.hide();
    stdout.write(`${String(sequence).padStart(3)}  ${stdout.paint.bad('lost')}  ${visible(error.message)}\n`);
  }

  #progress(columns: number): string {
    const { count } = this.#options;
    const { paint } = this.#io.stderr;
    const p99 = `p99 ${latency(this.#times.quantileMs(0.99))}`;
    const notes = [counted(this.#sent, 'ping'), `p50 ${latency(this.#times.quantileMs(0.5))}`, p99];
    return progressLine(count === undefined ? undefined : this.#sent / count, notes, columns, paint);
  }
}
