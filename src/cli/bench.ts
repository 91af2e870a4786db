import { ClientError } from '../client/client-error.js';
import type { Client } from '../client/client.js';
import type { Session } from '../client/session/session.js';
import type { Timer } from '../core/clock.js';
import { linkAbort, takeManyListeners, type LinkedAbort } from '../core/signals.js';
import type { CommandIo } from './frame/command-io.js';
import { exitCode } from './frame/exit-codes.js';
import { jsonLine } from './frame/json-line.js';
import { sleep } from '../core/sleep.js';
import { visible } from './frame/text-width.js';
import { bytes, count } from './frame/quantities.js';
import { elapsed, latency, perSecond } from './talk/amounts.js';
import type { BenchArguments } from './talk/bench-options.js';
import { benchObject, benchReport, type BenchResult } from './talk/bench-report.js';
import { BenchSender, type BenchEvents } from './talk/bench-sender.js';
import { ConnectionNotes } from './talk/connection-notes.js';
import { openSession, withClient } from './talk/gateway-client.js';
import { LatencyHistogram } from './talk/latency-histogram.js';
import { LiveLine } from './talk/live-line.js';
import { progressLine } from './talk/progress-bar.js';
import { stopCode } from './frame/stop-code.js';

/** What is due is looked for this often. Milliseconds. */
const TICK_MS = 1;
/** Who is late by less has only just begun. Milliseconds. */
const BEHIND_MS = 50;
/** Before a session that was lost is opened again. Milliseconds. */
const REOPEN_MS = 250;
/** Whether all is answered is looked for this often. Milliseconds. */
const POLL_MS = 10;
/** When all is sent, answers are waited for. Milliseconds. */
const LAST_ANSWERS_MS = 3000;

/** `sluice bench` */
export async function benchCommand(route: string, options: BenchArguments, io: CommandIo): Promise<number> {
  const bench = new Bench(route, options, io);
  const { sessions, streams, noBatches, output } = options;
  const result = await withClient(
    options,
    {
      io,
      onEvent: bench.notes.onEvent,
      batches: !noBatches,
      sessionsPerStream: Math.ceil(sessions / streams),
      maxStreams: streams,
    },
    (client) => bench.run(client),
  );
  const { stdout } = io;
  stdout.write(output === 'json' ? jsonLine(benchObject(result)) : benchReport(result, stdout));
  if (io.signal.aborted) return stopCode(io);
  const isClean = result.errors.size === 0 && result.lost === 0 && result.answered > 0;
  return exitCode(isClean ? 'ok' : 'failed');
}

interface OpenedSession {
  readonly session: Session;
  /** Called when the route has failed on a message that nobody waits for. */
  onFailure: () => void;
}

class Bench {
  readonly notes: ConnectionNotes;
  readonly #route: string;
  readonly #options: BenchArguments;
  readonly #io: CommandIo;
  readonly #times = new LatencyHistogram();
  readonly #errors = new Map<string, number>();
  /** By the number of their session. */
  readonly #senders = new Map<number, BenchSender>();
  readonly #line: LiveLine;
  readonly #payload: Uint8Array;
  /** Ends the measuring. */
  readonly #over: LinkedAbort;
  #startedAt = 0;
  #measuredFrom = 0;
  #isSending = true;
  #sent = 0;
  #answered = 0;
  #lost = 0;
  #cpu = process.cpuUsage();
  #shownAt = 0;
  #shownAnswers = 0;

