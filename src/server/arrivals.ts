import { bearerToken } from '../core/bearer-token.js';
import type { Clock, Timer } from '../core/clock.js';
import type { Credentials } from '../core/credentials.js';
import { SluiceError } from '../core/errors.js';
import type { Identity } from '../core/identity.js';
import {
  type CallMethod,
  isCallMethod,
  type StreamClose,
  type StreamReceiver,
  type TransportStream,
} from '../transport/contract.js';
import { MessageType, type DataMessage } from '../wire/messages.js';
import type { Gatekeeper } from './gatekeeper.js';

export interface ArrivalsOptions {
  readonly clock: Clock;
  readonly gatekeeper: Gatekeeper;
  /** From the start of a stream until who is calling is known. */
  readonly identifyTimeoutMs: number;
  /** Streams that have not shown anything yet. */
  readonly maxUnidentified: number;
  /** The error that refuses one more to be asked about where so many of its kind are; undefined while there is room. */
  readonly refusalIfAsked: (stream: TransportStream, asked: number) => SluiceError | undefined;
  /** Who is calling is known: the stream becomes a connection, or is refused and gets who takes nothing. Never throws. */
  readonly admit: (stream: TransportStream, identity: Identity, messagesRead: number) => StreamReceiver;
  /** Ends a stream that is not let in. */
  readonly refuse: (stream: TransportStream, error: unknown) => void;
}

/**
 * Streams between their arrival and the moment it is known who is calling:
 * those whose token is being looked at, of which nothing is read meanwhile, and
 * those that have shown nothing, of which only Authenticate is.
 */
export class Arrivals {
  readonly #options: ArrivalsOptions;
  readonly #all = new Set<Arrival>();
  #silent = 0;
  /** Calls of Publish, of which none is silent. */
  #publishes = 0;

  constructor(options: ArrivalsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Of these, how many have shown nothing. */
  get silent(): number {
    return this.#silent;
  }

  /** Takes a stream. Throws what refuses it before it is known who is calling; admits it at once where that is clear. */
  take(stream: TransportStream): StreamReceiver {
    const { takesTokens } = this.#options.gatekeeper;
    const credentials: Credentials = {
      token: takesTokens ? bearerToken(stream.metadata.get('authorization')) : undefined,
      certificate: stream.certificate,
      claimedId: stream.metadata.get('x-client-id'),
      peer: stream.peer,
    };
    const abort = new AbortController();
    const identity = this.#options.gatekeeper.identify(credentials, abort.signal);
    if (identity !== undefined && !(identity instanceof Promise)) {
      return this.#options.admit(stream, identity, 0);
    }
    if (identity === undefined && isCallMethod(stream.method)) {
      this.#options.gatekeeper.showedNothing(stream.peer);
      throw nothingShownToCall(stream.method);
    }
    // First, for an arrival has a timer.
    if (identity === undefined) this.#refuseTooMany();
    else this.#refuseTooManyAsked(stream, identity, abort);
    const isPublish = stream.method === 'Publish';
    const arrival = new Arrival(stream, credentials, abort, this.#options, {
      heard: () => {
        this.#silent -= 1;
      },
      over: (was) => {
        this.#all.delete(was);
        if (isPublish) this.#publishes -= 1;
      },
    });
    this.#all.add(arrival);
    if (isPublish) this.#publishes += 1;
    if (identity === undefined) {
      this.#silent += 1;
      arrival.listen();
    } else arrival.await(identity);
    return arrival;
  }

  /** What they hold while nobody knows whose they are, and how to be rid of them. */
  [Symbol.iterator](): IterableIterator<UnknownCaller> {
    return this.#all.values();
  }

