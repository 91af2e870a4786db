import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientHttp2Session } from 'node:http2';

import { processCpuSeconds } from '../harness/proc.js';
import { BatchReader, decodeMessage } from '../../src/wire/codec.js';
import { controlMessage, isData, MessageType, type DataMessage } from '../../src/wire/messages.js';
import { firstOpen } from './first-open.js';
import { connectTo, frameOf, NodeCall } from './node-call.js';
import type { LoadOptions } from './node-options.js';
import { NodeSession } from './node-session.js';

/** A run that has not brought its last answers this long after its end has failed. */
const LAST_ANSWERS_MS = 10_000;
/** How often an open loop looks what is due: as often as a timer of Node can. */
const TICK_MS = 1;
/** More than this after it was due, a message of an open loop was sent late. */
const LATE_AFTER_MS = 1;

/** What all streams of a run have in common. */
class Run {
  readonly options: LoadOptions;
  readonly latency: RecordableHistogram = createHistogram();
  readonly perFrame: number;
  stopping = false;
  received = 0;
  late = 0;
  /** The measured interval, and the start of an open loop. */
  fromMs = Infinity;
  toMs = Infinity;
  pacedFromMs = Infinity;

  constructor(options: LoadOptions) {
    this.options = options;
    this.perFrame = options.method === 'StreamBatches' ? options.batch : 1;
  }

  /** When a stream's frame is due: each stream has its own phase. */
  dueAtMs(stream: number, frame: number): number {
    const { rate, streams } = this.options;
    return this.pacedFromMs + ((frame * streams + stream) * this.perFrame * 1000) / rate;
  }

  /** Whether a moment is within the measured interval. */
  measures(atMs: number): boolean {
    return atMs >= this.fromMs && atMs < this.toMs;
  }
}

/** One stream with its sessions; see bench/load/echo.go. */
class Worker {
  readonly call: NodeCall;
  readonly #run: Run;
  readonly #number: number;
  readonly #sessions = new Map<string, NodeSession>();
  readonly #inTurn: readonly NodeSession[];
  readonly #batched: boolean;
  #framesSent = 0;
  #framesUnderWay = 0;
  #halfClosed = false;

