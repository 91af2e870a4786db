/** What a windowed client needs of a network, over gRPC and over the memory transport. */
import { Client, credentials, Metadata, type StatusObject } from '@grpc/grpc-js';
import type { Clock } from '../../src/core/clock.js';
import { type ErrorCode, errorCatalogue, GrpcStatus, type SluiceError } from '../../src/core/errors.js';
import { BodyReader, encodeBodies } from '../../src/transport/bodies.js';
import { REQUEST_FRAMING, RESPONSE_FRAMING } from '../../src/transport/framing.js';
import type { StreamAcceptor, StreamMethod } from '../../src/transport/contract.js';
import { MemoryConnection } from '../../src/transport/memory/memory-connection.js';
import type { DataMessage } from '../../src/wire/messages.js';
import { decodeStatusDetails, type StatusDetails } from '../../src/wire/status-details.js';

/** How a connection ended, whoever ended it. */
export interface ConnectionEnd {
  /** The gRPC status; UNAVAILABLE when the network broke. */
  readonly status: number;
  readonly message: string;
  /** The catalogue's code, where the gateway gave one. */
  readonly reason?: string;
  readonly retryAfterMs?: number;
}

export interface ConnectionEvents {
  received(message: DataMessage): void;
  /** There is room again, after `send` returned false. */
  writable(): void;
  /** Called once, after which nothing else is; never from within a call made to the connection. */
  ended(end: ConnectionEnd): void;
}

/** One stream to a gateway. */
export interface Connection {
  /** Sends these, in order; false: they are taken, but wait for `writable` before sending more. */
  send(messages: readonly DataMessage[]): boolean;
  /** Nothing more will be sent; what comes is still received. */
  halfClose(): void;
  /** Gives the connection up, at once. */
  cancel(): void;
}

/** Opens a connection; what comes of it, failure included, is told by the events. */
export type Connector = (events: ConnectionEvents) => Connection;

export interface GrpcTarget {
  /** `host:port`. */
  readonly address: string;
  readonly clientId: string;
  /** Default StreamData. */
  readonly method?: StreamMethod;
}

/** Messages decoded in one go. */
const DECODE_LIMIT = 1_024;

const asIs = (body: Buffer): Buffer => body;

/** Real gRPC: a channel and a socket of its own for each connection. */
export function grpcConnector({ address, clientId, method = 'StreamData' }: GrpcTarget): Connector {
  return (events) => {
    const channel = new Client(address, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      // A broken call is the session protocol's to mend; and without its retry buffer a write waits for the network.
      'grpc.enable_retries': 0,
      // A closed channel's timer for its next attempt goes on; the client has waits of its own.
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 100,
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
    });
    const metadata = new Metadata();
    metadata.set('x-client-id', clientId);
    const path = `/sluice.v1.StreamService/${method}`;
    const call = channel.makeBidiStreamRequest(path, asIs, asIs, metadata);
    const reader = new BodyReader(RESPONSE_FRAMING[method]);
    const batch: DataMessage[] = [];
    let unreadable: SluiceError | undefined;
    call.on('data', (body: Buffer) => {
      reader.push(body);
      do {
        batch.length = 0;
        unreadable ??= reader.fill(batch, DECODE_LIMIT);
        for (const message of batch) events.received(message);
      } while (batch.length > 0 && unreadable === undefined);
      if (unreadable !== undefined) call.cancel();
    });
    call.on('drain', () => {
      events.writable();
    });
    call.on('error', () => undefined); // The status says it.
    call.on('status', (status: StatusObject) => {
      channel.close();
      const { message = '' } = unreadable ?? {};
      events.ended(unreadable === undefined ? grpcEnd(status) : { status: GrpcStatus.INTERNAL, message });
    });
    return {
      send(messages) {
        let room = true;
        for (const body of encodeBodies(REQUEST_FRAMING[method], messages, 5 << 20)) room = call.write(body);
        return room;
      },
      halfClose: () => void call.end(),
      cancel() {
        call.cancel();
      },
    };
  };
}

function grpcEnd({ code, details, metadata }: StatusObject): ConnectionEnd {
  const [bytes] = metadata.get('grpc-status-details-bin');
  const more: Partial<StatusDetails> = Buffer.isBuffer(bytes) ? decodeStatusDetails(bytes) : {};
  return {
    status: code,
    message: details,
    ...(more.reason !== undefined && { reason: more.reason }),
    ...(more.retryAfterMs !== undefined && { retryAfterMs: more.retryAfterMs }),
  };
}

export interface MemoryTarget {
  readonly accept: StreamAcceptor;
  readonly clock: Clock;
  readonly clientId: string;
  /** Default StreamData. */
  readonly method?: StreamMethod;
}

/** The memory transport. Its last connection can be broken as a network breaks: neither side says a word. */
export function memoryConnector(target: MemoryTarget): Connector & { breakConnection(): void } {
  let last: MemoryConnection | undefined;
  const connect: Connector = (events) => {
    const { accept, clock, clientId, method = 'StreamData' } = target;
    const connection = new MemoryConnection(accept, { clock, method, metadata: { 'x-client-id': clientId } });
    last = connection;
    void (async () => {
      for await (const message of connection) events.received(message);
      const { close, error } = await connection.ended;
      events.ended(memoryEnd(close === 'ended', error));
    })();
    return {
      send(messages) {
        connection.send(...messages);
        // What it has no room for it keeps, and says nothing when there is room: the windows are the bound.
        return true;
      },
      halfClose() {
        connection.halfClose();
      },
      cancel() {
        connection.cancel();
      },
    };
  };
  return Object.assign(connect, {
    breakConnection() {
      last?.break();
    },
  });
}

function memoryEnd(ended: boolean, error: SluiceError | undefined): ConnectionEnd {
  if (error === undefined) {
    return ended
      ? { status: 0, message: '' }
      : { status: GrpcStatus.UNAVAILABLE, message: 'the connection is gone' };
  }
  return {
    status: errorCatalogue[error.code].grpcStatus,
    message: error.message,
    reason: error.code,
    ...(error.retryAfterMs !== undefined && { retryAfterMs: error.retryAfterMs }),
  };
}

/** Statuses that the same call will meet again, where no code of the gateway's says more. */
const FINAL_STATUSES: readonly number[] = [
  GrpcStatus.INVALID_ARGUMENT,
  GrpcStatus.NOT_FOUND,
  GrpcStatus.PERMISSION_DENIED,
  GrpcStatus.UNIMPLEMENTED,
  GrpcStatus.UNAUTHENTICATED,
];

/** Whether connecting again may help. */
export function mayConnectAgain({ status, reason = '' }: ConnectionEnd): boolean {
  if (reason in errorCatalogue) return errorCatalogue[reason as ErrorCode].retry !== 'never';
  return !FINAL_STATUSES.includes(status);
}
