import type { ClientHttp2Session } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';

import { decodeMessage } from '../../src/wire/codec.js';
import { controlMessage, dataMessage, MessageType } from '../../src/wire/messages.js';
import { firstOpen } from './first-open.js';
import { connectTo, NodeCall } from './node-call.js';
import type { LoadOptions } from './node-options.js';

const OPENING_AT_ONCE = 32;
/** What one connection may take to open, and to be echoed once. */
const ECHO_LIMIT_MS = 15_000;
const ERRORS_REPORTED = 5;
/** Heartbeats go out in slices, spread over the interval. */
const SLICE_MS = 100;

interface Counts {
  heartbeatsSent: number;
  heartbeatsReceived: number;
  probesAnswered: number;
}

/** One connection with one session. */
class Idler {
  readonly #session: ClientHttp2Session;
  readonly #call: NodeCall;
  readonly #sessionId: string;
  readonly #payload: Buffer;
  readonly #windowed: boolean;
  #sent = 0;
  #settle: (failure: string | undefined) => void = () => undefined;
  alive = true;

  constructor(options: LoadOptions, number: number, counts: Counts) {
    this.#sessionId = `session-${String(number)}`;
    this.#payload = Buffer.alloc(options.size, number);
    this.#windowed = options.windowed;
    this.#session = connectTo(options);
    this.#call = new NodeCall(this.#session, 'StreamData', `idle-${String(number)}`, (buffer, start, end) => {
      const message = decodeMessage(buffer, start, end);
      if (message.type === MessageType.HEARTBEAT) counts.heartbeatsReceived += 1;
      else if (message.type === MessageType.HEALTH_CHECK && message.ack === 0) {
        counts.probesAnswered += 1;
        this.#call.send({ ...message, ack: message.sequence });
      } else if (message.type === MessageType.DATA || message.type === MessageType.UNSPECIFIED) {
        this.#settle(this.#payload.equals(message.data) ? undefined : 'the echo differs from what was sent');
        if (this.#windowed) {
          const { sequence: ack } = message;
          this.#call.send(dataMessage({ type: MessageType.ACK, sessionId: this.#sessionId, ack }));
        }
      }
    });
    if (this.#windowed) this.#call.send(controlMessage(firstOpen(), this.#sessionId));
    void this.#call.ended.then((failure) => {
      this.alive = false;
      this.#settle(failure ?? 'the server ended the stream');
    });
  }

  /** Sends one DATA message and waits for its echo; says what went wrong. */
  async echo(): Promise<string | undefined> {
    if (!this.alive) return 'the connection is gone';
    const limit = new AbortController();
    const answer = new Promise<string | undefined>((resolve) => {
      this.#settle = resolve;
    });
    const sequence = this.#windowed ? (this.#sent += 1) : 0;
    this.#call.send(
      dataMessage({ sessionId: this.#sessionId, sequence, data: this.#payload, timestampMs: Date.now() }),
    );
    const late = sleep(ECHO_LIMIT_MS, 'no echo in time', { signal: limit.signal }).catch(() => undefined);
    const failure = await Promise.race([answer, late]);
    limit.abort();
    return failure;
  }

  beat(): void {
    this.#call.send(dataMessage({ type: MessageType.HEARTBEAT, timestampMs: Date.now() }));
  }

  close(): void {
    // Not from within a callback of its stream: Node 20.20 aborts with bad_alloc there.
    setImmediate(() => {
      this.#session.destroy();
    });
  }
}

/** As the Go generator: open, hold with heartbeats, and end with one more echo on each. */
export async function idle(
  options: LoadOptions,
  emit: (line: Record<string, unknown>) => void,
): Promise<Record<string, unknown>> {
  const counts: Counts = { heartbeatsSent: 0, heartbeatsReceived: 0, probesAnswered: 0 };
  const errors = new Map<string, number>();
  const note = (where: string, failure: string | undefined): void => {
    if (failure === undefined) return;
    const text = `${where}: ${failure}`;
    const key = errors.has(text) || errors.size < ERRORS_REPORTED ? text : 'others';
    errors.set(key, (errors.get(key) ?? 0) + 1);
  };
  const idlers: Idler[] = [];
  const started = performance.now();
  const elapsed = (): number => performance.now() - started;
  await inParallel(options.conns, async (number) => {
    const idler = new Idler(options, number, counts);
    const failure = await idler.echo();
    note('open', failure);
    if (failure === undefined) idlers.push(idler);
    else idler.close();
  });
  const opened = idlers.length;
  emit({ event: 'connected', connections: opened, seconds: elapsed() / 1000 });

  const beating = performance.now();
  for (let next = 0; performance.now() - beating < options.durationMs;) {
    const due = Math.floor(((performance.now() - beating) / options.heartbeatMs) * opened);
    for (; next < due; next += 1) {
      const idler = idlers[next % opened];
      if (idler?.alive !== true) continue;
      idler.beat();
      counts.heartbeatsSent += 1;
    }
    await sleep(SLICE_MS);
  }
  let connected = 0;
  await inParallel(opened, async (number) => {
    const failure = await idlers[number]?.echo();
    note('last echo', failure);
    if (failure === undefined) connected += 1;
  });
  for (const idler of idlers) idler.close();
  const report = errors.size === 0 ? null : Object.fromEntries(errors);
  return { wanted: options.conns, opened, connected, seconds: elapsed() / 1000, ...counts, errors: report };
}

async function inParallel(count: number, act: (number: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      const number = next;
      next += 1;
      await act(number);
    }
  };
  await Promise.all(Array.from({ length: OPENING_AT_ONCE }, lane));
}