  constructor(run: Run, connection: ClientHttp2Session, number: number) {
    const { options } = run;
    this.#run = run;
    this.#number = number;
    this.#batched = options.method === 'StreamBatches';
    for (let i = 0; i < options.sessions; i += 1) {
      const id = `session-${String(number)}-${String(i)}`;
      this.#sessions.set(id, new NodeSession(options, id, number * options.sessions + i));
    }
    this.#inTurn = [...this.#sessions.values()];
    this.call = new NodeCall(
      connection,
      options.method,
      `load-${String(number)}`,
      (buffer, start, end) => {
        this.#onFrame(buffer, start, end);
      },
      () => {
        this.turn();
      },
    );
    if (options.windowed) {
      for (const { id } of this.#inTurn)
        this.call.write(frameOf(controlMessage(firstOpen(), id), this.#batched));
    }
    this.turn();
  }

  /** Sends what may be sent, acknowledges what came, and ends when there is nothing left to do. */
  turn(): void {
    if (this.#halfClosed) return;
    const run = this.#run;
    const nowMs = performance.now();
    const out: Buffer[] = [];
    while (this.#framesUnderWay < run.options.outstanding && this.#maySend(nowMs)) {
      const session = this.#inTurn[this.#framesSent % this.#inTurn.length];
      if (session?.hasRoom !== true) break;
      const atMs = run.options.rate > 0 ? run.dueAtMs(this.#number, this.#framesSent) : nowMs;
      if (nowMs - atMs > LATE_AFTER_MS && run.measures(atMs)) run.late += run.perFrame;
      out.push(session.next(atMs));
      this.#framesSent += 1;
      this.#framesUnderWay += 1;
    }
    for (const session of this.#inTurn) {
      const ack = session.ack();
      if (ack !== undefined) out.push(ack);
    }
    if (out.length > 0)
      this.call.write(out.length === 1 && out[0] !== undefined ? out[0] : Buffer.concat(out));
    if (!run.stopping || this.#framesUnderWay > 0 || this.#maySend(nowMs)) return;
    this.#halfClosed = true;
    this.call.halfClose();
  }

  #maySend(nowMs: number): boolean {
    const run = this.#run;
    if (run.options.rate === 0) return !run.stopping;
    return run.dueAtMs(this.#number, this.#framesSent) <= Math.min(nowMs, run.toMs);
  }

  #onFrame(buffer: Buffer, start: number, end: number): void {
    if (!this.#batched) {
      this.#take(decodeMessage(buffer, start, end));
      return;
    }
    const reader = new BatchReader(buffer, start, end);
    for (let message = reader.next(); message !== undefined; message = reader.next()) this.#take(message);
  }

  #take(message: DataMessage): void {
    const run = this.#run;
    const session = this.#sessions.get(message.sessionId);
    if (message.type === MessageType.HEALTH_CHECK && message.ack === 0) {
      this.call.write(frameOf({ ...message, ack: message.sequence }, this.#batched));
    } else session?.take(message);
    if (!isData(message)) return;
    if (session === undefined)
      throw new Error(`a message of the session "${message.sessionId}", not of this stream`);
    const { atMs, completes } = session.answer(message);
    if (completes) this.#framesUnderWay -= 1;
    run.received += 1;
    if (run.measures(atMs)) run.latency.record(Math.max(1, Math.round((performance.now() - atMs) * 1e6)));
  }
}

/** `emit` is told where the measured interval begins and ends. */
export async function throughput(
  options: LoadOptions,
  emit: (line: Record<string, unknown>) => void,
): Promise<Record<string, unknown>> {
  const run = new Run(options);
  const connections = Array.from({ length: options.conns }, () => connectTo(options));
  let ticker: NodeJS.Timeout | undefined;
  try {
    const workers = Array.from({ length: options.streams }, (_, number) => {
      const connection = connections[number % connections.length];
      if (connection === undefined) throw new Error('--conns is at least 1');
      return new Worker(run, connection, number);
    });
    const ends = Promise.all(
      workers.map(async ({ call }) => {
        const failure = await call.ended;
        if (failure !== undefined) throw new Error(failure);
        if (!run.stopping) throw new Error('the server ended a stream');
      }),
    );
    ends.catch(() => undefined);
    const pause = (ms: number): Promise<unknown> => Promise.race([sleep(ms), ends]);
    if (options.rate > 0) {
      run.pacedFromMs = performance.now();
      ticker = setInterval(() => {
        for (const worker of workers) worker.turn();
      }, TICK_MS);
    }

    await pause(options.warmupMs);
    const serverBefore = processCpuSeconds(options.serverPid);
    const own = process.cpuUsage();
    const before = run.received;
    emit({ event: 'measuring' });
    run.fromMs = performance.now();
    await pause(options.durationMs);
    const messages = run.received - before;
    const serverAfter = processCpuSeconds(options.serverPid);
    run.toMs = performance.now();
    const seconds = (run.toMs - run.fromMs) / 1000;
    const used = process.cpuUsage(own);
    emit({ event: 'measured' });
    run.stopping = true;
    for (const worker of workers) worker.turn();
    const late = sleep(LAST_ANSWERS_MS, true, { ref: false });
    if ((await Promise.race([ends, late])) === true) throw new Error('the last answers did not come');
    const percentileMs = (percentile: number): number => run.latency.percentile(percentile) / 1e6;
    return {
      messages,
      seconds,
      messagesPerSecond: messages / seconds,
      p50Ms: percentileMs(50),
      p99Ms: percentileMs(99),
      p999Ms: percentileMs(99.9),
      generatorCpu: (used.user + used.system) / 1e6,
      ...(options.rate > 0 ? { late: run.late } : {}),
      ...(serverBefore !== undefined && serverAfter !== undefined
        ? { serverCpu: serverAfter - serverBefore }
        : {}),
    };
  } finally {
    clearInterval(ticker);
    // Not from within a callback of one of its streams: Node 20.20 aborts with bad_alloc there.
    await new Promise((resolve) => setImmediate(resolve));
    for (const connection of connections) connection.destroy();
  }
}
