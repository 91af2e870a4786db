import { SluiceError } from '../core/errors.js';
import type { Identity } from '../core/identity.js';
import type { ClientConnection } from './client-connection.js';

export interface ConnectionPoolOptions {
  readonly maxConnections: number;
  readonly maxConnectionsPerClient: number;
  /** Given out with a refusal: when to try again, in milliseconds. */
  readonly retryAfterMs: number;
}

/** Every connection there is, by its own ID and by its client's. Registering and leaving take constant time. */
export class ConnectionPool {
  readonly #options: ConnectionPoolOptions;
  readonly #byId = new Map<string, ClientConnection>();
  readonly #byClient = new Map<string, Set<ClientConnection>>();

  constructor(options: ConnectionPoolOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** The error that would refuse one more connection, whoever's, where so many are `held`; undefined when there is room. */
  refusalIfFull(held = this.#byId.size): SluiceError | undefined {
    const { maxConnections, retryAfterMs } = this.#options;
    if (held < maxConnections) return undefined;
    return new SluiceError(
      'CONNECTION_LIMIT',
      `the gateway holds ${held} connections, the most it may (pool.maxConnections = ${maxConnections})`,
      { retryAfterMs },
    );
  }

  /** The error that would refuse one more connection of this client; undefined when there is room. */
  refusal({ clientId, clientClass, limits }: Identity): SluiceError | undefined {
    const { maxConnectionsPerClient, retryAfterMs } = this.#options;
    const full = this.refusalIfFull();
    if (full !== undefined) return full;
    const held = this.#byClient.get(clientId)?.size ?? 0;
    const most = limits.maxConnections ?? maxConnectionsPerClient;
    if (held < most) return undefined;
    const setting =
      limits.maxConnections === undefined
        ? 'pool.maxConnectionsPerClient'
        : `auth.classes.${clientClass}.maxConnections`;
    return new SluiceError(
      'CLIENT_LIMIT',
      `client "${clientId}" holds ${held} connections, the most one may (${setting} = ${most})`,
      { retryAfterMs },
    );
  }

  add(connection: ClientConnection): void {
    this.#byId.set(connection.id, connection);
    const held = this.#byClient.get(connection.clientId);
    if (held === undefined) this.#byClient.set(connection.clientId, new Set([connection]));
    else held.add(connection);
  }

  /** Whether it was there. */
  remove(connection: ClientConnection): boolean {
    if (!this.#byId.delete(connection.id)) return false;
    const held = this.#byClient.get(connection.clientId);
    held?.delete(connection);
    if (held?.size === 0) this.#byClient.delete(connection.clientId);
    return true;
  }

  get(id: string): ClientConnection | undefined {
    return this.#byId.get(id);
  }

  ofClient(clientId: string): ReadonlySet<ClientConnection> {
    return this.#byClient.get(clientId) ?? new Set<ClientConnection>();
  }

  /** In the order they came; safe against connections that come and go meanwhile. */
  [Symbol.iterator](): IterableIterator<ClientConnection> {
    return this.#byId.values();
  }
}
