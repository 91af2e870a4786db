import { abortable } from '../abortable.js';
import { fullJitterMs } from '../../flow/backoff.js';
import type { CallHost, CallPlace } from './call-host.js';
import type { ClientSettings } from '../client-settings.js';
import type { Connections } from '../connection/connections.js';
import { endError } from '../connection/end-error.js';

/** What the calls that are no stream are made with: the client's addresses, its token and its name. */
export function callHost(
  connections: Connections,
  settings: ClientSettings,
  random: () => number,
  closing: AbortSignal,
): CallHost {
  const { clock } = connections;
  return {
    clock,
    closing,
    patienceMs: settings.openTimeoutMs,
    connectTimeoutMs: settings.connectTimeoutMs,
    async place(signal): Promise<CallPlace> {
      signal.throwIfAborted();
      const token = await abortable(connections.token(), signal);
      return { connector: connections.callEndpoint().connector, metadata: connections.metadata(token) };
    },
    failed(place, end) {
      const error = endError(end, place.connector.address);
      connections.callFailed(place.connector, error);
      return error;
    },
    waitMs: (failures, error) => (error.retryAfterMs ?? 0) + fullJitterMs(failures, settings.backoff, random),
  };
}
