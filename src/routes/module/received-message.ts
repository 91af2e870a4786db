import { SluiceError } from '../../core/errors.js';
import type { GivenUp } from '../given-up.js';
import type { RouteSession } from '../../session/route.js';
import type { DataMessage } from '../../wire/messages.js';

/** A message of the client, as a module is given it. It can be sent as it is. */
export interface ReceivedMessage {
  /** A view of the network's buffer: copy it (`new Uint8Array(data)`) if you keep it longer than the call. */
  readonly data: Uint8Array;
  /** `data` as UTF-8. Throws INVALID_MESSAGE where it is none. */
  readonly text: string;
  readonly metadata: ReadonlyMap<string, string>;
  /** "" where there is none. */
  readonly key: string;
  /** Its number in the session, from 1; 0 on simple connections. */
  readonly sequence: number;
  /** The client's clock, Unix milliseconds; 0 where it said nothing. */
  readonly timestampMs: number;
  /** The payload goes on in the next message; never where the route `wantsWhole`, on an opened session. */
  readonly more: boolean;
  readonly ttlMs: number;
  /**
   * Aborted when the message is given up (`routes.<name>.timeout`), or its
   * session ends: hand it to what you wait for.
   */
  readonly signal: AbortSignal;
}

const NO_METADATA: ReadonlyMap<string, string> = new Map();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class Received implements ReceivedMessage {
  readonly data: Uint8Array;
  readonly metadata: ReadonlyMap<string, string>;
  readonly key: string;
  readonly sequence: number;
  readonly timestampMs: number;
  readonly more: boolean;
  readonly ttlMs: number;
  readonly #session: Pick<RouteSession, 'signal'>;
  readonly #givenUp: GivenUp | undefined;

  constructor(message: DataMessage, session: Pick<RouteSession, 'signal'>, givenUp?: GivenUp) {
    this.data = message.data;
    this.metadata = message.metadata ?? NO_METADATA;
    this.key = message.key;
    this.sequence = message.sequence;
    this.timestampMs = message.timestampMs;
    this.more = message.more;
    this.ttlMs = message.ttlMs;
    this.#session = session;
    this.#givenUp = givenUp;
  }

  get text(): string {
    try {
      return decoder.decode(this.data);
    } catch (cause) {
      throw new SluiceError('INVALID_MESSAGE', 'the payload is not text (UTF-8)', { cause });
    }
  }

  get signal(): AbortSignal {
    return (this.#givenUp ?? this.#session).signal;
  }
}
