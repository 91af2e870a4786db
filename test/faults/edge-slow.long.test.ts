/**
 * Hundreds who are slow over plain HTTP, or hold what they have: what they cost,
 * that the setting that is for them ends each, and what the others notice: nothing.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, test } from 'vitest';
import type { Totals } from '../../src/metrics/totals.js';
import { RawHttp } from '../helpers/edge-world.js';
import { descriptors, figures, OF_OUR_OWN, tell, totals } from '../helpers/gateway-figures.js';
import { GatewayProcess } from '../helpers/gateway-process.js';
import { Regulars } from '../helpers/regulars.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const CLIENTS = 300;
/** How long each of them may be what it is, as the configuration says. */
const PATIENCE = '10s';
/** For code that runs warm, and a collector that is not idle. */
const WARM_BYTES = 48 * MIB;

interface Seen {
  readonly sockets: number;
  readonly descriptors: number;
  readonly residentBytes: number;
  readonly totals: Totals;
}

/** A gateway with its regulars, and what was seen of it at its worst. */
class Place implements AsyncDisposable {
  readonly gateway: GatewayProcess;
  readonly regulars: Regulars;
  readonly before: Seen;
  most = { sockets: 0, residentBytes: 0, buffered: 0, queued: 0, inFlight: 0 };

  private constructor(gateway: GatewayProcess, regulars: Regulars, before: Seen) {
    this.gateway = gateway;
    this.regulars = regulars;
    this.before = before;
  }

  static async open(flags: readonly string[]): Promise<Place> {
    const gateway = await GatewayProcess.ready(flags, {
      config: 'test/helpers/fixtures/crowd.yaml',
      // Else the collector has no reason to run before there are hundreds of MiB of garbage.
      nodeArgs: ['--max-semi-space-size=8'],
    });
    const regulars = await Regulars.of(gateway);
    await look(gateway);
    return new Place(gateway, regulars, await look(gateway));
  }

  get url(): string {
    return `http://${this.gateway.edge}`;
  }

  /** The regulars do what they are here for, and all is looked at. */
  async goOn(): Promise<Seen> {
    await this.regulars.goOn();
    const seen = await look(this.gateway);
    const { bytes, queues } = seen.totals;
    this.most = {
      sockets: Math.max(this.most.sockets, seen.sockets),
      residentBytes: Math.max(this.most.residentBytes, seen.residentBytes),
      buffered: Math.max(this.most.buffered, bytes.buffered),
      queued: Math.max(this.most.queued, queues.send.bytes),
      inFlight: Math.max(this.most.inFlight, queues.bytesInFlight),
    };
    return seen;
  }

  /** Of what the others held nothing is left, and the gateway is what it was. */
  async expectAsBefore(): Promise<void> {
    const { gateway, before } = this;
    await expect.poll(async () => (await figures(gateway)).get('sluice_edge_sockets')).toBe(before.sockets);
    await expect
      .poll(async () => {
        const { connections, bytes, queues } = await totals(gateway);
        return [connections.active, bytes.buffered, queues.send.bytes, queues.bytesInFlight];
      })
      .toEqual([before.totals.connections.active, before.totals.bytes.buffered, 0, 0]);
    await expect.poll(() => descriptors(gateway)).toBeLessThanOrEqual(before.descriptors + OF_OUR_OWN);
    await this.regulars.goOn();
    const { most, regulars } = this;
    const grownMiB = Math.round((most.residentBytes - before.residentBytes) / MIB);
    tell({ ...most, grownMiB, rounds: regulars.rounds, slowestMs: regulars.slowestMs });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.regulars[Symbol.asyncDispose]();
    await this.gateway[Symbol.asyncDispose]();
  }
}

async function look(gateway: GatewayProcess): Promise<Seen> {
  const page = await figures(gateway);
  return {
    sockets: page.get('sluice_edge_sockets') ?? 0,
    descriptors: descriptors(gateway),
    residentBytes: page.get('process_resident_memory_bytes') ?? 0,
    totals: await totals(gateway),
  };
}

/** Until all of them are closed; something is done meanwhile. */
async function untilClosed(clients: readonly RawHttp[], meanwhile: () => Promise<unknown>): Promise<void> {
  const left = new Set(clients);
  for (const client of clients) void client.closed.then(() => left.delete(client));
  while (left.size > 0) await meanwhile();
}

