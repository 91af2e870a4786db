import { abortable } from '../abortable.js';
import type { Interceptor, SendRequest } from '../interceptor.js';
import type { Message, Payload, SendOptions } from '../message.js';
import type { Session } from './session.js';
import { fullError } from './session-errors.js';
import type { SessionFilter } from './session-filter.js';
import type { SessionProtocol } from './session-protocol.js';
import { secondReader } from './session-reader.js';

type Send = (request: SendRequest) => Promise<void>;
type Receive = NonNullable<Interceptor['receive']>;

const NO_OPTIONS: SendOptions = {};

/** Undefined where none of them is around a send or a receive: nothing is in the way then. */
export function sessionInterceptors(
  session: Session,
  protocol: SessionProtocol,
  interceptors: readonly Interceptor[],
): SessionInterceptors | undefined {
  const isNeeded = interceptors.some(
    (interceptor) => interceptor.send !== undefined || interceptor.receive !== undefined,
  );
  return isNeeded ? new SessionInterceptors(session, protocol, interceptors) : undefined;
}

/** The interceptors between an application and its session; the first is next to the application. */
export class SessionInterceptors implements SessionFilter {
  readonly #session: Session;
  readonly #protocol: SessionProtocol;
  readonly #senders: readonly NonNullable<Interceptor['send']>[];
  /** Innermost first: the way a message comes. */
  readonly #receivers: readonly Receive[];
  /** Resolves when the last send that is under way has been handed on: the next may begin. */
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #isReading = false;

  constructor(session: Session, protocol: SessionProtocol, interceptors: readonly Interceptor[]) {
    this.#session = session;
    this.#protocol = protocol;
    this.#senders = interceptors.flatMap((interceptor) =>
      interceptor.send === undefined ? [] : [interceptor.send.bind(interceptor)],
    );
    this.#receivers = interceptors
      .flatMap((interceptor) =>
        interceptor.receive === undefined ? [] : [interceptor.receive.bind(interceptor)],
      )
      .reverse();
  }

  get receives(): boolean {
    return this.#receivers.length > 0;
  }

  async send(data: Payload, options: SendOptions = NO_OPTIONS, untilSettled: boolean): Promise<void> {
    if (this.#senders.length === 0) {
      await this.#protocol.sender.send(data, options, untilSettled);
      return;
    }
    const { buffer } = this.#protocol.settings;
    if (this.#waiting >= buffer.messages) {
      throw fullError(this.#session.id, { messages: this.#waiting, bytes: 0 }, buffer);
    }
    const before = this.#turn;
    let handOn: () => void = () => undefined;
    const handedOn = new Promise<void>((resolve) => {
      handOn = resolve;
    });
    // Who gives up waiting does not let those behind it overtake those ahead.
    this.#turn = before.then(() => handedOn);
    this.#waiting += 1;
    try {
      await abortable(before, options.signal);
      this.#protocol.sender.expectOpen();
      await this.#around(0, (request) => {
        const sent = this.#protocol.sender.send(request.data, request.options, untilSettled);
        // It has its place: those behind it keep theirs.
        handOn();
        return sent;
      })({ data, options, session: this.#session });
    } finally {
      this.#waiting -= 1;
      handOn();
    }
  }

  async receive(signal: AbortSignal | undefined): Promise<Message | undefined> {
    if (this.#isReading) throw secondReader();
    this.#isReading = true;
    try {
      for (;;) {
        let message = await this.#protocol.reader.read(asIs, undefined, signal);
        if (message === undefined) return undefined;
        for (const receive of this.#receivers) {
          message = await receive(message, this.#session);
          if (message === undefined) break;
        }
        if (message !== undefined) return message;
      }
    } finally {
      this.#isReading = false;
    }
  }

  #around(index: number, send: Send): Send {
    const intercept = this.#senders[index];
    if (intercept === undefined) return send;
    const inner = this.#around(index + 1, send);
    return (request) => intercept(request, inner);
  }
}

function asIs(message: Message | undefined): Message | undefined {
  return message;
}
