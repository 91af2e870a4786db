/** Clients that take everything and acknowledge nothing, more of it than memory.budget allows: what they cost, and whom. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Totals } from '../../src/metrics/totals.js';
import { controlMessage, dataMessage, MessageType, type Closed } from '../../src/wire/messages.js';
import { Bystander } from '../helpers/bystander.js';
import { GatewayProcess } from '../helpers/gateway-process.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';
import { openOf, tokenOf } from '../helpers/windowed-world.js';
import { WindowedClient } from '../helpers/windowed-client.js';
import { grpcConnector, type Connection } from '../helpers/windowed-transport.js';
import { framedMessage, WireClient } from '../helpers/wire-client.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const CLIENTS = 200;
const BUDGET_BYTES = 32 * MIB;
/** A window full, sent at once. */
const MESSAGES = 64;
const MESSAGE_BYTES = 16 * KIB;
const LIMIT_MS = 60_000;
/** Nobody is ended for being slow: on a busy machine this process is, with all its clients. */
const PATIENT = [
  ...['--health.interval', '0', '--stream.receiveTimeout', '0', '--stream.firstMessageTimeout', '2m'],
  ...['--stream.sendTimeout', '2m', '--session.resumeWindow', '1m', '--session.idleTimeout', '5m'],
];

async function totalsOf(gateway: GatewayProcess): Promise<Totals> {
  return (await (await fetch(`http://${gateway.admin}/totals`)).json()) as Totals;
}

async function residentBytes(gateway: GatewayProcess): Promise<number> {
  const text = await (await fetch(`http://${gateway.admin}/metrics`)).text();
  return Number(/^\S*process_resident_memory_bytes(?:{[^}]*})? (\S+)$/m.exec(text)?.[1]);
}

/** Opens a session with the largest window there is, fills its own, and acknowledges nothing. */
class Hoarder {
  /** What it was told, beside data, in order. */
  readonly words: string[] = [];
  closed: Closed | undefined;
  /** With which code its connection was ended, where it was. */
  lost: string | undefined;
  received = 0;
  readonly #connection: Connection;

  constructor(address: string, number: number) {
    const connect = grpcConnector({ address, clientId: `hoarder-${number}` });
    this.#connection = connect({
      received: ({ control, type }) => {
        if (type === MessageType.DATA) this.received += 1;
        if (control === undefined) return;
        this.words.push(control.action);
        if (control.action === 'welcome') this.#fill();
        if (control.action === 'closed') this.closed = control;
      },
      writable: () => undefined,
      ended: ({ reason, status }) => (this.lost = reason ?? `status ${status}`),
    });
  }

  /** Why it holds nothing any more. */
  get refusal(): string | undefined {
    return this.closed?.code ?? this.lost;
  }

  stop(): void {
    this.#connection.cancel();
  }

  #fill(): void {
    const open = openOf({
      route: 'echo',
      resumeToken: tokenOf(1),
      windowMessages: 4_096,
      windowBytes: 16 * MIB,
    });
    const data = new Uint8Array(MESSAGE_BYTES);
    this.#connection.send([
      controlMessage(open, 's'),
      ...Array.from({ length: MESSAGES }, (_, i) => dataMessage({ sessionId: 's', sequence: i + 1, data })),
    ]);
  }
}

