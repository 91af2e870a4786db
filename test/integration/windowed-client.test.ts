/**
 * The test client against the executable model of the gateway (test/property/model),
 * over a network that loses connections, on each side at its own time: what the
 * other windowed tests rely on.
 */
import { describe, expect, it } from 'vitest';
import { echoRoute } from '../../src/routes/echo.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { controlMessage, dataMessage, type DataMessage } from '../../src/wire/messages.js';
import { memoryServer } from '../helpers/memory-server.js';
import { seededRandom } from '../helpers/windowed-random.js';
import { WindowedClient } from '../helpers/windowed-client.js';
import { type ConnectionEvents, type Connector, memoryConnector } from '../helpers/windowed-transport.js';
import { ModelGateway } from '../property/model/gateway.js';

const MESSAGES = 120;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const bytes = (n: number): Uint8Array => new TextEncoder().encode(String(n).padEnd(n % 30));
const text = (data: Uint8Array): string => new TextDecoder().decode(data).trim();

interface Link {
  readonly id: number;
  readonly events: ConnectionEvents;
  readonly up: DataMessage[];
  readonly down: DataMessage[];
}

/** A gateway of one session, a client of it, and what is between them; every step is drawn. */
class ModelledNetwork {
  readonly clock = new FakeClock();
  readonly handled: string[] = [];
  readonly gateway: ModelGateway;
  readonly connect: Connector;
  readonly #random: () => number;
  readonly #links: Link[] = [];
  #current: Link | undefined;
  #connections = 0;
  #produced = 0;

