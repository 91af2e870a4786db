import { ClientError } from '../client-error.js';
import type { Payload, SendOptions, SessionEnd } from '../message.js';

/** What a stream into a session asks of it. */
export interface SinkSession {
  readonly id: string;
  readonly stats: { readonly waiting: number };
  readonly closed: Promise<SessionEnd>;
  sendAndWait(data: Payload, options?: SendOptions): Promise<void>;
  end(): void;
  close(): Promise<SessionEnd>;
}

export interface SinkOptions {
  /** The whole stream is one payload, in pieces. It has to fit the gateway's window. Default false: each chunk is a message. */
  readonly payload?: boolean;
  /** Ends the session with the stream: nothing more can be sent then. Default true. */
  readonly end?: boolean;
}

interface Held {
  readonly data: Payload;
  readonly options: SendOptions;
}

/** What every kind of stream into a session does: one chunk after another, each until there is room for the next. */
export class SessionSink {
  readonly #session: SinkSession;
  readonly #isPayload: boolean;
  readonly #endsSession: boolean;
  /** Of a payload: whether a chunk is its last is not known before the next one, or the end, comes. */
  #held: Held | undefined;
  #isMidPayload = false;
  /** Sent and not acknowledged. */
  #pending = 0;
  #failure: { readonly error: unknown } | undefined;
  /** Who waits for room, or for the last acknowledgement. */
  #waiter: { readonly isDone: () => boolean; readonly settle: () => void } | undefined;
  /** All is sent: that the session ends is what is wanted. */
  #isFinishing = false;
  #isOver = false;
  #onFailure: ((error: unknown) => void) | undefined;

  /** `onFailure`: told once, as soon as it is known that not everything will be handled. */
  constructor(session: SinkSession, options: SinkOptions, onFailure: (error: unknown) => void) {
    this.#session = session;
    this.#isPayload = options.payload ?? false;
    this.#endsSession = options.end ?? true;
    this.#onFailure = onFailure;
    void session.closed.then(({ error }) => {
      if (error === undefined && this.#isFinishing) return;
      if (!this.#isOver) this.#fail(error ?? endedEarly(session.id));
    });
  }

  /** Resolves when there is room for another. */
  async write(data: Payload, options: SendOptions = {}): Promise<void> {
    if (!this.#isPayload) this.#send(data, options);
    else if (this.#held === undefined) this.#held = { data, options };
    else {
      const before = this.#held;
      this.#held = { data, options };
      this.#isMidPayload = true;
      this.#send(before.data, { ...before.options, more: true });
    }
    await this.#until(this.#hasRoom);
  }

  /** Nothing more comes: resolves when the gateway has acknowledged everything. */
  async finish(): Promise<void> {
    this.#isFinishing = true;
    if (this.#isPayload) {
      const { data, options } = this.#held ?? { data: new Uint8Array(0), options: {} };
      this.#held = undefined;
      this.#isMidPayload = false;
      this.#send(data, options);
    }
    if (this.#endsSession) this.#session.end();
    await this.#until(this.#isSettled);
    this.#over();
  }

  /**
   * Given up before its end. The session stays as it is, unless half a payload
   * was sent: nothing that came behind it would be understood.
   */
  abandon(): void {
    if (this.#isOver) return;
    this.#over();
    if (this.#isMidPayload) void this.#session.close();
  }

  /** What waits may also be another's: nothing would tell us of its going, once all of ours is acknowledged. */
  readonly #hasRoom = (): boolean => this.#session.stats.waiting === 0 || this.#pending === 0;

  readonly #isSettled = (): boolean => this.#pending === 0;

  #send(data: Payload, options: SendOptions): void {
    this.#pending += 1;
    this.#session.sendAndWait(data, options).then(this.#settled, this.#failed);
  }

  readonly #settled = (): void => {
    this.#pending -= 1;
    this.#look();
  };

  readonly #failed = (error: unknown): void => {
    this.#pending -= 1;
    this.#fail(error);
  };

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    const onFailure = this.#onFailure;
    this.#look();
    this.#over();
    onFailure?.(error);
  }

  /** What was acknowledged made room: for as long as a send waits, something is. */
  #look(): void {
    const waiter = this.#waiter;
    if (waiter === undefined || (this.#failure === undefined && !waiter.isDone())) return;
    this.#waiter = undefined;
    waiter.settle();
  }

  async #until(isDone: () => boolean): Promise<void> {
    if (this.#failure === undefined && !isDone()) {
      await new Promise<void>((settle) => {
        this.#waiter = { isDone, settle };
      });
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #over(): void {
    this.#isOver = true;
    this.#held = undefined;
    // The session may live on for long, and remembers us until then.
    this.#onFailure = undefined;
  }
}

function endedEarly(id: string): ClientError {
  return new ClientError('CLOSED', `session "${id}" has ended before all of the stream was sent`);
}
