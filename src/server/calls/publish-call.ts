import type { Clock, Timer } from '../../core/clock.js';
import { SluiceError } from '../../core/errors.js';
import type { Identity } from '../../core/identity.js';
import type { Logger } from '../../core/logger.js';
import { isPrintableId, quoted } from '../../core/printable.js';
import type { ByteAccount } from '../../flow/byte-account.js';
import { Quota } from '../../flow/quota.js';
import type { Route } from '../../session/route.js';
import type { Published } from '../../session/topic-route.js';
import type { StreamClose, StreamReceiver, TransportStream } from '../../transport/contract.js';
import { dataMessage, type DataMessage, weightOf } from '../../wire/messages.js';
import { decodePublishRequest, encodePublishResponse } from '../../wire/topic-codec.js';
import type { PublishRequest } from '../../wire/topic-messages.js';
import type { Gatekeeper } from '../gatekeeper.js';
import type { StreamSettings } from '../settings.js';
import { OneRequest } from './one-request.js';
import { ifPermitted } from './permitted.js';
import { parseTopicName, topicsOf, type TopicName } from './topic-name.js';

/** What all calls of Publish share. */
export interface PublishContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly gatekeeper: Gatekeeper;
  /** All bytes that are buffered, against the budget. */
  readonly account: ByteAccount;
  readonly routes: ReadonlyMap<string, Route>;
  readonly settings: Pick<StreamSettings, 'firstMessageTimeoutMs' | 'sendTimeoutMs' | 'maxMessageBytes'>;
  readonly counters: {
    messagesReceived: number;
    messagesSent: number;
    bytesReceived: number;
    bytesSent: number;
  };
  /** It was not done, and its client is told why. */
  readonly onRefused: (stream: TransportStream, error: SluiceError, clientId: string) => void;
}

/** What is added on the way to subscribers: their session, the position, who published it. */
const ADDED_BYTES = 1_024;

/**
 * One message for a topic. Once its request is whole it may be held: by the
 * service that is asked whether the client may, or by a subscriber under `block`.
 */
export class PublishCall implements StreamReceiver {
  readonly identity: Identity;
  readonly #stream: TransportStream;
  readonly #context: PublishContext;
  readonly #request: OneRequest;
  /** It holds nothing any more, and nobody waits for it. */
  readonly #onDone: (call: PublishCall) => void;
  readonly #abort = new AbortController();
  /** Bytes of what is published, while that is held. */
  #heldBytes = 0;
  /** The topic has not said yet that it has it. */
  #isHeld = false;
  #isAnswered = false;
  #isClosed = false;
  #endTimer: Timer | undefined;

