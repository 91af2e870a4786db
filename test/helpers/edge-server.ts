/** The HTTP edge by itself, on a free port of loopback. */
import { expect } from 'vitest';
import type { EdgeOptions } from '../../src/edge/edge-options.js';
import { EdgeServer } from '../../src/edge/edge-server.js';
import { Pushes, type PushesOptions } from '../../src/edge/pushes.js';
import { ByteAccount } from '../../src/flow/byte-account.js';
import { StreamMetrics } from '../../src/metrics/stream-metrics.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import type { TransportStream } from '../../src/transport/contract.js';
import { RecordingLogger } from './recording-logger.js';
import { RecordingReceiver } from './recording-receiver.js';

export interface ServingEdge extends AsyncDisposable {
  readonly server: EdgeServer;
  readonly clock: FakeClock;
  readonly base: string;
  readonly streams: readonly TransportStream[];
}

/** An edge whose time stands still, but for the platform's own; its calls nobody answers. */
export async function serveEdge(options: Partial<EdgeOptions> = {}): Promise<ServingEdge> {
  const clock = new FakeClock({ immediates: 'run' });
  const streams: TransportStream[] = [];
  const server = new EdgeServer({
    clock,
    logger: new RecordingLogger(),
    metrics: new StreamMetrics(),
    account: new ByteAccount(1_000_000),
    listen: ['127.0.0.1:0'],
    maxSockets: 10,
    handshakeTimeoutMs: 60_000,
    headersTimeoutMs: 60_000,
    requestTimeoutMs: 60_000,
    idleTimeoutMs: 60_000,
    maxHeaderBytes: 16_384,
    maxMessageBytes: 1_000,
    sendTimeoutMs: 60_000,
    origins: [],
    queryToken: false,
    events: { heartbeatIntervalMs: 0, retryMs: 1 },
    version: '1.2.3',
    ...options,
  });
  await server.start({
    accept: (stream) => {
      streams.push(stream);
      return new RecordingReceiver(stream);
    },
    pushes: new Pushes({} as PushesOptions),
  });
  return {
    server,
    clock,
    base: `http://${server.addresses[0]?.text ?? ''}`,
    streams,
    async [Symbol.asyncDispose]() {
      await server.destroy();
      expect(clock.pending).toBe(0);
    },
  };
}
