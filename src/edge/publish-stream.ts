import { SluiceError } from '../core/errors.js';
import type { RateFigures } from '../core/rate-figures.js';
import type { BufferAccount } from '../flow/held-bytes.js';
import { dataMessage, type DataMessage } from '../wire/messages.js';
import { decodePublishResponse, encodePublishRequest } from '../wire/topic-codec.js';
import type { PublishRequest, PublishResponse } from '../wire/topic-messages.js';
import { BodyReader } from './body-reader.js';
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
 * is read before the gateway has room for it: it knows by then who is calling.
 */
export class PublishStream extends RequestStream {
  readonly method = 'Publish';
  readonly #options: PublishStreamOptions;
  readonly #body: BodyReader;
  #state: 'new' | 'reading' | 'whole' | 'given' = 'new';
  #answer: PublishResponse | undefined;
  #rates: readonly RateFigures[] = [];

  constructor(options: PublishStreamOptions) {
    super(options);
    this.#options = options;
    const { request, response, account, maxMessageBytes } = options;
    this.#body = new BodyReader({
      request,
      response,
      account,
      maxBytes: maxMessageBytes,
      onWhole: () => {
        this.#state = 'whole';
        this.advance();
      },
      onTooLarge: (error) => this.receiver?.onInvalid(error),
    });
  }

  get bytesInFlight(): number {
    return this.response.writableLength;
  }

  get bytesHeld(): number {
    return this.#body.heldBytes;
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
    if (this.#state === 'new') {
      this.#state = 'reading';
      this.#body.start();
    } else if (this.#state === 'whole') {
      this.#state = 'given';
      const data = this.#body.take();
      this.bytesReceived += data.length;
      receiver.onMessages([
        dataMessage({ data: encodePublishRequest({ ...this.#options.publication, data }) }),
      ]);
      // That may have ended it.
      this.receiver?.onHalfClose();
    }
  }

  protected finish(error: SluiceError | undefined): void {
    this.#body.letGo();
    const outcome = error ?? this.#answer ?? new SluiceError('INTERNAL', 'the call has no answer');
    this.#options.onOutcome(outcome, this.#rates);
  }

  protected release(): void {
    this.#body.letGo();
  }
}