  constructor(route: string, options: BenchArguments, io: CommandIo) {
    this.#route = route;
    this.#options = options;
    this.#io = io;
    this.#over = linkAbort(io.signal);
    // Every session waits under it.
    takeManyListeners(this.#over.signal);
    this.#payload = new Uint8Array(options.size).fill(0x78);
    this.#line = new LiveLine(io.stderr, io.clock, (columns) => this.#progress(columns));
    this.notes = new ConnectionNotes(io.stderr, (line) => {
      this.#line.hide();
      io.stderr.write(`${line}\n`);
    });
  }

  async run(client: Client): Promise<BenchResult> {
    const { clock } = this.#io;
    const { sessions, warmup, duration } = this.#options;
    const signal = this.#over.signal;
    const opened = await Promise.all(Array.from({ length: sessions }, () => this.#open(client)));
    this.#startedAt = this.#measuredFrom = this.#shownAt = clock.now();
    this.#line.start(0);
    const workers = opened.map((session, index) => this.#work(client, session, index));
    const ticks = this.#options.rate === undefined ? undefined : this.#tick();
    try {
      await sleep(warmup, clock, signal);
      this.#measure();
      await sleep(duration, clock, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    const ms = clock.now() - this.#measuredFrom;
    const cpu = process.cpuUsage(this.#cpu);
    const measured = { answered: this.#answered, ms, cpuMs: (cpu.user + cpu.system) / 1000 };
    this.#isSending = false;
    ticks?.cancel();
    const behind = this.#behind();
    await this.#lastAnswers();
    this.#line.stop();
    this.#over.abort(new Error('it is over'));
    for (const { underWay } of this.#senders.values()) this.#lost += underWay;
    await client.close({ graceMs: 500 });
    await Promise.all(workers);
    return {
      ...measured,
      route: this.#route,
      options: this.#options,
      behind,
      lost: this.#lost,
      reconnects: this.notes.reconnects,
      errors: this.#errors,
      times: this.#times,
    };
  }

  async #open(client: Client): Promise<OpenedSession> {
    const opened: { session?: Session; onFailure: () => void } = { onFailure: () => undefined };
    const session = await openSession(client, this.#route, {
      signal: this.#over.signal,
      onGap: ({ fromSequence, toSequence }) => {
        this.#count('GAP', toSequence - fromSequence + 1);
      },
      onFailure: (error) => {
        this.#count(error.code);
        opened.onFailure();
      },
    });
    return Object.assign(opened, { session });
  }

  /** Keeps one session busy, and opens another where it is lost. Never rejects. */
  async #work(client: Client, first: OpenedSession, index: number): Promise<void> {
    let opened = first;
    for (let from = 0; ;) {
      const sender = this.#sender(opened.session, index, from);
      opened.onFailure = () => {
        sender.settleFailed();
      };
      this.#senders.set(index, sender);
      sender.pump();
      try {
        await sender.read();
      } catch (error) {
        if (this.#isSending) this.#count(codeOf(error));
      }
      if (this.#over.signal.aborted) return;
      this.#senders.delete(index);
      this.#lost += sender.underWay;
      from = sender.next;
      const another = await this.#reopen(client);
      if (another === undefined) return;
      opened = another;
    }
  }

  async #reopen(client: Client): Promise<OpenedSession | undefined> {
    for (;;) {
      try {
        await sleep(REOPEN_MS, this.#io.clock, this.#over.signal);
        return await this.#open(client);
      } catch (error) {
        if (this.#over.signal.aborted) return undefined;
        this.#count(codeOf(error));
        if (error instanceof ClientError && error.retry === 'never') return undefined;
      }
    }
  }

  #sender(session: Session, index: number, from: number): BenchSender {
    const { rate, sessions, inFlight, until } = this.#options;
    const startedAt = this.#startedAt;
    const events: BenchEvents = {
      now: () => this.#io.clock.now(),
      dueAt: (message) =>
        rate === undefined ? undefined : startedAt + ((message * sessions + index) * 1000) / rate,
      isOpen: () => this.#isSending,
      sent: () => {
        this.#sent += 1;
      },
      answered: (ms, due) => {
        if (rate !== undefined && due < this.#measuredFrom) return;
        this.#answered += 1;
        this.#times.record(ms);
      },
      failed: (error) => {
        if (this.#isSending) this.#count(codeOf(error));
      },
    };
    const options = { payload: this.#payload, inFlight, untilAnswered: until === 'answered', from };
    const sender = new BenchSender(session, options, events);
    sender.skipTo(this.#firstMeasured(index));
    return sender;
  }

  /** Looks for what is due, again and again. */
  #tick(): { cancel(): void } {
    let timer: Timer | undefined;
    const tick = (): void => {
      for (const sender of this.#senders.values()) sender.pump();
      timer = this.#io.clock.setTimeout(tick, TICK_MS);
    };
    tick();
    return {
      cancel: () => {
        timer?.cancel();
      },
    };
  }

  /** What was until now only warmed up: what was due meanwhile and found no room is not made up for. */
  #measure(): void {
    this.#times.clear();
    this.#sent = 0;
    this.#answered = 0;
    this.#shownAnswers = 0;
    this.#measuredFrom = this.#io.clock.now();
    this.#cpu = process.cpuUsage();
    for (const [index, sender] of this.#senders) sender.skipTo(this.#firstMeasured(index));
  }

  /** The number of a session's first message that is due while it is measured; 0 without a rate. */
  #firstMeasured(index: number): number {
    const { rate = 0, sessions } = this.#options;
    const due = ((this.#measuredFrom - this.#startedAt) * rate) / 1000;
    return Math.max(0, Math.ceil((due - index) / sessions));
  }

  /** Messages that were due for a while and could not be sent. */
  #behind(): number {
    const { rate } = this.#options;
    if (rate === undefined) return 0;
    const due = ((this.#io.clock.now() - BEHIND_MS - this.#measuredFrom) * rate) / 1000;
    return Math.max(0, Math.floor(due) - this.#sent);
  }

  async #lastAnswers(): Promise<void> {
    const { clock } = this.#io;
    // Ctrl-C ends the sending, not what is under way; a second one ends all.
    const { signal } = new AbortController();
    const deadline = clock.now() + LAST_ANSWERS_MS;
    const isWaiting = (): boolean => [...this.#senders.values()].some(({ underWay }) => underWay > 0);
    while (isWaiting() && clock.now() < deadline) await sleep(POLL_MS, clock, signal);
  }

  #count(code: string, n = 1): void {
    this.#errors.set(code, (this.#errors.get(code) ?? 0) + n);
  }

  #progress(columns: number): string {
    const { clock, stderr } = this.#io;
    const { warmup, duration } = this.#options;
    const now = clock.now();
    const rate = perSecond(this.#answered - this.#shownAnswers, now - this.#shownAt);
    this.#shownAt = now;
    this.#shownAnswers = this.#answered;
    const notes = [
      `${count(rate)}/s`,
      `p50 ${latency(this.#times.quantileMs(0.5))}`,
      `p99 ${latency(this.#times.quantileMs(0.99))}`,
      elapsed(now - this.#startedAt),
      bytes(rate * this.#options.size) + '/s',
    ];
    return progressLine((now - this.#startedAt) / (warmup + duration), notes, columns, stderr.paint);
  }
}

function codeOf(error: unknown): string {
  if (error instanceof ClientError) return visible(error.code);
  throw error;
}
