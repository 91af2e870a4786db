import { GrpcStatus } from '../../../src/core/errors.js';
import type { DataMessage } from '../../../src/wire/messages.js';
import { WebSocketCall, type Subprotocol } from '../../helpers/websocket-client.js';
import { serveWebSockets } from '../../helpers/websocket-server.js';
import type { ConformanceClient, ConnectOptions, TransportHarness } from './harness.js';

const CANNOT = new Map([
  ['refuses 0 requests', 'the request is the half-close'],
  ['refuses 2 requests', 'the first is answered: see test/faults/websocket-frames.test.ts'],
  ['refuses 3 requests', 'the first is answered: see test/faults/websocket-frames.test.ts'],
  [
    'a call cancelled while it does not read and nobody reads it',
    'a Close waits behind what was sent before it',
  ],
  ["the client's deadline ends the stream from here", 'a client has no deadline to give'],
]);
const CANNOT_AS_JSON = new Map([
  ...CANNOT,
  ['carries messages of 4.5 MiB both ways', 'the limit is on the text, a third longer than its data'],
  ['brings its request as it is, and then the half-close', 'the request is read, and written as protobuf'],
  [
    'more than 1,024 messages in a batch are refused',
    'a batch is read as a whole: see test/unit/wire/json.test.ts',
  ],
  ['a message type of the future and an unknown field pass through', 'an unknown field is refused'],
  [
    'Ingest brings messages, and its answer is what stands in the data of one',
    'the answer has to be a summary',
  ],
]);

/** Streams over WebSocket, with clients of the `ws` library. */
export function webSocketTransport(subprotocol: Subprotocol): TransportHarness {
  return {
    cannot: subprotocol === 'sluice.v1.json' ? CANNOT_AS_JSON : CANNOT,
    // It is a connection that ends without a word.
    statusOfReset: GrpcStatus.UNAVAILABLE,
    // The library stops at its head.
    namesSize: false,
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
  readonly #isJson: boolean;
  readonly #received: DataMessage[] = [];
  readonly #waiters: ((message: DataMessage | undefined) => void)[] = [];
  #over = false;

  constructor(address: string, subprotocol: Subprotocol, { method, metadata }: ConnectOptions) {
    this.#isJson = subprotocol === 'sluice.v1.json';
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
    if (!this.#isJson) this.#call.sendRaw(body);
    else this.#call.sendRaw(body.length === 0 ? '{}' : Buffer.from(body).toString('latin1'));
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
