/** Clients that call other people's services and do not read the answers, more of it than memory.budget allows: some of them go, and nobody else. */
import { describe, expect, it } from 'vitest';
import { MESSAGE_OVERHEAD_BYTES } from '../../src/flow/byte-account.js';
import type { Totals } from '../../src/metrics/totals.js';
import { controlMessage, dataMessage, MessageType } from '../../src/wire/messages.js';
import { Bystander } from '../helpers/bystander.js';
import { GatewayProcess } from '../helpers/gateway-process.js';
import { PlayBackend } from '../helpers/play-backend.js';
import { PLAY_SERVICE } from '../helpers/play-steps.js';
import { Figures } from '../helpers/proxy-figures.js';
import { openOf, tokenOf } from '../helpers/windowed-world.js';
import { grpcConnector, type Connection } from '../helpers/windowed-transport.js';
import { frameOf, WireClient } from '../helpers/wire-client.js';

const KIB = 1_024;
const MIB = KIB * KIB;
const BUDGET_BYTES = 32 * MIB;
const CONNECTIONS = 10;
const CALLS = 300;
const HOLDERS = 20;
const ANSWER_BYTES = 200 * KIB;
/** What flow control takes of an answer. */
const WINDOW_BYTES = 64 * KIB;
const LIMIT_MS = 60_000;

async function totalsOf(gateway: GatewayProcess): Promise<Totals> {
  return (await (await fetch(`http://${gateway.admin}/totals`)).json()) as Totals;
}

/** A client with a session that holds a little: it acknowledges nothing of what it was sent. */
class Holder implements Disposable {
  received = 0;
  /** Why it holds nothing any more. */
  refusal: string | undefined;
  readonly #connection: Connection;

  constructor(address: string, number: number) {
    const connect = grpcConnector({ address, clientId: `holder-${number}` });
    this.#connection = connect({
      received: ({ control, type }) => {
        if (type === MessageType.DATA) this.received += 1;
        if (control?.action === 'welcome') this.#open();
        if (control?.action === 'closed') this.refusal = control.code;
      },
      writable: () => undefined,
      ended: ({ reason, status }) => (this.refusal = reason ?? `status ${status}`),
    });
  }

  [Symbol.dispose](): void {
    this.#connection.cancel();
  }

  #open(): void {
    this.#connection.send([
      controlMessage(openOf({ route: 'echo', resumeToken: tokenOf(1) }), 's'),
      dataMessage({ sessionId: 's', sequence: 1, data: new Uint8Array(16 * KIB) }),
    ]);
  }
}

/** Calls for an answer of 200 KiB, and reads nothing of it. */
class DeafCalls implements Disposable {
  refused = 0;
  closed = 0;
  readonly #clients: readonly WireClient[];

  constructor(address: string) {
    this.#clients = Array.from({ length: CONNECTIONS }, () => new WireClient(address));
    for (let n = 0; n < CALLS; n += 1) this.#call(this.#clients[n % CONNECTIONS]!);
  }

  /** Let in, and ended. */
  get ended(): number {
    return this.closed - this.refused;
  }

  get open(): number {
    return CALLS - this.closed;
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients) client[Symbol.dispose]();
  }

  #call(client: WireClient): void {
    const stream = client.open({
      ':path': `/${PLAY_SERVICE}/Follow`,
      'x-steps': JSON.stringify([['send', 1, ANSWER_BYTES]]),
    });
    stream.on('response', (headers) => {
      if (headers['grpc-status'] !== undefined) this.refused += 1;
    });
    stream.on('close', () => (this.closed += 1));
    stream.end(frameOf(new Uint8Array()));
  }
}

describe('above memory.budget', () => {
  it('of calls with finite answers that nobody reads as many end as make the room; who stands by keeps what he has', async () => {
    await using backend = await PlayBackend.start();
    const calls = { services: [PLAY_SERVICE], addresses: [backend.address] };
    await using gateway = await GatewayProcess.ready([
      ...['--proxies', JSON.stringify({ calls }), '--memory.budget', '32MiB', '--memory.shedAfter', '300ms'],
      ...['--health.interval', '0', '--stream.receiveTimeout', '0', '--stream.sendTimeout', '2m'],
      ...['--session.resumeWindow', '1m', '--session.idleTimeout', '5m'],
    ]);
    using bystander = new Bystander(gateway.address);
    await bystander.check();
    const holders = Array.from({ length: HOLDERS }, (_, n) => new Holder(gateway.address, n));
    try {
      await expect
        .poll(() => holders.filter(({ received }) => received === 1).length, { timeout: LIMIT_MS })
        .toBe(holders.length);
      using deaf = new DeafCalls(gateway.address);
      await expect
        .poll(
          async () => {
            const { bytes, sessions } = await totalsOf(gateway);
            const figures = await Figures.of(gateway.admin);
            const held = figures.sum('sluice_proxy_held_bytes');
            const left = figures.sum('sluice_proxy_calls');
            // Each that is left has its whole answer, so that nothing more comes.
            const areWhole = held >= left * (ANSWER_BYTES - WINDOW_BYTES);
            return (
              bytes.buffered <= BUDGET_BYTES &&
              sessions.shed > 0 &&
              areWhole &&
              left === deaf.open &&
              sessions.shed === deaf.ended
            );
          },
          { timeout: LIMIT_MS, interval: 25 },
        )
        .toBe(true);
      await bystander.check();
      expect(holders.filter(({ refusal }) => refusal !== undefined)).toEqual([]);
      // Of those that fill nine tenths of the budget.
      expect(deaf.open).toBeGreaterThan(100);
    } finally {
      for (const holder of holders) holder[Symbol.dispose]();
    }
    // Their sessions wait for them.
    await expect
      .poll(async () => (await totalsOf(gateway)).bytes.buffered)
      .toBe(HOLDERS * (16 * KIB + MESSAGE_OVERHEAD_BYTES));
    await bystander.check();
  });
});
