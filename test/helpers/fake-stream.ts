import type { SluiceError } from '../../src/core/errors.js';
import { FlowCounters } from '../../src/core/counters.js';
import type { Throttle } from '../../src/flow/throttle.js';
import { ClientConnection } from '../../src/pool/client-connection.js';
import type { StreamSettings } from '../../src/server/settings.js';
import type { WindowedSettings } from '../../src/server/streaming-server.js';
import type { ServedMethod, TransportStream } from '../../src/transport/contract.js';
import type { DataMessage } from '../../src/wire/messages.js';
import { anonymousIdentity } from './anonymous-identity.js';

/** A transport whose network takes only what a test lets it take. */
export class FakeStream implements TransportStream {
  method: ServedMethod = 'StreamData';
  readonly carrier = 'memory';
  readonly peer = '127.0.0.1:1';
  readonly metadata = new Map<string, string>();
  readonly writes: DataMessage[][] = [];
  bytesInFlight = 0;
  bytesSent = 0;
  bytesReceived = 0;
  resumed = 0;
  ended: { readonly error: SluiceError | undefined } | undefined;
  wasReset = false;
  /** What each message counts as in flight. */
  readonly messageBytes = 100;

  send(messages: readonly DataMessage[]): void {
    this.writes.push([...messages]);
    this.bytesInFlight += messages.length * this.messageBytes;
    this.bytesSent += messages.length * this.messageBytes;
  }
  resume(): void {
    this.resumed += 1;
  }
  end(error?: SluiceError): void {
    this.ended ??= { error };
  }
  reset(): void {
    this.wasReset = true;
  }
  get sent(): DataMessage[] {
    return this.writes.flat();
  }
}

export const settings: StreamSettings = {
  receiveQueueMessages: 512,
  receiveQueueBytes: 2 << 20,
  sendQueueMessages: 512,
  sendQueueBytes: 2 << 20,
  sendBufferBytes: 1_000,
  maxControlAnswers: 8,
  maxMessageBytes: 5 << 20,
  firstMessageTimeoutMs: 10_000,
  receiveTimeoutMs: 25_000,
  sendTimeoutMs: 15_000,
  heartbeatIntervalMs: 20_000,
  flowControlDelayMs: 100,
  messagesPerSecond: 0,
  bytesPerSecond: 0,
  maxStreamAgeMs: 0,
  maxStreamMessages: 0,
  maxStreamBytes: 0,
  ageJitter: 0,
  ageGraceMs: 30_000,
  drainQuietMs: 1_000,
  identifyTimeoutMs: 10_000,
  maxUnidentified: 10,
  expiryNoticeMs: 60_000,
  expiryGraceMs: 30_000,
  maxSessionsPerConnection: 128,
  resumeWindowMs: 120_000,
  ackDelayMs: 50,
  shedAfterMs: 1_000,
};

/** The defaults of windowed sessions, but for few detached ones. */
export const windowedSettings: WindowedSettings = {
  limits: {
    window: { messages: 256, bytes: 1 << 20 },
    maxWindow: { messages: 4_096, bytes: 16 << 20 },
    waiting: { messages: 512, bytes: 2 << 20 },
    maxPayloadBytes: 1 << 20,
    maxMessageBytes: settings.maxMessageBytes,
    resumeWindowMs: settings.resumeWindowMs,
    recent: { maxMessages: 4, maxBytes: 100 },
  },
  maxDetached: 100,
  maxDetachedBytes: 256 << 20,
  ended: { max: 1_000, maxPerClient: 100, maxBytes: 1 << 20 },
};

/** An open connection over a fake stream. */
export function fakeConnection(
  throttle?: Throttle,
  sendQueue = { maxMessages: 512, maxBytes: 2 << 20, maxControl: 8 },
): { connection: ClientConnection; stream: FakeStream; totalDown: FlowCounters } {
  const stream = new FakeStream();
  const totalDown = new FlowCounters();
  const connection = new ClientConnection({
    id: 'c1',
    identity: anonymousIdentity('ann'),
    stream,
    now: 0,
    receiveMessages: 512,
    receiveBytes: 2 << 20,
    ...sendQueue,
    throttle,
    totalDown,
  });
  connection.transition({ kind: 'open' });
  return { connection, stream, totalDown };
}
