import type { TransportStream } from '../../src/transport/contract.js';
import type { DataMessage } from '../../src/wire/messages.js';

/** A network that takes everything at once and keeps nothing, so that the gateway is all there is. */
export class QuietStream implements TransportStream {
  readonly method = 'StreamData';
  readonly carrier = 'memory';
  readonly peer = '127.0.0.1:1';
  readonly metadata: ReadonlyMap<string, string>;
  readonly bytesInFlight = 0;
  readonly bytesSent = 0;
  readonly bytesReceived = 0;
  readonly send: (messages: readonly DataMessage[]) => void;

  constructor(
    metadata: Readonly<Record<string, string>>,
    onSend: (messages: readonly DataMessage[]) => void = () => undefined,
  ) {
    this.metadata = new Map(Object.entries(metadata));
    this.send = onSend;
  }

  resume(): void {
    // It is never stopped.
  }

  end(): void {
    // Its owner closes it.
  }

  reset(): void {
    // Its owner closes it.
  }
}
