import { SluiceError } from '../core/errors.js';
import type { RateFigures } from '../core/rate-figures.js';
import { type BufferAccount, HeldBytes } from '../flow/held-bytes.js';
import { dataMessage, type DataMessage } from '../wire/messages.js';
import { decodePublishResponse, encodePublishRequest } from '../wire/topic-codec.js';
import type { PublishRequest, PublishResponse } from '../wire/topic-messages.js';
import { RequestStream, type RequestStreamOptions } from './request-stream.js';

export interface PublishStreamOptions extends RequestStreamOptions {
  /** All of it but the data, which is the request's body. */
  readonly publication: Omit<PublishRequest, 'data'>;
  readonly maxMessageBytes: number;
  /** Where what is here of the body is counted. */
  readonly account: BufferAccount;
  /** Once, unless its client leaves before: what to answer. */
  readonly onOutcome: (outcome: PublishResponse | SluiceError, rates: readonly RateFigures[]) => void;
}

/**
 * A call of Publish whose request came as an HTTP request. Nothing of the body
 * is read, nor is `Expect: 100-continue` answered, before the gateway has room
 * for it: it knows by then who is calling.
 */
export class PublishStream extends RequestStream {
  readonly method = 'Publish';
  readonly #options: PublishStreamOptions;
  readonly #held: HeldBytes;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #reading = false;
  #isWhole = false;
  #handedOver = false;
  #answer: PublishResponse | undefined;
  #rates: readonly RateFigures[] = [];

  constructor(options: PublishStreamOptions) {
    super(options);
    this.#options = options;
    this.#held = new HeldBytes(options.account);
  }

  get bytesInFlight(): number {
    return this.response.writableLength;
  }

  get bytesHeld(): number {
    return this.#held.counted;
  }

  send(messages: readonly DataMessage[]): void {
    for (const { data } of messages) {
      this.#answer = decodePublishResponse(data);
      this.bytesSent += data.length;
    }
  }

  tellRates(rates: readonly RateFigures[]): void {
    this.#rates = rates;
  }

  protected advance(): void {
    const { receiver } = this;
    if (this.isEnding || receiver === undefined || receiver.room <= 0) return;
    if (!this.#reading) this.#read();
    else if (this.#isWhole) this.#handOver();
  }

  protected finish(error: SluiceError | undefined): void {
    this.#letGo();
    const outcome = error ?? this.#answer ?? new SluiceError('INTERNAL', 'the call has no answer');
    this.#options.onOutcome(outcome, this.#rates);
  }

  protected release(): void {
    this.#letGo();
  }

  #read(): void {
    this.#reading = true;
    const { request, response } = this;
    const { maxMessageBytes } = this.#options;
    // Told beforehand, none of it needs to be taken.
    const announced = Number(request.headers['content-length'] ?? 0);
    if (announced > maxMessageBytes) {
      this.#refuse(announced);
      return;
    }
    if (expectsContinue(request.headers.expect)) response.writeContinue();
    request.on('data', this.#onData);
    request.once('end', this.#onEnd);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.bytesReceived += chunk.length;
    if (this.isEnding) return;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#options.maxMessageBytes) {
      this.#refuse(this.#bytes);
      return;
    }
    this.#chunks.push(chunk);
    this.#held.set(this.#bytes);
  };

  readonly #onEnd = (): void => {
    this.#isWhole = true;
    this.advance();
  };

  #refuse(bytes: number): void {
    const { maxMessageBytes } = this.#options;
    this.request.off('data', this.#onData);
    this.receiver?.onInvalid(
      new SluiceError(
        'MESSAGE_TOO_LARGE',
        `a body of ${bytes} bytes or more is over the limit of ${maxMessageBytes} bytes (server.maxMessageSize)`,
      ),
    );
  }

  #handOver(): void {
    if (this.#handedOver) return;
    this.#handedOver = true;
    const data = Buffer.concat(this.#chunks);
    const body = encodePublishRequest({ ...this.#options.publication, data });
    // The receiver counts it from here on.
    this.#letGo();
    this.receiver?.onMessages([dataMessage({ data: body })]);
    this.receiver?.onHalfClose();
  }

  #letGo(): void {
    this.#chunks = [];
    this.#held.set(0);
  }
}

/** RFC 9110 section 10.1.1; its value is case-insensitive. */
export function expectsContinue(expect: string | undefined): boolean {
  return expect?.toLowerCase() === '100-continue';
}