  constructor(
    context: PublishContext,
    stream: TransportStream,
    identity: Identity,
    onDone: (call: PublishCall) => void,
  ) {
    const { clock, settings } = context;
    this.#context = context;
    this.#stream = stream;
    this.identity = identity;
    this.#onDone = onDone;
    this.#request = new OneRequest({
      clock,
      firstMessageTimeoutMs: settings.firstMessageTimeoutMs,
      quota: new Quota(1, settings.maxMessageBytes, context.account),
      onLate: (error) => {
        this.end(error);
      },
    });
  }

  get peer(): string {
    return this.#stream.peer;
  }

  /** What its end would free, in bytes; of its request that is what the transport has gathered, too. */
  get heldBytes(): number {
    // What the topic has it keeps, and publishes.
    if (this.#isAnswered || this.#isHeld) return 0;
    return this.#heldBytes + this.#request.bytes + (this.#stream.bytesHeld ?? 0);
  }

  /** Whether a subscriber under `block` makes it wait. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Room until the half-close, so that a second request is seen. */
  get room(): number {
    return this.#isAnswered ? 0 : 1;
  }

  onMessages(messages: readonly DataMessage[]): void {
    this.#context.counters.messagesReceived += messages.length;
    this.#request.take(messages);
  }

  onHalfClose(): void {
    if (this.#isAnswered) return;
    try {
      const request = decodePublishRequest(this.#request.whole());
      const name = parseTopicName(request.topic);
      this.#check(request);
      this.#publishIfPermitted(request, name);
    } catch (error) {
      this.#refuse(error);
    }
  }

  onInvalid(error: SluiceError): void {
    this.end(error);
  }

  onWritten(): void {
    // One small answer.
  }

  onClose(_close: StreamClose): void {
    const { counters } = this.#context;
    counters.bytesReceived += this.#stream.bytesReceived;
    counters.bytesSent += this.#stream.bytesSent;
    this.#isAnswered = true;
    this.#isClosed = true;
    this.#stop();
    this.#endTimer?.cancel();
    this.#doneIfOver();
  }

  /** Refuses it, or gives up its answer: a message that the topic has is not taken back. The first call wins. */
  end(error: SluiceError): void {
    if (this.#isAnswered) return;
    this.#context.onRefused(this.#stream, error, this.identity.clientId);
    this.#answered();
    this.#stream.end(error);
  }

  /** The gateway is gone. */
  reset(): void {
    this.#stream.reset();
  }

  #check({ data, key, metadata, idempotencyKey }: PublishRequest): void {
    if (idempotencyKey !== '' && !isPrintableId(idempotencyKey)) {
      throw new SluiceError(
        'INVALID_MESSAGE',
        `idempotency key ${quoted(idempotencyKey)} is not 1 to 128 printable characters`,
      );
    }
    const { maxMessageBytes } = this.#context.settings;
    const bytes = weightOf({ data, key, metadata }) + ADDED_BYTES;
    if (bytes <= maxMessageBytes) return;
    throw new SluiceError(
      'MESSAGE_TOO_LARGE',
      `a message of ${bytes} bytes, with what is added for its subscribers, is larger than the gateway sends ` +
        `(server.maxMessageSize = ${maxMessageBytes} bytes)`,
    );
  }

  #publishIfPermitted(request: PublishRequest, name: TopicName): void {
    this.#hold(weightOf(request));
    ifPermitted({
      gatekeeper: this.#context.gatekeeper,
      question: {
        identity: this.identity,
        action: 'publish',
        sessionId: '',
        ...name,
        named: true,
        peer: this.#stream.peer,
      },
      signal: this.#abort.signal,
      onAllowed: () => {
        this.#publish(request, name);
      },
      onRefused: (error) => {
        this.#refuse(error);
      },
    });
  }

  #publish(
    { data, key, metadata, ttlMs, idempotencyKey }: PublishRequest,
    { route, subject }: TopicName,
  ): void {
    const topics = topicsOf(this.#context.routes, route);
    const from = this.identity.clientId;
    const answer = topics.publish(subject, {
      data,
      key,
      metadata,
      ttlMs,
      idempotencyKey,
      from,
      peer: this.#stream.peer,
      signal: this.#abort.signal,
    });
    if (!(answer instanceof Promise)) {
      this.#answer(answer);
      return;
    }
    this.#isHeld = true;
    answer.then(
      (published) => {
        this.#isHeld = false;
        this.#answer(published);
        this.#doneIfOver();
      },
      (error: unknown) => {
        this.#isHeld = false;
        // Given up meanwhile, it may have failed for that.
        if (!this.#isAnswered) this.#refuse(error);
        this.#doneIfOver();
      },
    );
  }

  #answer({ sequence, subscribers, duplicate, rates }: Published): void {
    if (this.#isAnswered) return;
    if (rates !== undefined) this.#stream.tellRates?.(rates);
    this.#context.counters.messagesSent += 1;
    this.#stream.send([dataMessage({ data: encodePublishResponse({ sequence, subscribers, duplicate }) })]);
    this.#answered();
    this.#stream.end();
  }

  #refuse(error: unknown): void {
    if (error instanceof SluiceError) {
      this.end(error);
      return;
    }
    this.#context.logger.error({ err: error, peer: this.#stream.peer }, 'a fault ended a Publish');
    this.end(new SluiceError('INTERNAL', 'a fault of the gateway ended the call; its log says more'));
  }

  #answered(): void {
    this.#isAnswered = true;
    this.#stop();
    const { clock, settings } = this.#context;
    // A peer that takes nothing would keep the status, and the stream, waiting for ever.
    this.#endTimer = clock.setTimeout(() => {
      this.#stream.reset();
    }, settings.sendTimeoutMs);
  }

  #stop(): void {
    this.#request.stop();
    this.#abort.abort();
    if (!this.#isHeld) this.#hold(0);
  }

  /** Its place is free when neither its client nor the topic waits for anything. */
  #doneIfOver(): void {
    if (!this.#isClosed || this.#isHeld) return;
    this.#hold(0);
    this.#onDone(this);
  }

  #hold(bytes: number): void {
    this.#context.account.add(bytes - this.#heldBytes);
    this.#heldBytes = bytes;
  }
}
