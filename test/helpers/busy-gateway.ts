/** A gateway with something to look at: clients that are quick, slow, and strangely named. */
import type { ClientHttp2Stream } from 'node:http2';
import type { GatewayFacts } from '../../src/metrics/gateway-facts.js';
import type { Route } from '../../src/session/route.js';
import { type GatewayUnderTest, startGateway } from './gateway.js';
import { framedMessage, WireClient } from './wire-client.js';

/** Nobody here sends heartbeats, and nobody is thrown out for reading nothing. */
const PATIENT = {
  'stream.receiveTimeout': 0,
  'stream.sendTimeout': '1h',
  'stream.heartbeatInterval': 0,
  'health.interval': 0,
  'server.idleTimeout': '1h',
  'session.resumeWindow': '1m',
  'stream.receiveQueueMessages': 8,
  'stream.sendQueueMessages': 8,
};

/** Takes messages, and is never done with the first. */
const stuck: Route = {
  kind: 'stuck',
  open: () => ({ handle: () => new Promise<void>(() => undefined) }),
};

/** Sends, unasked, as long as there is room; says what of the room is left to nobody. */
const flood: Route = {
  kind: 'flood',
  open: (session) => ({
    handle: async () => {
      for (let n = 0; n < 1_000; n += 1) await session.send({ data: new Uint8Array(16_384) });
    },
  }),
};

export class BusyGateway {
  readonly server: GatewayUnderTest;
  readonly #clients: WireClient[] = [];

  private constructor(server: GatewayUnderTest) {
    this.server = server;
  }

  static async start(): Promise<BusyGateway> {
    return new BusyGateway(await startGateway(PATIENT, { stuck, flood }));
  }

  /** A client that sends so many messages to a route. Reads what comes unless it is told not to. */
  add(clientId: string, { route = 'echo', messages = 1, reads = true } = {}): ClientHttp2Stream {
    const client = new WireClient(this.server.address);
    this.#clients.push(client);
    const call = client.open({ 'x-client-id': clientId, 'x-route': route });
    if (reads) call.resume();
    for (let n = 0; n < messages; n += 1) {
      call.write(framedMessage({ sessionId: 's', data: new Uint8Array(100) }));
    }
    return call;
  }

  /** How many connections are held up, by what. */
  async slow(): Promise<Readonly<Record<string, number>>> {
    const { gateway } = (await (await fetch(`${this.server.admin}/totals`)).json()) as {
      gateway: GatewayFacts;
    };
    return gateway.slow;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client[Symbol.dispose]();
    await this.server.gateway.destroy();
  }
}
