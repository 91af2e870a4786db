import { type Clock, SystemClock } from '../../../src/core/clock.js';
import type { CallEnd, ClientStream, Connector } from '../../../src/transport/client-contract.js';
import type { StreamMethod } from '../../../src/transport/contract.js';
import { grpcDial } from '../../../src/transport/grpc/channel.js';
import type { DataMessage } from '../../../src/wire/messages.js';
import type { STREAM_HANDLERS } from '../../helpers/stream-handlers.js';
import { Skipped } from '../skipped.js';
import { BreakableLine } from './breakable-line.js';
import { gatewaySource } from './grpc-target.js';
import type { Connection, Ending, TargetSource } from './target.js';

/** A gateway in this process, over real gRPC, spoken to by the network of the SDK. */
export function sdkSource(handler: (typeof STREAM_HANDLERS)[number], method: StreamMethod): TargetSource {
  return gatewaySource(`the SDK's network, ${handler} handler, ${method}`, handler, method, () => {
    const clock = new SystemClock();
    return {
      connect: (address, ...rest) => new SdkConnection(clock, address, ...rest),
      checkNothingLeft: () => {
        if (clock.activeTimers > 0) throw new Error('the client has left timers behind');
      },
    };
  });
}

/** One stream, on a network connection of its own. */
class SdkConnection implements Connection {
  readonly received: DataMessage[] = [];
  ending: Ending | undefined;
  readonly #line: BreakableLine;
  readonly #connector: Connector;
  readonly #stream: ClientStream;

  constructor(
    clock: Clock,
    address: string,
    method: StreamMethod,
    metadata: Readonly<Record<string, string>>,
    changed: () => void,
  ) {
    this.#line = new BreakableLine(address);
    this.#connector = grpcDial({ clock })(this.#line.address);
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

function endingOf({ status, code = '', message, retryAfterMs }: CallEnd): Ending {
  return { status, reason: code, message, retryAfterMs };
}
