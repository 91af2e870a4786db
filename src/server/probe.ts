import type { SluiceError } from '../core/errors.js';
import type { StreamingServer } from './streaming-server.js';
import type { Supervised } from './supervised.js';

/** A connection as the health checker sees it. */
export interface SilentConnection {
  readonly id: string;
  readonly ended: boolean;
  probe(sequence: number): boolean;
  heardSince(since: number): boolean;
  end(error: SluiceError): void;
}

/**
 * The connections from which nothing has arrived since before `since`
 * (Clock.now()). Not among them: those that the gateway itself does not read,
 * those that have said their last word, and calls that can't answer.
 */
export function* silentConnections(server: StreamingServer, since: number): Generator<SilentConnection> {
  for (const supervisor of server.supervisors()) {
    const { lastActivity, readingStopped, halfClosed, state } = supervisor.connection;
    if (supervisor.kind === 'call') continue;
    if (lastActivity >= since || readingStopped || halfClosed || state.kind === 'closed') continue;
    yield silentConnection(supervisor);
  }
}

function silentConnection(supervisor: Supervised): SilentConnection {
  const { connection } = supervisor;
  return {
    id: connection.id,
    get ended() {
      return connection.state.kind === 'closed';
    },
    probe: (sequence) => supervisor.probe(sequence),
    heardSince: (time) =>
      connection.lastActivity > time || connection.readingStopped || connection.halfClosed,
    end: (error) => {
      supervisor.end(error);
    },
  };
}
