/**
 * One client: a gRPC stream over bare HTTP/2, for that alone lets it see each layer that may hold it. It sends events as
 * fast as it is let, and takes an ack for each.
 */
import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeMessage, encodeMessage, messageSize } from '../../src/wire/codec.js';
import { dataMessage, isData } from '../../src/wire/messages.js';
import { type PauseFigures, Pauses } from './pauses.js';
import { SendWindow } from './send-window.js';

const MIN_BYTES = 50_000;
const MAX_BYTES = 600_000;
/** Between two events, at random. */
const MAX_DELAY_MS = 60;
const PREFIX_BYTES = 5;
const PAYLOAD = Buffer.alloc(MAX_BYTES, 'telemetry ');

export interface ClientFigures {
  readonly name: string;
  readonly sent: number;
  readonly sentBytes: number;
  readonly acked: number;
  /** Acks that were not the next one due, or of another size. */
  readonly wrong: number;
  /** The most events that were sent, or being sent, and not acked. */
  readonly mostUnderWay: number;
  /** HTTP/2's window was closed in the middle of an event. */
  readonly window: PauseFigures;
  /** `write` returned false: the next event waited for 'drain'. */
  readonly write: PauseFigures;
  /** From send to ack, of those acked since the last look. */
  readonly latenciesMs: readonly number[];
}

export class TelemetryClient {
  readonly name: string;
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;
  readonly #window = new Pauses();
  readonly #write = new Pauses();
  /** Events that are not acked yet, oldest first. */
  readonly #underWay: { readonly key: string; readonly bytes: number; readonly atMs: number }[] = [];
  #received = Buffer.alloc(0);
  #latenciesMs: number[] = [];
  #isWriting = false;
  #isWindowClosed = false;
  #stopped = false;
  #sent = 0;
  #sentBytes = 0;
  #acked = 0;
  #wrong = 0;
  #mostUnderWay = 0;

  constructor(address: string, name: string) {
    this.name = name;
    const window = new SendWindow((isClosed) => {
      this.#isWindowClosed = isClosed;
      this.#window.set(this.#isWindowClosed && this.#isWriting);
    });
    const [host = '', port] = address.split(':');
    this.#session = connect(`http://${address}`, {
      createConnection: () => window.around(connectSocket(Number(port), host)),
    });
    this.#stream = this.#session.request({
      ':method': 'POST',
      ':path': '/sluice.v1.StreamService/StreamData',
      'content-type': 'application/grpc',
      te: 'trailers',
      'x-client-id': name,
    });
    this.#stream.on('data', (chunk: Buffer) => {
      this.#read(chunk);
    });
  }

  /** Sends until `stop`, and resolves when each event is acked. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      await this.#send();
      await sleep(Math.random() * MAX_DELAY_MS);
    }
    while (this.#underWay.length > 0) await sleep(10);
  }

  stop(): void {
    this.#stopped = true;
  }

  async close(): Promise<void> {
    this.#stream.end();
    await once(this.#stream, 'close');
    this.#session.close();
  }

  /** What there is up to now. */
  look(): ClientFigures {
    const latenciesMs = this.#latenciesMs;
    this.#latenciesMs = [];
    return {
      name: this.name,
      sent: this.#sent,
      sentBytes: this.#sentBytes,
      acked: this.#acked,
      wrong: this.#wrong,
      mostUnderWay: this.#mostUnderWay,
      window: this.#window.figures,
      write: this.#write.figures,
      latenciesMs,
    };
  }

  /** One event. Resolves when there is room for the next: who does not wait here fills its own memory. */
  async #send(): Promise<void> {
    const bytes = Math.round(MIN_BYTES + Math.random() * (MAX_BYTES - MIN_BYTES));
    this.#sent += 1;
    this.#sentBytes += bytes;
    const key = String(this.#sent);
    this.#underWay.push({ key, bytes, atMs: performance.now() });
    this.#mostUnderWay = Math.max(this.#mostUnderWay, this.#underWay.length);
    this.#isWriting = true;
    this.#window.set(this.#isWindowClosed);
    if (!this.#stream.write(framed(key, PAYLOAD.subarray(0, bytes)))) {
      this.#write.set(true);
      await once(this.#stream, 'drain');
      this.#write.set(false);
    }
    this.#isWriting = false;
    this.#window.set(false);
  }

  #read(chunk: Buffer): void {
    let bytes = Buffer.concat([this.#received, chunk]);
    while (bytes.length >= PREFIX_BYTES && bytes.length >= PREFIX_BYTES + bytes.readUInt32BE(1)) {
      const end = PREFIX_BYTES + bytes.readUInt32BE(1);
      const message = decodeMessage(bytes, PREFIX_BYTES, end);
      if (isData(message)) this.#onAck(message.key, Number(Buffer.from(message.data).toString()));
      bytes = bytes.subarray(end);
    }
    this.#received = bytes;
  }

  #onAck(key: string, bytes: number): void {
    const event = this.#underWay.shift();
    this.#acked += 1;
    if (event?.key !== key || event.bytes !== bytes) this.#wrong += 1;
    if (event !== undefined) this.#latenciesMs.push(performance.now() - event.atMs);
  }
}

/** A message as gRPC frames it: not compressed, its length, itself. */
function framed(key: string, data: Uint8Array): Buffer {
  const message = dataMessage({ sessionId: 'events', key, data });
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + messageSize(message));
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(frame.length - PREFIX_BYTES, 1);
  encodeMessage(message, frame, PREFIX_BYTES);
  return frame;
}