  constructor(random: () => number) {
    this.#random = random;
    const room = { messages: 64, bytes: 65_536 };
    this.gateway = new ModelGateway(
      {
        ...{ policy: 1, wantsWhole: false, maxPayloadBytes: 1_000, quickRoute: false, pipelined: false },
        ...{ resumeWindowMs: 1e9, shedAfterMs: 1e9, ackDelayMs: 1e9 },
        ...{ upWindow: room, floor: room, downWindow: room, waitingBound: { messages: 6, bytes: 400 } },
      },
      {
        opened: () => undefined,
        taken: () => undefined,
        ended: () => undefined,
        finished: (_subject, pieces, accepted) => {
          for (const { data } of pieces) this.handled.push(`${text(data)}${accepted ? '' : ' failed'}`);
        },
      },
    );
    this.connect = (events) => {
      const link: Link = { id: (this.#connections += 1), events, up: [], down: [] };
      this.gateway.connected(link.id);
      link.down.push(WELCOME);
      this.#links.push(link);
      this.#current = link;
      return {
        send: (messages) => link.up.push(...messages) > 0,
        halfClose: () => undefined,
        cancel: () => undefined,
      };
    };
  }

  async step(): Promise<void> {
    const draw = Math.floor(this.#random() * 12);
    if (draw < 4) this.#carryUp();
    else if (draw < 8) this.#carryDown();
    else if (draw === 8) this.gateway.acknowledge();
    else if (draw === 9) this.gateway.routeFinishes(this.#random() > 0.2);
    else if (draw === 10) this.#produce();
    else if (this.#random() < 0.15) this.#cut();
    this.clock.advance(1);
    await turn();
  }

  /** Some of what any connection has under way, also of those the client has long given up. */
  #carryUp(): void {
    const link = this.#links[Math.floor(this.#random() * this.#links.length)];
    const some = link?.up.splice(0, Math.ceil(this.#random() * 6)) ?? [];
    for (const message of some) this.gateway.receive(link?.id ?? 0, [message]);
    // The gateway learns of an end when everything before it has come.
    if (link === undefined || link === this.#current || link.up.length > 0) return;
    this.gateway.lost(link.id);
    this.#links.splice(this.#links.indexOf(link), 1);
  }

  #carryDown(): void {
    this.gateway.pump(3);
    for (const link of this.#links) link.down.push(...this.gateway.written(link.id));
    const current = this.#current;
    for (const message of current?.down.splice(0, Math.ceil(this.#random() * 6)) ?? []) {
      // As on a wire: what is received is not what was sent, but a copy.
      current?.events.received({ ...message });
    }
  }

  #produce(): void {
    const before = this.gateway.session()?.blocked ?? 1;
    if (before > 0 || this.#produced === MESSAGES) return;
    this.#produced += 1;
    this.gateway.routeSends([dataMessage({ data: bytes(this.#produced) })]);
  }

  #cut(): void {
    const link = this.#current;
    this.#current = undefined;
    // Some of what the client wrote last never leaves.
    link?.up.splice(Math.floor(this.#random() * (link.up.length + 1)));
    link?.events.ended({ status: 14, message: 'cut' });
  }
}

const WELCOME = controlMessage({
  action: 'welcome',
  ...{ connectionId: 'c', clientId: 'ann', nodeId: 'model', protocolVersion: 1 },
  ...{ heartbeatIntervalMs: 0, maxMessageBytes: 1e6, maxSessions: 8, resumeWindowMs: 1e9 },
});

describe('the windowed client against the model', () => {
  const first = Number(process.env['MODEL_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

  it(`loses, repeats and reorders nothing in 60 runs (MODEL_SEED=${first})`, async () => {
    for (let seed = first; seed < first + 60; seed += 1) await run(seed);
  });
});

describe('the windowed client over the memory transport', () => {
  it.each(['StreamData', 'StreamBatches'] as const)(
    'goes on over a broken connection: %s',
    async (method) => {
      const { clock, server, metrics } = memoryServer(echoRoute());
      const connect = memoryConnector({ accept: server.accept, clock, clientId: 'ann', method });
      using client = new WindowedClient({ connect, clock, random: () => 0.5 });
      const received: string[] = [];
      const session = client.open('s', { onMessage: ({ data }) => void received.push(text(data)) });
      const sendings: Promise<void>[] = [];
      for (const done of [0, 300, 600]) {
        const send = async (): Promise<void> => {
          for (let n = done + 1; n <= done + 300; n += 1) await session.send(bytes(n));
        };
        sendings.push(send());
        while (received.length < done + 100) await clock.advanceAsync(1);
        connect.breakConnection();
        while (received.length < done + 300) await clock.advanceAsync(1);
      }
      await Promise.all(sendings);
      const closing = session.close();
      while (session.phase !== 'over') await clock.advanceAsync(1);
      expect(await closing).toMatchObject({ code: '', unsettled: 0 });
      expect(received).toEqual(Array.from({ length: 900 }, (_, i) => String(i + 1)));
      expect([...client.connectionEnds]).toEqual([['status 14', 3]]);
      expect(metrics.up).toMatchObject({ admitted: 900, delivered: 900 });
    },
  );
});

async function run(seed: number): Promise<void> {
  const network = new ModelledNetwork(seededRandom(seed));
  using client = new WindowedClient({
    ...{ connect: network.connect, clock: network.clock, random: () => 0.5 },
    backoff: { firstMs: 2, mostMs: 10 },
  });
  const received: string[] = [];
  const fates: string[] = [];
  const talk = async (): Promise<string> => {
    const session = await client.opened('s', {
      window: { messages: 5, bytes: 120 },
      onMessage: (message) => {
        received.push(text(message.data));
        return received.length % 5 === 0 ? turn() : undefined;
      },
      onSettled: (sequence, error) => fates.push(`${sequence}${error === undefined ? '' : ' failed'}`),
    });
    for (let n = 1; n <= MESSAGES; n += 1) await session.send(bytes(n));
    while (fates.length < MESSAGES || received.length < MESSAGES) await turn();
    return (await session.close()).code;
  };
  let code: string | undefined;
  const talking = talk().then((ended) => (code = ended));
  for (let steps = 0; code === undefined && steps < 20_000; steps += 1) await network.step();
  expect({ seed, code }).toEqual({ seed, code: '' });
  await talking;
  const numbers = Array.from({ length: MESSAGES }, (_, i) => String(i + 1));
  expect(received).toEqual(numbers);
  expect(network.handled).toEqual(fates);
  expect(fates.map((fate) => fate.replace(' failed', ''))).toEqual(numbers);
}