test.each([
  [
    'edge.requestTimeout',
    [
      ...['--edge.headersTimeout', PATIENCE, '--edge.requestTimeout', PATIENCE],
      // Which would be first, by default.
      ...['--stream.firstMessageTimeout', '1m'],
    ],
  ],
  ['stream.firstMessageTimeout', ['--stream.firstMessageTimeout', PATIENCE]],
])('publishers whose bodies drip are told 408, by %s', async (setting, flags) => {
  const firstBytes = 16 * KIB;
  await using place = await Place.open(flags);
  const clients = Array.from({ length: CLIENTS }, (_, n) =>
    new RawHttp(place.url)
      .say(`POST /v1/topics/news/drip HTTP/1.1\r\nhost: x\r\nx-client-id: drip-${n}\r\n`)
      .say(`content-length: ${MIB}\r\n\r\n${'x'.repeat(firstBytes)}`),
  );
  const dripping = setInterval(() => {
    for (const client of clients) if (client.socket.writable) client.say('x');
  }, 100);
  try {
    await untilClosed(clients, () => place.goOn());
  } finally {
    clearInterval(dripping);
    for (const client of clients) client.socket.destroy();
  }
  for (const { text } of clients) {
    expect(text).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n[^]*"RECEIVE_TIMEOUT"/);
    expect(text).toContain(setting);
  }
  await place.expectAsBefore();
  const { connections } = await totals(place.gateway);
  expect(connections.rejected).toEqual({ RECEIVE_TIMEOUT: CLIENTS });
  expect((await figures(place.gateway)).get('sluice_publish_calls')).toBe(0);
  // What has come of each body, and a byte now and then; it was all there at one time.
  expect(place.most.buffered).toBeGreaterThan(0);
  expect(place.most.buffered).toBeLessThan(CLIENTS * 2 * firstBytes);
  expect(place.most.residentBytes - place.before.residentBytes).toBeLessThan(
    2 * CLIENTS * 2 * firstBytes + WARM_BYTES,
  );
});

/** Of those who take nothing the system holds little here; over TCP it would be megabytes of each. */
class UnixFolder implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'sluice-slow-'));

  get address(): string {
    return `unix:${join(this.#folder, 'edge')}`;
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }
}

