/** What was seen of both sides, over time. */
import { mebibytes, most, quantile, sum } from '../kit/figures.js';
import type { ClientFigures } from './client.js';
import type { ClientsLook } from './clients.js';

/** Of the gateway's admin address: of `/connections` and `/totals` what is used here. */
export interface GatewayLook {
  readonly connections: readonly GatewayConnection[];
  readonly flow: {
    readonly up: { readonly admitted: number; readonly delivered: number; readonly dropped: number };
  };
  readonly gateway: { readonly process: { readonly rssBytes: number; readonly heapUsedBytes: number } };
}

interface GatewayConnection {
  readonly clientId: string;
  readonly receiveQueue: { readonly messages: number; readonly most: number; readonly capacity: number };
  readonly readingStops: number;
  readonly readingStoppedMs: number;
}

export type Layer = 'channel' | 'window' | 'write';

/** One client, as both sides see it now. */
export interface ClientNow extends ClientFigures {
  readonly fill: number;
  readonly mostFill: number;
  readonly limit: number;
  readonly channel: { readonly count: number; readonly ms: number };
}

export interface Sample {
  readonly atSeconds: number;
  readonly fills: readonly number[];
  /** Of the last second, in percent, on average of the clients. */
  readonly held: Readonly<Record<Layer, number>>;
  readonly latencyMs: { readonly p50: number; readonly max: number } | undefined;
  readonly gatewayRssMiB: number;
  readonly gatewayHeapMiB: number;
  readonly clientsRssMiB: number;
}

export class Measurements {
  readonly samples: Sample[] = [];
  readonly latenciesMs: number[] = [];
  #look: ClientsLook = { clients: [], rssBytes: 0, isLast: false };
  #gateway: GatewayLook | undefined;
  #fresh: number[] = [];
  /** Of the samples of the last second. */
  #before = [{ atSeconds: 0, channel: 0, window: 0, write: 0 }];

  clients(look: ClientsLook): void {
    this.#look = look;
    for (const { latenciesMs } of look.clients) {
      this.latenciesMs.push(...latenciesMs);
      this.#fresh.push(...latenciesMs);
    }
  }

  gateway(look: GatewayLook): void {
    this.#gateway = look;
  }

  /** Each event is acked. */
  get isOver(): boolean {
    return this.#look.isLast;
  }

  get flow(): GatewayLook['flow']['up'] {
    return this.#gateway?.flow.up ?? { admitted: 0, delivered: 0, dropped: 0 };
  }

  /** Joined by the client's ID. */
  get now(): readonly ClientNow[] {
    const connections = new Map(this.#gateway?.connections.map((each) => [each.clientId, each]));
    return this.#look.clients.flatMap((client) => {
      const connection = connections.get(client.name);
      if (connection === undefined) return [];
      const { receiveQueue, readingStops, readingStoppedMs } = connection;
      return {
        ...client,
        fill: receiveQueue.messages,
        mostFill: receiveQueue.most,
        limit: receiveQueue.capacity,
        channel: { count: readingStops, ms: readingStoppedMs },
      };
    });
  }

  sample(atSeconds: number): void {
    const now = this.now;
    if (now.length === 0 || this.#gateway === undefined) return;
    const { rssBytes, heapUsedBytes } = this.#gateway.gateway.process;
    const fresh = this.#fresh;
    this.#fresh = [];
    this.samples.push({
      atSeconds,
      fills: now.map(({ fill }) => fill),
      held: this.#heldSince(atSeconds, now),
      latencyMs: fresh.length === 0 ? undefined : { p50: quantile(fresh, 0.5), max: most(fresh) },
      gatewayRssMiB: mebibytes(rssBytes),
      gatewayHeapMiB: mebibytes(heapUsedBytes),
      clientsRssMiB: mebibytes(this.#look.rssBytes),
    });
  }

  #heldSince(atSeconds: number, now: readonly ClientNow[]): Sample['held'] {
    const total = (layer: Layer) => sum(now.map((client) => client[layer].ms));
    const present = { atSeconds, channel: total('channel'), window: total('window'), write: total('write') };
    const before = this.#before.find((each) => atSeconds - each.atSeconds <= 1.1) ?? present;
    this.#before = [...this.#before.filter((each) => atSeconds - each.atSeconds <= 1.1), present];
    const ofMs = (atSeconds - before.atSeconds) * 1_000 * now.length;
    // The two sides are not looked at in the same moment.
    const share = (layer: Layer) =>
      ofMs === 0 ? 0 : Math.min(100, (100 * (present[layer] - before[layer])) / ofMs);
    return { channel: share('channel'), window: share('window'), write: share('write') };
  }
}
