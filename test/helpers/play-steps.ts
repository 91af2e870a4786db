/** What a backend of the proxy tests does with a call: its client says so, in metadata, and every language plays the same. */

/** A name, and its value; of a "-bin" one in base64. */
export type Entry = readonly [name: string, value: string];

export type Step =
  /** The answer's initial metadata, at once. */
  | readonly ['headers', readonly Entry[]]
  /** Reads so many messages, or to the half-close (-1), and sends each back. */
  | readonly ['echo', number]
  /** Reads so many, or to the half-close (-1). */
  | readonly ['read', number]
  /** Sends so many of so many bytes, all equal to the number of the message modulo 251. */
  | readonly ['send', count: number, bytes: number]
  /** Sends what was read so far, as JSON: `messages`, `bytes`, and the SHA-256 of them in a row. */
  | readonly ['digest']
  /** Sends what came with the call, as JSON: `metadata` (name to values), `remainingMs` to its deadline or null. */
  | readonly ['seen']
  /** Answers from here on are compressed. Not of grpc-js, whose server can't. */
  | readonly ['gzip']
  | readonly ['trailers', readonly Entry[]]
  | readonly ['end', code: number, message: string]
  /** Is busy for so many milliseconds. */
  | readonly ['sleep', number]
  /** Until the call is cancelled. */
  | readonly ['wait'];

/** What a backend knows of a call named in its metadata, under `x-call`. */
export interface PlayReport {
  readonly read: number;
  /** Messages that the library has taken to send, all but the one it is on. */
  readonly sent: number;
  readonly halfClosed: boolean;
  readonly over: boolean;
  /** It was over because its client, or its deadline, or the network, said so. */
  readonly cancelled: boolean;
}

/** Its methods Unary, Upload, Follow and Talk play; Look and Report take the name of a call, and answer a PlayReport: now, or when it is over. */
export const PLAY_SERVICE = 'foreign.Calls';
/** The steps as JSON. */
export const STEPS_NAME = 'x-steps';
/** The name of the call, where it is asked for. */
export const CALL_NAME = 'x-call';
