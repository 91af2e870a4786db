import type { Config } from './config/schema.js';
import type { Clock } from './core/clock.js';
import type { Logger } from './core/logger.js';
import type { Turn } from './core/turn.js';
import { EdgeServer } from './edge/edge-server.js';
import type { ByteAccount } from './flow/byte-account.js';
import { edgeSettings, webSocketSettings } from './gateway-settings.js';
import type { StreamAcceptor } from './transport/contract.js';
import type { BoundAddress } from './transport/net/address.js';
import type { DoorMetrics } from './transport/net/socket-door.js';
import { WebSocketServer } from './transport/websocket/websocket-server.js';
import { VERSION } from './version.js';

export interface GatewayEdgeOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: DoorMetrics;
  readonly account: ByteAccount;
  readonly turn: Turn;
}

/** The HTTP address of a gateway, where it has one: who has none is not asked at every turn. */
export class GatewayEdge {
  readonly #options: GatewayEdgeOptions;
  readonly #server: EdgeServer | undefined;
  #webSockets: WebSocketServer | undefined;

  constructor(options: GatewayEdgeOptions) {
    const { config, turn: _turn, ...parts } = options;
    this.#options = options;
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
    const { config, logger, ...parts } = this.#options;
    if (config.edge.enabled && config.edge.webSocket.enabled) {
      this.#webSockets = new WebSocketServer({
        ...parts,
        ...webSocketSettings(config),
        accept,
        onFault: (error) => {
          logger.error({ err: error }, 'a WebSocket was ended: its receiver threw');
        },
        onRefused: (error, peer) => {
          logger.debug({ peer, code: error.code, reason: error.message }, 'a WebSocket was refused');
        },
      });
    }
    const upgrades = this.#webSockets;
    await this.#server?.start({ accept, ...(upgrades !== undefined && { upgrades }) });
  }

  reloadTls(): void {
    this.#server?.reloadTls();
  }

  /** Connections are closed after the answer under way; new ones are still taken. */
  drain(): void {
    this.#server?.drain();
  }

  stopListening(): void {
    this.#webSockets?.stopAccepting();
    this.#server?.stopListening();
  }

  async destroy(): Promise<void> {
    this.#webSockets?.stopAccepting();
    this.#webSockets?.destroy();
    await this.#server?.destroy();
  }
}
