import type { Config } from './config/schema.js';
import type { Clock } from './core/clock.js';
import type { Logger } from './core/logger.js';
import { EdgeServer } from './edge/edge-server.js';
import type { ByteAccount } from './flow/byte-account.js';
import { edgeSettings } from './gateway-settings.js';
import type { StreamAcceptor } from './transport/contract.js';
import type { BoundAddress } from './transport/net/address.js';
import type { DoorMetrics } from './transport/net/socket-door.js';
import { VERSION } from './version.js';

export interface GatewayEdgeOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: DoorMetrics;
  readonly account: ByteAccount;
}

/** The HTTP address of a gateway, where it has one: who has none is not asked at every turn. */
export class GatewayEdge {
  readonly #server: EdgeServer | undefined;

  constructor({ config, ...parts }: GatewayEdgeOptions) {
    if (!config.edge.enabled) return;
    this.#server = new EdgeServer({ ...parts, ...edgeSettings(config), version: VERSION });
  }

  /** Where browsers and plain HTTP clients connect. */
  get addresses(): readonly BoundAddress[] {
    return this.#server?.addresses ?? [];
  }

  get socketCount(): number {
    return this.#server?.socketCount ?? 0;
  }

  /** Listens. Rejects with a StartError when it can not. */
  async start(accept: StreamAcceptor): Promise<void> {
    await this.#server?.start({ accept });
  }

  reloadTls(): void {
    this.#server?.reloadTls();
  }

  /** Connections are closed after the answer under way; new ones are still taken. */
  drain(): void {
    this.#server?.drain();
  }

  stopListening(): void {
    this.#server?.stopListening();
  }

  async destroy(): Promise<void> {
    await this.#server?.destroy();
  }
}
