import type { EventEmitter } from 'node:events';
import type { ServerHttp2Stream } from 'node:http2';
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';

/** grpc-js's `PartialStatusObject`, which it does not export. */
export type StatusObject = Parameters<ServerInterceptingCallInterface['sendStatus']>[0];

/**
 * What of grpc-js's innermost call public API does not offer: its HTTP/2
 * stream, to reset it and to learn how it closed; the statuses it ends the call
 * with by itself; whether its decoder is within a message.
 */
export interface InnermostCall {
  readonly http2: ServerHttp2Stream;
  /** True when what has been read ends within a message. */
  midFrame(): boolean;
  /** Brings the statuses grpc-js would send by itself to `take` instead; returns what sends one. */
  takeStatuses(take: (status: StatusObject) => void): (status: StatusObject) => void;
}

interface PrivateCall {
  readonly stream?: Partial<ServerHttp2Stream> & EventEmitter;
  readonly decoder?: { readonly readState?: unknown };
  sendStatus: (status: StatusObject) => void;
}

/** `ReadState.NO_DATA` of grpc-js's stream decoder: between two messages. */
const BETWEEN_MESSAGES = 0;

/** The private parts of `call`, or undefined when this version of grpc-js has others or the call is not innermost. */
export function innermostCall(call: ServerInterceptingCallInterface): InnermostCall | undefined {
  const inner = call as unknown as PrivateCall;
  const { stream, decoder } = inner;
  if (typeof stream?.close !== 'function' || typeof stream.destroy !== 'function') return undefined;
  if (typeof decoder?.readState !== 'number') return undefined;
  return {
    http2: stream as ServerHttp2Stream,
    midFrame: () => decoder.readState !== BETWEEN_MESSAGES,
    takeStatuses: (take) => {
      const send = inner.sendStatus.bind(inner);
      inner.sendStatus = take;
      return send;
    },
  };
}
