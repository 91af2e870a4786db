import type { DataMessage } from '../../../src/wire/messages.js';
import { WebSocketCall, type Subprotocol } from '../../helpers/websocket-client.js';
import { serveWebSockets } from '../../helpers/websocket-server.js';
import type { ConformanceClient, ConnectOptions, TransportHarness } from './harness.js';

/** Streams over WebSocket, with clients of the `ws` library. */
export function webSocketTransport(subprotocol: Subprotocol): TransportHarness {
  return {
    // What the socket and the system hold at both ends, and a piece that was read.
    readAheadBytes: 512 * 1024,
    start: async (accept, options) => {
      const served = await serveWebSockets(accept, options);
      return {
        faults: served.faults,
        connect: (connectOptions) => new Client(served.address, subprotocol, connectOptions),
        breakNetwork: () => {
          served.breakConnections();
        },
        activeTimers: () => served.clock.activeTimers,
        close: () => served.close(),
      };
    },
  };
}

class Client implements ConformanceClient {
  readonly ended: ConformanceClient['ended'];
  readonly #call: WebSocketCall;
  readonly #received: DataMessage[] = [];
  readonly #waiters: ((message: DataMessage | undefined) => void)[] = [];
  #over = false;

  constructor(address: string, subprotocol: Subprotocol, { method, metadata }: ConnectOptions) {
    this.#call = new WebSocketCall(address, { method, subprotocol, ...(metadata && { metadata }) });
    this.#call.onMessage = (message) => {
      const waiter = this.#waiters.shift();
      if (waiter === undefined) this.#received.push(message);
      else waiter(message);
    };
    this.ended = this.#call.ended.then(({ status, reason, message, retryAfterMs }) => {
      this.#over = true;
      for (const waiter of this.#waiters.splice(0)) waiter(undefined);
      return {
        code: status,
        message,
        details:
          reason === ''
            ? undefined
            : {
                code: status,
                message,
                reason,
                domain: 'sluice',
                ...(retryAfterMs !== undefined && { retryAfterMs }),
              },
      };
    });
  }

  send(...messages: readonly DataMessage[]): void {
    this.#call.send(messages);
  }

  sendBytes(body: Uint8Array): void {
    this.#call.sendRaw(body);
  }

  halfClose(): void {
    this.#call.halfClose();
  }

  cancel(): void {
    this.#call.close();
  }

  stopReading(): void {
    this.#call.stopReading();
  }

  startReading(): void {
    this.#call.startReading();
  }

  receive(): Promise<DataMessage | undefined> {
    const message = this.#received.shift();
    if (message !== undefined || this.#over) return Promise.resolve(message);
    return new Promise((resolve) => this.#waiters.push(resolve));
  }
}
