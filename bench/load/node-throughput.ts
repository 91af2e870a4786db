import { connect } from 'node:http2';
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import { processCpuSeconds } from '../harness/proc.js';
import { BatchReader, decodeMessage, encodeBatch, batchSize } from '../../src/wire/codec.js';
import { dataMessage, MessageType, type DataMessage } from '../../src/wire/messages.js';
import { frameAround, frameOf, NodeCall } from './node-call.js';
import type { LoadOptions } from './node-options.js';

type Phase = 'warming' | 'measuring' | 'stopping';

/** One payload in so many is compared byte by byte; the counter of every one is checked. */
const CONTENT_SAMPLE = 64;
const COUNTER_BYTES = 4;
/** A run that has not brought its last answers this long after its end has failed. */
const LAST_ANSWERS_MS = 10_000;

interface Shared {
  phase: Phase;
  received: number;
  others: number;
  readonly latency: RecordableHistogram;
}

/** A stream in a closed loop: a frame goes out for each whole frame that has come back. */
class Worker {
  readonly call: NodeCall;
  readonly #shared: Shared;
  readonly #batched: boolean;
  readonly #payload: Buffer;
  readonly #template: Buffer;
  /** Where the payload of each message of the template starts. */
  readonly #payloadsAt: readonly number[];
  readonly #sentAt: number[];
  #sent = 0;
  #received = 0;
  #halfClosed = false;

  constructor(shared: Shared, options: LoadOptions, session: ReturnType<typeof connect>, number: number) {
    this.#shared = shared;
    this.#batched = options.method === 'StreamBatches';
    this.#payload = Buffer.from(Uint8Array.from({ length: options.size }, (_, i) => i * 7 + number * 31));
    const message = dataMessage({
      sessionId: `session-${String(number)}`,
      timestampMs: Date.now(),
      data: this.#payload,
    });
    // The payload is the last thing in a message, so it is found from behind.
    if (this.#batched) {
      const messages = Array.from({ length: options.batch }, () => message);
      const body = new Uint8Array(batchSize(messages));
      encodeBatch(messages, body, 0);
      this.#template = frameAround(body);
      const each = body.length / options.batch;
      const prefix = this.#template.length - body.length;
      this.#payloadsAt = messages.map((_, i) => prefix + each * (i + 1) - options.size);
    } else {
      this.#template = frameOf(message);
      this.#payloadsAt = [this.#template.length - options.size];
    }
    this.#sentAt = new Array<number>(options.outstanding).fill(0);
    this.call = new NodeCall(
      session,
      options.method,
      `load-${String(number)}`,
      (buffer, start, end) => this.#onFrame(buffer, start, end),
      () => this.#sendNext(),
    );
    this.#sendNext();
  }

  stop(): void {
    this.#sendNext();
  }

  #sendNext(): void {
    const perFrame = this.#payloadsAt.length;
    if (this.#shared.phase === 'stopping') {
      if (this.#received === this.#sent && !this.#halfClosed) {
        this.#halfClosed = true;
        this.call.halfClose();
      }
      return;
    }
    const frames = this.#sentAt.length - Math.ceil((this.#sent - this.#received) / perFrame);
    if (frames <= 0) return;
    const out = Buffer.allocUnsafe(frames * this.#template.length);
    const now = performance.now();
    for (let frame = 0; frame < frames; frame += 1) {
      const at = frame * this.#template.length;
      this.#template.copy(out, at);
      this.#sentAt[(this.#sent / perFrame) % this.#sentAt.length] = now;
      for (const payloadAt of this.#payloadsAt) {
        out.writeUInt32LE(this.#sent % 2 ** 32, at + payloadAt);
        this.#sent += 1;
      }
    }
    this.call.write(out);
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
    if (message.type !== MessageType.DATA && message.type !== MessageType.UNSPECIFIED) {
      this.#shared.others += 1;
      return;
    }
    const data = Buffer.from(message.data.buffer, message.data.byteOffset, message.data.byteLength);
    const expected = this.#received;
    if (data.length !== this.#payload.length || data.readUInt32LE(0) !== expected % 2 ** 32) {
      throw new Error(`answer ${String(expected)} is not the one expected`);
    }
    if (
      expected % CONTENT_SAMPLE === 0 &&
      data.compare(this.#payload, COUNTER_BYTES, undefined, COUNTER_BYTES) !== 0
    ) {
      throw new Error(`answer ${String(expected)} differs from what was sent`);
    }
    this.#received += 1;
    this.#shared.received += 1;
    if (this.#shared.phase === 'measuring') {
      const slot = Math.floor(expected / this.#payloadsAt.length) % this.#sentAt.length;
      this.#shared.latency.record(
        Math.max(1, Math.round((performance.now() - (this.#sentAt[slot] ?? 0)) * 1e6)),
      );
    }
  }
}

export async function throughput(options: LoadOptions): Promise<Record<string, unknown>> {
  const shared: Shared = { phase: 'warming', received: 0, others: 0, latency: createHistogram() };
  const sessions = Array.from({ length: options.conns }, () => {
    const session = connect(`http://${options.addr}`);
    session.on('error', () => {
      // Each of its streams tells.
    });
    return session;
  });
  try {
    const workers = Array.from({ length: options.streams }, (_, number) => {
      const session = sessions[number % sessions.length];
      if (session === undefined) throw new Error('--conns is at least 1');
      return new Worker(shared, options, session, number);
    });
    const ends = Promise.all(
      workers.map(async ({ call }) => {
        const failure = await call.ended;
        if (failure !== undefined) throw new Error(failure);
        if (shared.phase !== 'stopping') throw new Error('the server ended a stream');
      }),
    );
    ends.catch(() => undefined);
    const pause = (ms: number): Promise<unknown> => Promise.race([sleep(ms), ends]);

    await pause(options.warmupMs);
    const serverBefore = processCpuSeconds(options.serverPid);
    const own = process.cpuUsage();
    const started = performance.now();
    const before = shared.received;
    shared.phase = 'measuring';
    await pause(options.durationMs);
    const messages = shared.received - before;
    const serverAfter = processCpuSeconds(options.serverPid);
    const seconds = (performance.now() - started) / 1000;
    const used = process.cpuUsage(own);
    shared.phase = 'stopping';
    for (const worker of workers) worker.stop();
    const late = sleep(LAST_ANSWERS_MS, true, { ref: false });
    if ((await Promise.race([ends, late])) === true) throw new Error('the last answers did not come');
    const percentileMs = (percentile: number): number => shared.latency.percentile(percentile) / 1e6;
    return {
      messages,
      seconds,
      messagesPerSecond: messages / seconds,
      p50Ms: percentileMs(50),
      p99Ms: percentileMs(99),
      p999Ms: percentileMs(99.9),
      generatorCpu: (used.user + used.system) / 1e6,
      otherMessages: shared.others,
      ...(serverBefore !== undefined && serverAfter !== undefined
        ? { serverCpu: serverAfter - serverBefore }
        : {}),
    };
  } finally {
    // Not from within a callback of one of its streams: Node 20.20 aborts with bad_alloc there.
    await new Promise((resolve) => setImmediate(resolve));
    for (const session of sessions) session.destroy();
  }
}
