import { expectWhole } from '../option-checks.js';
import { onAbort } from '../../core/on-abort.js';
import { type LinkedAbort, linkAbort } from '../../core/signals.js';
import { LinkedList, type Linked } from '../../flow/linked-list.js';
import type { CallEnd, ClientCall } from '../../transport/client-contract.js';
import { encodeMessage, messageSize } from '../../wire/codec.js';
import { dataMessage } from '../../wire/messages.js';
import { decodeIngestSummary } from '../../wire/topic-codec.js';
import type { IngestSummary } from '../../wire/topic-messages.js';
import { abortable, reasonOf } from '../abortable.js';
import { callError, unreadable } from './call-error.js';
import type { CallHost, CallPlace } from './call-host.js';
import { ClientError } from '../client-error.js';
import type { Payload, SendOptions } from '../message.js';
import { bytesOf, metadataOf } from '../../wire/sendable.js';
import { checkName } from './topic-checks.js';

/** So many sends may wait for the gateway; more is a mistake of who does not await them. */
const MAX_WAITING_MESSAGES = 512;
const MAX_WAITING_BYTES = 2 * 1024 * 1024;

export interface IngestOptions {
  /** What of the route is wanted, where it has something to choose. */
  readonly subject?: string;
  /** Gives the upload up: what is waited for rejects with its reason. */
  readonly signal?: AbortSignal;
}

interface Waiting extends Linked<Waiting> {
  readonly body: Uint8Array;
  /** Takes it out of the line. */
  readonly settle: (error?: Error) => void;
}

type IngestEnd = { readonly summary: IngestSummary } | { readonly error: unknown };

/**
 * An upload: many messages, one summary. It belongs to one connection: when that
 * breaks the upload has failed, and how much of it was handled is not known.
 */
export class Ingest implements AsyncDisposable {
  readonly #host: CallHost;
  readonly #work: LinkedAbort;
  readonly #line = new LinkedList<Waiting>();
  #waitingMessages = 0;
  #waitingBytes = 0;
  #call: ClientCall | undefined;
  #hasRoom = false;
  /** `finish` was called: nothing more can be sent. */
  #isFinished = false;
  /** How it ended. */
  #end: IngestEnd | undefined;
  readonly #ended: Promise<void>;
  #resolveEnded: () => void = () => undefined;

  /** @internal Uploads are made by `client.ingest`. */
  constructor(host: CallHost, route: string, options: IngestOptions) {
    checkName('route', route);
    checkName('subject', options.subject ?? '');
    this.#host = host;
    this.#ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#work = linkAbort(host.closing, options.signal);
    const { signal } = this.#work;
    onAbort(signal, () => {
      this.#over({ error: signal.reason });
    });
    void this.#begin(signal, {
      ...(route !== '' && { 'x-route': route }),
      ...(options.subject !== undefined && { 'x-subject': options.subject }),
    });
  }

  /**
   * Resolves when the network has room for the message. In order; rejects with a
   * ClientError when the upload has failed, or was finished.
   */
  async send(data: Payload, options: SendOptions = {}): Promise<void> {
    const { key = '', ttlMs = 0, more = false, signal } = options;
    expectWhole('ttlMs', ttlMs, 0, Number.MAX_SAFE_INTEGER);
    const metadata = options.metadata && metadataOf(options.metadata);
    signal?.throwIfAborted();
    if (this.#end !== undefined) throw this.#whyNot(this.#end);
    if (this.#isFinished)
      throw new ClientError('CLOSED', 'The upload is finished: nothing more can be sent.');
    const message = dataMessage({
      data: bytesOf(data),
      key,
      metadata,
      more,
      ttlMs,
      timestampMs: this.#host.clock.wallNow(),
    });
    const body = new Uint8Array(messageSize(message));
    encodeMessage(message, body, 0);
    if (this.#hasRoom && this.#waitingMessages === 0) this.#hasRoom = this.#call?.send(body) ?? false;
    else await this.#waitForRoom(body, signal);
  }

  /**
   * Nothing more comes: resolves with what the route made of it all. Rejects with
   * a ClientError when the upload failed. May be asked again, for the same answer.
   */
  async finish(options: { readonly signal?: AbortSignal } = {}): Promise<IngestSummary> {
    this.#isFinished = true;
    this.#sendWaiting();
    await abortable(this.#ended, options.signal);
    const end = this.#end;
    if (end !== undefined && 'summary' in end) return end.summary;
    throw end?.error as Error;
  }

  /** Gives the upload up, unless it is over. Idempotent. */
  cancel(): void {
    this.#over({ error: new ClientError('CLOSED', 'The upload was given up on this side.') });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
    return this.#ended;
  }

  async #begin(signal: AbortSignal, metadata: Readonly<Record<string, string>>): Promise<void> {
    try {
      const place = await this.#host.place(signal);
      if (this.#end !== undefined) return;
      let answer: Uint8Array | undefined;
      this.#call = place.connector.call(
        'Ingest',
        { ...place.metadata, ...metadata },
        {
          onBody: (body) => {
            answer ??= body;
          },
          onWritable: () => {
            this.#hasRoom = true;
            this.#sendWaiting();
          },
          onEnd: (end) => {
            this.#over(this.#endOf(place, end, answer));
          },
        },
      );
      this.#hasRoom = true;
      this.#sendWaiting();
    } catch (error) {
      this.#over({ error });
    }
  }

  #endOf(place: CallPlace, end: CallEnd, answer: Uint8Array | undefined): IngestEnd {
    if (end.status !== 0) return { error: callError(this.#host, place, 'Ingest', end) };
    if (answer === undefined) return { error: unreadable(place, 'Ingest', 'there is none.') };
    try {
      return { summary: decodeIngestSummary(answer) };
    } catch (error) {
      return { error: unreadable(place, 'Ingest', error) };
    }
  }

  #waitForRoom(body: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    if (this.#waitingMessages >= MAX_WAITING_MESSAGES || this.#waitingBytes >= MAX_WAITING_BYTES) {
      const text = `${this.#waitingMessages} sends of ${this.#waitingBytes} bytes wait for the gateway: await each.`;
      return Promise.reject(new ClientError('BUFFER_FULL', text));
    }
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        previous: undefined,
        next: undefined,
        body,
        settle: (error) => {
          this.#line.remove(waiting);
          this.#waitingMessages -= 1;
          this.#waitingBytes -= body.length;
          detach();
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      const detach = onAbort(signal, () => {
        if (signal !== undefined) waiting.settle(reasonOf(signal));
      });
      this.#waitingMessages += 1;
      this.#waitingBytes += body.length;
      this.#line.append(waiting);
    });
  }

  /** What waits and has room; then the half-close, where there is to be one. */
  #sendWaiting(): void {
    const call = this.#call;
    if (call === undefined || this.#end !== undefined) return;
    for (let next = this.#line.first; this.#hasRoom && next !== undefined; next = this.#line.first) {
      this.#hasRoom = call.send(next.body);
      next.settle();
    }
    if (this.#isFinished && this.#waitingMessages === 0) call.halfClose();
  }

  /** Once. */
  #over(end: IngestEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#call?.cancel();
    this.#work.unlink();
    for (let next = this.#line.first; next !== undefined; next = this.#line.first) {
      next.settle(this.#whyNot(end));
    }
    this.#resolveEnded();
  }

  #whyNot(end: IngestEnd): Error {
    if ('error' in end) return end.error as Error;
    return new ClientError('CLOSED', 'The route has ended the upload: finish() tells why.');
  }
}
