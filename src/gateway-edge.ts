import type { Config } from './config/schema.js';
import type { Clock } from './core/clock.js';
import { tally } from './core/counters.js';
import { SluiceError } from './core/errors.js';
import type { Logger } from './core/logger.js';
import type { Turn } from './core/turn.js';
import { EdgeServer } from './edge/edge-server.js';
import type { PushCounters, PushRates } from './edge/push-targets.js';
import { Pushes } from './edge/pushes.js';
import type { ByteAccount } from './flow/byte-account.js';
import { edgeSettings, webSocketSettings } from './gateway-settings.js';
import { guarded } from './server/guarded-gatekeeper.js';
import type { Gatekeeper } from './server/gatekeeper.js';
import { LogByCode } from './server/log-by-code.js';
import type { ServerCounters } from './server/server-counters.js';
import type { ClientSessions } from './session/client-sessions.js';
import type { StreamAcceptor } from './transport/contract.js';
import type { BoundAddress } from './transport/net/address.js';
import type { DoorMetrics } from './transport/net/socket-door.js';
import { WebSocketServer } from './transport/websocket/websocket-server.js';
import { VERSION } from './version.js';

export interface GatewayEdgeOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: DoorMetrics &
    Pick<ServerCounters, 'connectionsRejected' | 'slowConsumers'> & { readonly pushes: PushCounters };
  readonly account: ByteAccount;
  readonly gatekeeper: Gatekeeper;
  /** Calls of the gateway, whatever they come in by. */
  readonly accept: StreamAcceptor;
  /** The sessions of one client. */
  readonly client: (clientId: string) => ClientSessions;
  /** The rate limits that pushes have to keep. */
  readonly pushRates: PushRates;
  readonly turn: Turn;
}

/** How soon whoever is pushing when the gateway leaves should try another, in milliseconds. */
const LEFT_RETRY_MS = 1_000;

/** The HTTP address of a gateway, where it has one: who has none is not asked at every turn. */
export class GatewayEdge {
  /** Those under way; none where there is no HTTP address. */
  readonly pushes: Pushes;
  readonly #options: GatewayEdgeOptions;
  readonly #server: EdgeServer | undefined;
  readonly #refusals: LogByCode;
  readonly #cuts: LogByCode;
  #webSockets: WebSocketServer | undefined;
  #draining = false;

  constructor(options: GatewayEdgeOptions) {
    this.#options = options;
    const { config, clock, logger, metrics, account } = options;
    this.#refusals = new LogByCode(logger, clock, 'requests refused');
    this.#cuts = new LogByCode(logger, clock, 'answers cut');
    this.pushes = this.#createPushes();
    if (!config.edge.enabled) return;
    this.#server = new EdgeServer({
      ...edgeSettings(config),
      clock,
      logger,
      metrics,
      account,
      version: VERSION,
      onRefused: (error, peer) => {
        this.#tellRefused(error, peer);
      },
      onSlow: (error, peer) => {
        metrics.slowConsumers += 1;
        this.#cuts.note(error.code, { peer, reason: error.message });
      },
    });
  }

  /** Where browsers and plain HTTP clients connect. */
  get addresses(): readonly BoundAddress[] {
    return this.#server?.addresses ?? [];
  }

  get socketCount(): number {
    return this.#server?.socketCount ?? 0;
  }

  /** Listens. Rejects with a StartError when it can not. */
  async start(): Promise<void> {
    const { config, clock, account, turn, logger } = this.#options;
    const accept: StreamAcceptor = (stream) => {
      this.#refusals.tellDue();
      this.#cuts.tellDue();
      return this.#options.accept(stream);
    };
    if (config.edge.enabled && config.edge.webSocket.enabled) {
      this.#webSockets = new WebSocketServer({
        clock,
        account,
        turn,
        ...webSocketSettings(config),
        accept,
        onFault: (error) => {
          logger.error({ err: error }, 'a WebSocket was ended: its receiver threw');
        },
        onRefused: (error, peer) => {
          this.#tellRefused(error, peer);
        },
      });
    }
    const upgrades = this.#webSockets;
    await this.#server?.start({
      accept,
      pushes: this.pushes,
      ...(upgrades !== undefined && { upgrades }),
    });
  }

  reloadTls(): void {
    this.#server?.reloadTls();
  }

  /** Connections are closed after the answer under way; new ones are still taken. */
  drain(): void {
    this.#draining = true;
    this.#server?.drain();
  }

  stopListening(): void {
    this.#webSockets?.stopAccepting();
    this.#server?.stopListening();
  }

  async destroy(): Promise<void> {
    this.#webSockets?.stopAccepting();
    this.#webSockets?.destroy();
    this.pushes.end(new SluiceError('DRAINING', 'the gateway has left', { retryAfterMs: LEFT_RETRY_MS }));
    await this.#server?.destroy();
    this.#refusals.tellAll();
    this.#cuts.tellAll();
  }

  /** A page is told nothing of why its WebSocket did not come to be: what the gateway says is all there is. */
  #tellRefused(error: SluiceError, peer: string): void {
    tally(this.#options.metrics.connectionsRejected, error.code);
    this.#refusals.note(error.code, { peer, reason: error.message });
  }

  #createPushes(): Pushes {
    const { config, clock, logger, metrics, account, gatekeeper, client, pushRates } = this.#options;
    return new Pushes({
      clock,
      account,
      client,
      rates: pushRates,
      counters: metrics.pushes,
      gatekeeper: guarded(gatekeeper, logger),
      maxPushes: config.pool.maxPublishes,
      maxPushesPerClient: config.pool.maxPublishesPerClient,
      sendTimeoutMs: config.stream.sendTimeout,
      identifyTimeoutMs: config.auth.identifyTimeout,
      isDraining: () => this.#draining,
    });
  }
}