describe('above memory.budget', () => {
  const stops: (() => void)[] = [];
  afterEach(() => {
    for (const stop of stops.splice(0)) stop();
  });

  it('clients that acknowledge nothing are held back, then ended, the costliest first; who behaves goes on', async () => {
    await using gateway = await GatewayProcess.ready(
      [...PATIENT, '--memory.budget', '32MiB', '--memory.shedAfter', '300ms'],
      // Else the collector has no reason to run before there are hundreds of MiB of garbage.
      { nodeArgs: ['--max-semi-space-size=8'] },
    );
    using bystander = new Bystander(gateway.address);
    await bystander.check(2_000);
    using client = new WindowedClient({
      connect: grpcConnector({ address: gateway.address, clientId: 'ann' }),
    });
    const echoed: number[] = [];
    const session = await client.opened('s', {
      route: 'echo',
      onMessage: ({ data }) => void echoed.push(Number(Buffer.from(data).toString())),
    });
    let sent = 0;
    const say = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i += 1) await session.send(Buffer.from(String((sent += 1))));
      await expect.poll(() => echoed.length, { timeout: LIMIT_MS }).toBe(sent);
    };
    await say(500);
    const before = await residentBytes(gateway);

    const hoarders = Array.from({ length: CLIENTS }, (_, i) => new Hoarder(gateway.address, i));
    stops.push(() => {
      for (const hoarder of hoarders) hoarder.stop();
    });
    // Beside them all the time.
    const talking = say(1_000);
    let mostBuffered = 0;
    let mostResident = 0;
    await expect
      .poll(
        async () => {
          const { bytes, sessions } = await totalsOf(gateway);
          mostBuffered = Math.max(mostBuffered, bytes.buffered);
          mostResident = Math.max(mostResident, await residentBytes(gateway));
          const settled = bytes.buffered <= BUDGET_BYTES && sessions.shed > 0;
          return (
            settled &&
            hoarders.every(({ refusal, received }) => refusal !== undefined || received === MESSAGES)
          );
        },
        { timeout: LIMIT_MS, interval: 25 },
      )
      .toBe(true);
    await talking;
    await bystander.check();
    expect(echoed).toEqual(Array.from({ length: sent }, (_, i) => i + 1));

    const { bytes, sessions, flow, connections } = await totalsOf(gateway);
    expect(bytes.budgetExceeded).toBeGreaterThan(0);
    const ended = hoarders.filter(({ refusal }) => refusal !== undefined);
    expect(sessions.shed).toBe(ended.length);
    // Three quarters of them at least: the others are all that fits.
    expect(ended.length).toBeGreaterThan(CLIENTS - BUDGET_BYTES / (MESSAGES * MESSAGE_BYTES));
    expect(new Set(ended.map(({ refusal }) => refusal))).toEqual(new Set(['OVERLOADED']));
    expect(ended.find(({ closed }) => closed !== undefined)?.closed).toMatchObject({
      retryAfterMs: 5_000,
      reason: expect.stringContaining('memory.budget'),
    });
    // Advice comes first; who opened above the budget already had none, or had it later, for another time above it.
    expect(ended.some(({ words }) => words.slice(0, words.indexOf('closed')).includes('pause'))).toBe(true);
    // No connection with a session was ended: a session that is costs the others of its connection nothing.
    const lost = hoarders.filter((hoarder) => hoarder.lost !== undefined);
    for (const { words } of lost) expect(words).not.toContain('opened');
    expect(connections.active).toBe(CLIENTS + 2 - lost.length);
    expect(flow.down.droppedBy['overloaded']).toBeGreaterThan(0);
    for (const { admitted, delivered, dropped, pending } of [flow.up, flow.down]) {
      expect(admitted).toBe(delivered + dropped + pending);
    }
    // What came within one look (50 ms) beyond the mark where nobody waits; at worst all that was offered, twice.
    expect(mostBuffered).toBeLessThan(4 * BUDGET_BYTES);
    expect(mostResident - before).toBeLessThan(8 * BUDGET_BYTES);
  });

  it('half of a large message costs its connection, not the others: it is counted, and ended for it', async () => {
    await using gateway = await GatewayProcess.ready([
      ...PATIENT,
      ...['--memory.budget', '32MiB', '--memory.shedAfter', '300ms'],
    ]);
    using bystander = new Bystander(gateway.address);
    await bystander.check();
    const clients = Array.from({ length: 20 }, () => new WireClient(gateway.address));
    stops.push(() => {
      for (const { session } of clients) session.destroy();
    });
    const message = framedMessage({ sessionId: 's', data: new Uint8Array(4 * MIB) });
    const endings = clients.map((client) => {
      const call = client.open();
      call.write(message.subarray(0, 3 * MIB));
      return client.ending(call);
    });
    await expect
      .poll(async () => (await totalsOf(gateway)).bytes.buffered, { timeout: LIMIT_MS })
      .toBeGreaterThan(20 * MIB);
    await expect
      .poll(async () => (await totalsOf(gateway)).connections.ended['OVERLOADED'] ?? 0, { timeout: LIMIT_MS })
      .toBeGreaterThan(5);
    await expect
      .poll(async () => (await totalsOf(gateway)).bytes.buffered, { timeout: LIMIT_MS })
      .toBeLessThanOrEqual(BUDGET_BYTES);
    await bystander.check();
    for (const { session } of clients) session.destroy();
    await Promise.all(endings);
    await expect.poll(async () => (await totalsOf(gateway)).connections.active).toBe(1);
    await expect.poll(async () => (await totalsOf(gateway)).bytes.buffered).toBe(0);
    await bystander.check();
  });
});

describe.each(STREAM_HANDLERS)(
  'what is buffered for clients that do not read, through the %s handler',
  (streamHandler) => {
    it('is counted in the queues and on the way to the network, and nothing of it when they are gone', async () => {
      await using gateway = await GatewayProcess.ready([...PATIENT, '--server.streamHandler', streamHandler]);
      const clients = Array.from({ length: 10 }, () => new WireClient(gateway.address));
      try {
        const message = framedMessage({ sessionId: 's', data: new Uint8Array(MESSAGE_BYTES) });
        for (const client of clients) {
          const call = client.open({ 'x-route': 'echo' });
          for (let i = 0; i < 100; i += 1) call.write(message);
        }
        const inFlight = async () => (await totalsOf(gateway)).queues.bytesInFlight;
        await expect.poll(inFlight, { timeout: LIMIT_MS }).toBeGreaterThan(10 * 64 * KIB);
        await expect
          .poll(async () => {
            const { queues, bytes } = await totalsOf(gateway);
            return bytes.buffered - queues.receive.bytes - queues.send.bytes - queues.bytesInFlight;
          })
          .toBeGreaterThanOrEqual(0);
      } finally {
        for (const { session } of clients) session.destroy();
      }
      await expect.poll(async () => (await totalsOf(gateway)).connections.active).toBe(0);
      await expect.poll(async () => (await totalsOf(gateway)).bytes.buffered).toBe(0);
    });
  },
);