  /** Sends all of them away. */
  end(error: SluiceError): void {
    for (const arrival of [...this.#all]) arrival.end(error);
  }

  /** Forgets all of them, timers too; their streams are reset. */
  stop(): void {
    for (const arrival of [...this.#all]) arrival.reset();
  }

  /** As many as there may be connections, or publishes, beside these: who waits for an answer must not keep out who needs none. */
  #refuseTooManyAsked(stream: TransportStream, identity: Promise<Identity>, abort: AbortController): void {
    const publishes = this.#publishes;
    const asked = stream.method === 'Publish' ? publishes : this.#all.size - this.#silent - publishes;
    const refusal = this.#options.refusalIfAsked(stream, asked);
    if (refusal === undefined) return;
    abort.abort();
    identity.catch(() => undefined);
    throw refusal;
  }

  #refuseTooMany(): void {
    const { maxUnidentified } = this.#options;
    if (this.#silent < maxUnidentified) return;
    throw new SluiceError(
      'CONNECTION_LIMIT',
      `${this.#silent} streams have not said yet who is calling, the most that may (auth.maxUnidentified = ${maxUnidentified})`,
      { retryAfterMs: RETRY_MS },
    );
  }
}

/** A stream of which it is not known who is calling, as the budget of buffered bytes sees it. */
export interface UnknownCaller {
  readonly peer: string;
  /** Arrived and not given on. */
  readonly heldBytes: number;
  end(error: SluiceError): void;
}

/** When one that was refused because nobody can tell who it is now should try again, in milliseconds. */
const RETRY_MS = 5_000;

interface ArrivalEvents {
  /** It has shown something. */
  heard(): void;
  /** It is known who is calling, or it was sent away, or it has left. */
  over(arrival: Arrival): void;
}

type State = 'silent' | 'asked' | 'admitted' | 'over';

/** One such stream: once it is admitted, all goes on to its connection. */
class Arrival implements StreamReceiver, UnknownCaller {
  readonly #stream: TransportStream;
  readonly #credentials: Credentials;
  readonly #abort: AbortController;
  readonly #options: ArrivalsOptions;
  readonly #events: ArrivalEvents;
  readonly #timer: Timer;
  #state: State = 'asked';
  #next: StreamReceiver | undefined;
  #messagesRead = 0;
  #halfClosed = false;

  constructor(
    stream: TransportStream,
    credentials: Credentials,
    abort: AbortController,
    options: ArrivalsOptions,
    events: ArrivalEvents,
  ) {
    this.#stream = stream;
    this.#credentials = credentials;
    this.#abort = abort;
    this.#options = options;
    this.#events = events;
    this.#timer = options.clock.setTimeout(() => {
      this.#late();
    }, options.identifyTimeoutMs);
  }

  get room(): number {
    if (this.#next !== undefined) return this.#next.room;
    // One at a time: what follows an Authenticate is for the connection that it makes.
    return this.#state === 'silent' ? 1 : 0;
  }

  get peer(): string {
    return this.#credentials.peer;
  }

  get heldBytes(): number {
    return this.#stream.bytesHeld ?? 0;
  }

  /** Nothing was shown: an Authenticate may. */
  listen(): void {
    this.#state = 'silent';
  }

  /** Who is calling will be known. */
  await(identity: Promise<Identity>): void {
    identity.then(
      (known) => {
        this.#admit(known);
      },
      (error: unknown) => {
        this.#refuse(error);
      },
    );
  }

  end(error: SluiceError): void {
    this.#refuse(error);
  }

  reset(): void {
    if (!this.#finish('over')) return;
    this.#stream.reset();
  }

  onMessages(messages: readonly DataMessage[]): void {
    if (this.#next !== undefined) {
      this.#next.onMessages(messages);
      return;
    }
    for (const message of messages) this.#read(message);
  }

  onHalfClose(): void {
    if (this.#next !== undefined) this.#next.onHalfClose();
    else if (this.#state === 'silent') this.#sendAway('the client has nothing more to say');
    else this.#halfClosed = true;
  }

  onInvalid(error: SluiceError): void {
    if (this.#next === undefined) this.#refuse(error);
    else this.#next.onInvalid(error);
  }

  onWritten(): void {
    this.#next?.onWritten();
  }

  onClose(close: StreamClose): void {
    if (this.#next !== undefined) this.#next.onClose(close);
    else this.#finish('over');
  }

  #read(message: DataMessage): void {
    if (this.#state !== 'silent') return;
    this.#messagesRead += 1;
    // It says nothing, and so nothing that would have to wait.
    if (message.type === MessageType.HEARTBEAT) return;
    // Control beside data says nothing.
    const control = message.type === MessageType.CONTROL ? message.control : undefined;
    if (control?.action !== 'authenticate') {
      this.#sendAway('the first message has to be an Authenticate');
      return;
    }
    this.#state = 'asked';
    this.#events.heard();
    const { gatekeeper } = this.#options;
    const credentials = { ...this.#credentials, token: control.token };
    try {
      const identity = gatekeeper.identify(credentials, this.#abort.signal);
      if (identity === undefined) this.#refuse(nothingShown('its Authenticate has no token'));
      else if (identity instanceof Promise) this.await(identity);
      // Not from within what the transport calls: the connection begins by asking it to read on.
      else this.await(Promise.resolve(identity));
    } catch (error) {
      this.#refuse(error);
    }
  }

  #admit(identity: Identity): void {
    if (this.#state !== 'asked') return;
    this.#next = this.#options.admit(this.#stream, identity, this.#messagesRead);
    this.#finish('admitted');
    if (this.#halfClosed) this.#next.onHalfClose();
    else this.#stream.resume();
  }

  #refuse(error: unknown): void {
    if (this.#finish('over')) this.#options.refuse(this.#stream, error);
  }

  /** Nothing was shown: a failed attempt, for whoever counts them. */
  #sendAway(because: string): void {
    this.#options.gatekeeper.showedNothing(this.#credentials.peer);
    this.#refuse(nothingShown(because));
  }

  #late(): void {
    const { identifyTimeoutMs } = this.#options;
    const within = `within ${identifyTimeoutMs} ms (auth.identifyTimeout)`;
    if (this.#state === 'silent') {
      this.#sendAway(`no Authenticate came ${within}`);
      return;
    }
    const because = `who is calling could not be told ${within}`;
    this.#refuse(new SluiceError('AUTH_UNAVAILABLE', because, { retryAfterMs: RETRY_MS }));
  }

  /** Once: whether this was it. */
  #finish(state: 'admitted' | 'over'): boolean {
    if (this.#state === 'admitted' || this.#state === 'over') return false;
    if (this.#state === 'silent') this.#events.heard();
    this.#state = state;
    this.#timer.cancel();
    if (state === 'over') this.#abort.abort();
    this.#events.over(this);
    return true;
  }
}

/** There is no Authenticate to wait for. */
function nothingShownToCall(method: CallMethod): SluiceError {
  return new SluiceError(
    'UNAUTHENTICATED',
    `who is calling has to be shown (auth.methods): ${method} takes it by metadata "authorization: Bearer …"`,
  );
}

function nothingShown(because: string): SluiceError {
  return new SluiceError(
    'UNAUTHENTICATED',
    `who is calling has to be shown (auth.methods), by metadata "authorization: Bearer …" or by Authenticate: ${because}`,
  );
}
