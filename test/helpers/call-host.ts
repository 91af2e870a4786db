/** Makes the calls of Publish, Subscribe and Ingest to some addresses, as a client does. */
import { SystemClock } from '../../src/core/clock.js';
import type { CallHost, CallPlace } from '../../src/client/topic/call-host.js';
import { ClientError } from '../../src/client/client-error.js';
import { endError } from '../../src/client/connection/end-error.js';
import { grpcDial } from '../../src/transport/grpc/channel.js';

export interface CallHostUnderTest extends CallHost, Disposable {
  readonly clock: SystemClock;
  close(): void;
}

export function callHost(
  addresses: string | readonly string[],
  limits: Partial<Pick<CallHost, 'patienceMs' | 'connectTimeoutMs'>> = {},
): CallHostUnderTest {
  const clock = new SystemClock();
  const dial = grpcDial({ clock, connectTimeoutMs: 2_000 });
  const connectors = [addresses].flat().map(dial);
  const closing = new AbortController();
  let turn = 0;
  const close = (): void => {
    closing.abort(new ClientError('CLOSED', 'The client was closed.'));
    for (const connector of connectors) connector.close();
  };
  return {
    clock,
    closing: closing.signal,
    patienceMs: 5_000,
    connectTimeoutMs: 5_000,
    ...limits,
    place: () =>
      Promise.resolve({ connector: connectors[turn % connectors.length], metadata: {} } as CallPlace),
    failed: (place, end) => {
      if (end.failure !== undefined) turn += 1;
      return endError(end, place.connector.address);
    },
    waitMs: (failures, error) => (error.retryAfterMs ?? 0) + Math.min(100, failures * 5),
    close,
    [Symbol.dispose]: close,
  };
}
