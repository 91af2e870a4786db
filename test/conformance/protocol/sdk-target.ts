import { type ErrorCode, errorCatalogue, GrpcStatus } from '../../../src/core/errors.js';
import { WebSocket } from 'ws';
import { type Clock, SystemClock } from '../../../src/core/clock.js';
import type { CallEnd, ClientStream, Connector } from '../../../src/transport/client-contract.js';
import type { StreamMethod } from '../../../src/transport/contract.js';
import { grpcDial } from '../../../src/transport/grpc/channel.js';
import { webSocketDial } from '../../../src/transport/websocket-client/dial.js';
import type { DataMessage } from '../../../src/wire/messages.js';
import type { STREAM_HANDLERS } from '../../helpers/stream-handlers.js';
import { Skipped } from '../skipped.js';
import { BreakableLine } from './breakable-line.js';
import { gatewaySource } from './grpc-target.js';
import type { Connection, Ending, TargetSource } from './target.js';
import { startWithEdge } from './websocket-target.js';

const CONNECT_TIMEOUT_MS = 10_000;

/** A gateway in this process, over real gRPC, spoken to by the network of the SDK. */
export function sdkSource(handler: (typeof STREAM_HANDLERS)[number], method: StreamMethod): TargetSource {
  const name = `the SDK's network, ${handler} handler, ${method}`;
  return gatewaySource(name, handler, method, () =>
    clientOf((address, clock) => grpcDial({ clock })(address)),
  );
}

/** The same over WebSocket, as browsers have it. */
export function webSdkSource(method: StreamMethod): TargetSource {
  const name = `the SDK's network for browsers, ${method}`;
  const connector: Connect = (line, clock) => {
    /** The line is a Unix socket, of which no URL of a browser speaks. */
    class LineSocket extends WebSocket {
      constructor(url: string, protocols: string[]) {
        const { pathname, search } = new URL(url);
        super(`ws+unix:${line.replace(/^unix:/, '')}:${pathname}${search}`, protocols);
      }
    }
    return webSocketDial({ clock, WebSocket: LineSocket, connectTimeoutMs: CONNECT_TIMEOUT_MS })('ws://line');
  };
  return gatewaySource(name, 'direct', method, () => clientOf(connector), startWithEdge);
}

type Connect = (address: string, clock: Clock) => Connector;

function clientOf(connector: Connect) {
  const clock = new SystemClock();
  return {
    connect: (
      address: string,
      ...rest: readonly [StreamMethod, Readonly<Record<string, string>>, () => void]
    ) => new SdkConnection(address, (line) => connector(line, clock), ...rest),
    checkNothingLeft: () => {
      if (clock.activeTimers > 0) throw new Error('the client has left timers behind');
    },
  };
}

/** One stream, on a network connection of its own. */
class SdkConnection implements Connection {
  readonly received: DataMessage[] = [];
  ending: Ending | undefined;
  readonly #line: BreakableLine;
  readonly #connector: Connector;
  readonly #stream: ClientStream;

  constructor(
    address: string,
    connect: (address: string) => Connector,
    method: StreamMethod,
    metadata: Readonly<Record<string, string>>,
    changed: () => void,
  ) {
    this.#line = new BreakableLine(address);
    this.#connector = connect(this.#line.address);
    this.#stream = this.#connector.stream(method, metadata, {
      onMessages: (messages) => {
        this.received.push(...messages);
        changed();
      },
      onWritable: () => undefined,
      onEnd: (end) => {
        this.ending = endingOf(end);
        // Nothing is left of it, so nothing is to be broken any more.
        this.leave();
        changed();
      },
    });
  }

  send(messages: readonly DataMessage[]): void {
    this.#stream.send(messages);
  }

  sendBody(): void {
    throw new Skipped("the SDK's network sends messages only");
  }

  halfClose(): void {
    this.#stream.halfClose();
  }

  break(): void {
    this.#line.break();
  }

  stopReading(): void {
    throw new Skipped("the SDK's network always reads");
  }

  startReading(): void {
    // It never stopped.
  }

  leave(): void {
    this.#connector.close();
    this.#line.break();
  }
}

/** A WebSocket ends with a code alone, which the catalogue gives its status; over gRPC both come, and are judged both. */
function endingOf({ status, code = '', message, retryAfterMs }: CallEnd): Ending {
  const known = status === GrpcStatus.UNKNOWN && Object.hasOwn(errorCatalogue, code);
  return {
    status: known ? errorCatalogue[code as ErrorCode].grpcStatus : status,
    reason: code,
    message,
    retryAfterMs,
  };
}
