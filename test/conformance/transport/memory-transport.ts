import { SystemClock } from '../../../src/core/clock.js';
import { GrpcStatus } from '../../../src/core/errors.js';
import type { StreamClose } from '../../../src/transport/contract.js';
import { MemoryConnection } from '../../../src/transport/memory/memory-connection.js';
import type { DataMessage } from '../../../src/wire/messages.js';
import type { ConformanceClient, TransportHarness } from './harness.js';

/** What a gRPC client would be told of these. */
const STATUS_OF: Readonly<Record<Exclude<StreamClose, 'ended'>, number>> = {
  reset: GrpcStatus.CANCELLED,
  cancelled: GrpcStatus.CANCELLED,
  lost: GrpcStatus.UNAVAILABLE,
  deadline: GrpcStatus.DEADLINE_EXCEEDED,
};

export const memoryTransport: TransportHarness = {
  readAheadBytes: 128 * 1024,
  start: async (accept, { maxMessageBytes }) => {
    const clock = new SystemClock();
    const faults: unknown[] = [];
    const open = new Set<MemoryConnection>();
    return {
      faults,
      connect: (options) => {
        const connection = new MemoryConnection(accept, {
          clock,
          method: options.method,
          maxMessageBytes,
          onFault: (error) => void faults.push(error),
          ...(options.metadata === undefined ? {} : { metadata: options.metadata }),
          ...(options.serverDeadlineMs === undefined ? {} : { deadlineMs: options.serverDeadlineMs }),
        });
        open.add(connection);
        void connection.ended.then(() => open.delete(connection));
        return new ReadingClient(connection);
      },
      breakNetwork: () => {
        for (const connection of open) connection.break();
      },
      activeTimers: () => clock.activeTimers,
      close: async () => {
        const ends = [...open].map((connection) => connection.ended);
        for (const connection of open) connection.break();
        await Promise.all(ends);
      },
    };
  },
};

/** Reads ahead unless told not to, as a network client does. */
class ReadingClient implements ConformanceClient {
  readonly ended: ConformanceClient['ended'];
  readonly #connection: MemoryConnection;
  readonly #received: DataMessage[] = [];
  readonly #waiters: ((message: DataMessage | undefined) => void)[] = [];
  #reading = true;
  #looping = false;
  #over = false;

  constructor(connection: MemoryConnection) {
    this.#connection = connection;
    this.ended = connection.ended.then(({ close, error }) => ({
      code: close === 'ended' ? (error?.grpcStatus ?? GrpcStatus.OK) : STATUS_OF[close],
      message: error?.message ?? '',
      details:
        error === undefined
          ? undefined
          : {
              code: error.grpcStatus,
              message: error.message,
              reason: error.code,
              domain: 'sluice',
              ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
            },
    }));
    void this.#read();
  }

  send(...messages: readonly DataMessage[]): void {
    this.#connection.send(...messages);
  }
  sendBytes(body: Uint8Array): void {
    this.#connection.sendBytes(body);
  }
  halfClose(): void {
    this.#connection.halfClose();
  }
  cancel(): void {
    this.#connection.cancel();
  }
  stopReading(): void {
    this.#reading = false;
  }
  startReading(): void {
    this.#reading = true;
    void this.#read();
  }

  receive(): Promise<DataMessage | undefined> {
    const message = this.#received.shift();
    if (message !== undefined || this.#over) return Promise.resolve(message);
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  async #read(): Promise<void> {
    if (this.#looping) return;
    this.#looping = true;
    while (this.#reading && !this.#over) {
      const message = await this.#connection.receive();
      if (message === undefined) {
        this.#over = true;
        for (const waiter of this.#waiters.splice(0)) waiter(undefined);
      } else if (this.#waiters.length > 0) {
        this.#waiters.shift()!(message);
      } else {
        this.#received.push(message);
      }
    }
    this.#looping = false;
  }
}
