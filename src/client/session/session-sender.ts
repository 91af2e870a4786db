import { onAbort } from '../../core/on-abort.js';
import type { SessionHost } from '../attached-session.js';
import type { ClientError } from '../client-error.js';
import type { Payload, SendOptions, SessionEnd } from '../message.js';
import type { OpenOptions } from '../options.js';
import { Outgoing } from './outgoing.js';
import { OutgoingPayload, type SendWaiter } from './outgoing-payload.js';
import {
  closingError,
  droppedError,
  failureError,
  fullError,
  restDroppedError,
  tooLargeError,
} from './session-errors.js';
import type { SessionSettings } from './session-options.js';

export interface SessionSenderOptions {
  readonly settings: SessionSettings;
  readonly callbacks: Pick<OpenOptions, 'onFailure' | 'onDrop'>;
  readonly clock: SessionHost['clock'];
  /** There may be something to write. */
  readonly wake: () => void;
  /** The policy of the buffer ends the session. */
  readonly disconnect: (error: ClientError) => void;
  /** A message failed, nobody waits for it, and there is no `onFailure`: to be thrown where the application reads. */
  readonly failed: (error: ClientError) => void;
  /** A callback has thrown it: to be thrown there too. */
  readonly threw: (error: unknown) => void;
}

const SENT: Promise<void> = Promise.resolve();

/** The application's side of what is sent: who waits for it, and what each is told. */
export class SessionSender {
  readonly outgoing: Outgoing;
  readonly #options: SessionSenderOptions;
  readonly #id: string;
  #isClosing = false;
  /** What the session ended with. */
  #error: ClientError | undefined;
  /** Unsettled at a reset of which the application is being told. */
  #ofReset: readonly OutgoingPayload[] = [];

  constructor(options: SessionSenderOptions) {
    const { settings, callbacks, clock } = options;
    this.#options = options;
    this.#id = settings.id;
    this.outgoing = new Outgoing({
      sessionId: settings.id,
      bound: settings.buffer,
      overflow: settings.bufferOverflow,
      now: () => clock.now(),
      dropped: (payload, reason) => {
        payload.reject(droppedError(this.#id, reason));
        const { onDrop } = callbacks;
        if (onDrop !== undefined) {
          this.#tell(() => {
            onDrop(payload.toUnsettled(), reason);
          });
        }
      },
      settled: (payload) => {
        if (payload.error === undefined) payload.resolve();
        else this.#failed(payload, failureError(payload.error));
      },
      tooLarge: (payload) => {
        this.#failed(payload, tooLargeError(payload, this.outgoing.limits));
      },
      cutOff: (payload) => {
        const error = tooLargeError(payload, this.outgoing.limits);
        queueMicrotask(() => {
          this.#options.disconnect(error);
        });
      },
    });
  }

  /** Throws why nothing more can be sent. */
  expectOpen(): void {
    if (this.#error !== undefined) throw this.#error;
    if (this.#isClosing) throw closingError(this.#id);
  }

  /** Resolves when it is taken or, `untilSettled`, acknowledged. */
  send(data: Payload, options: SendOptions | undefined, untilSettled: boolean): Promise<void> {
    try {
      options?.signal?.throwIfAborted();
      this.expectOpen();
      const payload = new OutgoingPayload(data, options, this.#options.clock.wallNow());
      payload.untilSettled = untilSettled;
      return this.#dispatch(payload, options?.signal);
    } catch (error) {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what was thrown, whatever it is
      return Promise.reject(error);
    }
  }

  /** What was sent before goes on; nothing more is taken. */
  close(): void {
    this.#isClosing = true;
  }

  /** The session is over: nothing of it will be sent. Whoever waits is told. */
  end(error: ClientError): Pick<SessionEnd, 'unsettled' | 'unsent'> {
    this.#error = error;
    const unsettled = [...this.#ofReset, ...this.outgoing.takeUnsettled()];
    const unsent = this.outgoing.buffer.takeAll();
    for (const payload of unsettled) payload.reject(error);
    for (const payload of unsent) payload.reject(error);
    return {
      unsettled: unsettled.map((payload) => payload.toUnsettled()),
      unsent: unsent.map((payload) => payload.toUnsettled()),
    };
  }

  /** What is unsettled at a reset. Until `afterReset` the session may end, which tells of it too. */
  beforeReset(): readonly OutgoingPayload[] {
    this.#ofReset = this.outgoing.takeUnsettled();
    return this.#ofReset;
  }

  /** What was unsettled at a reset: is sent again, ahead of all that waits, or given up. */
  afterReset(error: ClientError, resend: boolean): void {
    const unsettled = this.#ofReset;
    this.#ofReset = [];
    // The session may have ended within onReset.
    if (resend && this.#error === undefined) this.outgoing.sendAgain(unsettled, error);
    else this.outgoing.abandon(unsettled, this.#error ?? error);
  }

  #dispatch(payload: OutgoingPayload, signal: AbortSignal | undefined): Promise<void> {
    const { settings, wake, disconnect } = this.#options;
    switch (this.outgoing.send(payload)) {
      case 'taken':
        wake();
        return payload.untilSettled ? this.#waitFor(payload, signal) : SENT;
      case 'waits':
        if (!payload.untilSettled && settings.bufferOverflow !== 'block') return SENT;
        return this.#waitFor(payload, signal);
      case 'dropped':
        if (!payload.begins) throw restDroppedError(this.#id);
        if (payload.untilSettled) throw droppedError(this.#id, 'overflow');
        return SENT;
      case 'too-large':
        throw this.#refused(payload, tooLargeError(payload, this.outgoing.limits));
      case 'full':
        throw this.#refused(payload, this.#full());
      case 'disconnect': {
        const error = this.#full();
        disconnect(error);
        throw error;
      }
    }
  }

  /** Half a payload was sent where its rest is refused: what came behind it would be taken for that. */
  #refused(payload: OutgoingPayload, error: ClientError): ClientError {
    if (!this.outgoing.refuse(payload)) this.#options.disconnect(error);
    return error;
  }

  #full(): ClientError {
    return fullError(this.#id, this.outgoing.buffer.load, this.#options.settings.buffer);
  }

  #waitFor(payload: OutgoingPayload, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: SendWaiter = { resolve, reject };
      payload.waiter = signal === undefined ? waiter : this.#abortable(payload, signal, waiter);
    });
  }

  #abortable(payload: OutgoingPayload, signal: AbortSignal, waiter: SendWaiter): SendWaiter {
    const detach = onAbort(signal, () => {
      // Where it was sent, only the wait ends.
      if (this.outgoing.withdraw(payload)) this.#options.wake();
      payload.reject(signal.reason);
    });
    return {
      resolve: () => {
        detach();
        waiter.resolve();
      },
      reject: (error) => {
        detach();
        waiter.reject(error);
      },
    };
  }

  #failed(payload: OutgoingPayload, error: ClientError): void {
    if (payload.reject(error)) return;
    const { onFailure } = this.#options.callbacks;
    if (onFailure === undefined) this.#options.failed(error);
    else {
      this.#tell(() => {
        onFailure(error, payload.toUnsettled());
      });
    }
  }

  /**
   * Not from within what it is told of: it may end the session there. Where it
   * throws, nothing is broken here: it reads what it has thrown.
   */
  #tell(told: () => void): void {
    queueMicrotask(() => {
      try {
        told();
      } catch (error) {
        this.#options.threw(error);
      }
    });
  }
}