it('readers who take none of their answers are cut', async () => {
  const pipelined = 32;
  const answerBytes = 32 * KIB;
  using unix = new UnixFolder();
  await using place = await Place.open([
    ...['--edge.listen', `127.0.0.1:0,${unix.address}`, '--stream.sendTimeout', PATIENCE],
  ]);
  const clients = Array.from({ length: CLIENTS }, () => {
    const client = new RawHttp(unix.address);
    client.socket.pause();
    return client.say('GET /v1/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(pipelined));
  });
  try {
    let cut: number;
    do {
      await place.goOn();
      cut = (await figures(place.gateway)).get('sluice_slow_consumers_total') ?? 0;
    } while (cut < CLIENTS);
    await place.expectAsBefore();
  } finally {
    for (const client of clients) client.socket.resume();
  }
  for (const client of clients) {
    const answers = (await client.closed).split('HTTP/1.1 200 OK').length - 1;
    expect(answers).toBeLessThan(pipelined);
  }
  const { errors, connections } = await totals(place.gateway);
  expect(errors.slowConsumers).toBe(CLIENTS);
  expect(connections.rejected).toEqual({});
  expect(place.gateway.log).toContainEqual(
    expect.objectContaining({ msg: 'answers cut', code: 'SLOW_CONSUMER', peer: 'unix' }),
  );
  // Requests that wait for their turn, and the one answer that is under way; the others are the same bytes.
  const bounds = CLIENTS * (pipelined * 8 * KIB + answerBytes);
  expect(place.most.residentBytes - place.before.residentBytes).toBeLessThan(bounds + WARM_BYTES);
});

it('followers of a busy topic who take no events are cut', async () => {
  const [queueBytes, bufferBytes, messageBytes] = [128 * KIB, 64 * KIB, 16 * KIB];
  using unix = new UnixFolder();
  await using place = await Place.open([
    ...['--edge.listen', `127.0.0.1:0,${unix.address}`, '--stream.sendTimeout', PATIENCE],
    ...['--stream.sendQueueSize', '128KiB', '--stream.sendBufferSize', '64KiB'],
  ]);
  const { gateway, regulars, before } = place;
  const clients = Array.from({ length: CLIENTS }, () => {
    const client = new RawHttp(unix.address);
    client.socket.pause();
    return client.say('GET /v1/topics/news/busy?overflow=drop-oldest HTTP/1.1\r\nhost: x\r\n\r\n');
  });
  try {
    const following = before.totals.connections.active + CLIENTS;
    await expect.poll(async () => (await totals(gateway)).connections.active).toBe(following);
    const news = 'x'.repeat(messageBytes);
    let seen: Seen;
    do {
      expect(await regulars.publish('news/busy', news)).toContain('"duplicate":false');
      seen = await place.goOn();
    } while (seen.totals.errors.slowConsumers < CLIENTS);
    await place.expectAsBefore();
  } finally {
    for (const client of clients) client.socket.resume();
  }
  for (const client of clients) expect(await client.closed).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  const { connections, errors, flow } = await totals(gateway);
  expect(connections.ended).toEqual({ SLOW_CONSUMER: CLIENTS });
  expect(errors.send).toEqual({ SLOW_CONSUMER: CLIENTS });
  expect(flow.down.admitted).toBe(flow.down.delivered + flow.down.dropped + flow.down.pending);
  // One message may stand above each bound.
  expect(place.most.queued).toBeLessThanOrEqual(CLIENTS * (queueBytes + 2 * messageBytes));
  expect(place.most.inFlight).toBeLessThanOrEqual(CLIENTS * (bufferBytes + 2 * messageBytes));
  expect(place.most.inFlight).toBeGreaterThan(CLIENTS * messageBytes);
  // What waits in queues and what waits in sockets is one account.
  expect(place.most.buffered).toBeGreaterThan(place.most.queued + (CLIENTS * messageBytes) / 2);
  const bounds = CLIENTS * (queueBytes + bufferBytes + 4 * messageBytes);
  expect(place.most.residentBytes - before.residentBytes).toBeLessThan(2 * bounds + WARM_BYTES);
});

it('who holds every connection there may be is closed when its time is over, and those who come meanwhile are told', async () => {
  const maxSockets = 400;
  const patience = '20s';
  await using place = await Place.open([
    ...['--edge.maxSockets', String(maxSockets), '--edge.headersTimeout', patience],
    ...['--edge.idleTimeout', patience],
  ]);
  const { gateway, before } = place;
  const hoarders = Array.from({ length: maxSockets - before.sockets }, () => new RawHttp(place.url));
  // Some have asked for something, some for nothing.
  const asked = hoarders.filter((_, n) => n % 2 === 0);
  const silent = hoarders.filter((_, n) => n % 2 === 1);
  for (const client of asked) client.say('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await Promise.all(asked.map((client) => client.heard(/"sluice"/)));
  await expect.poll(async () => (await figures(gateway)).get('sluice_edge_sockets')).toBe(maxSockets);
  await place.goOn();

  const latecomers = Array.from({ length: 20 }, () => new RawHttp(place.url));
  for (const { closed } of latecomers) {
    expect(await closed).toMatch(
      /^HTTP\/1\.1 503 [^]*\r\nretry-after: 5\r\n[^]*"CONNECTION_LIMIT"[^]*edge\.maxSockets = 400/,
    );
  }
  expect((await figures(gateway)).get('sluice_sockets_dropped_total')).toBe(latecomers.length);

  await untilClosed(hoarders, () => place.goOn());
  for (const { text } of asked) expect(text).toMatch(/^HTTP\/1\.1 200 OK(?:(?!HTTP)[^])*$/);
  for (const { text } of silent) {
    expect(text).toMatch(/^HTTP\/1\.1 408 [^]*"RECEIVE_TIMEOUT"[^]*edge\.headersTimeout = 20000 ms/);
  }
  await place.expectAsBefore();
  const { connections } = await totals(gateway);
  // Who has asked for nothing was refused nothing.
  expect(connections.rejected).toEqual({});
  expect(place.most.residentBytes - before.residentBytes).toBeLessThan(maxSockets * 64 * KIB + WARM_BYTES);
  await using late = await Regulars.of(gateway);
  expect(late.rounds).toBe(1);
});
