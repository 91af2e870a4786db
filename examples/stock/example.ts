/**
 * A stock service and its clients behind the gateway, all of them processes of their own, one client slow: what each
 * side counts, as Prometheus has it.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Chart, writeChart } from '../kit/chart.js';
import { GatewayProcess } from '../kit/gateway-process.js';
import { Report } from '../kit/report.js';
import type { ExampleOptions } from '../run.js';
import { Program } from './program.js';
import { type Point, type Readings, startReadings } from './readings.js';

export const about = 'a client that takes 1 to 3 s for each quote holds back the service that sends them';

/** Of a quote: large enough for what holds quotes on their way to be full in the first second, small enough to see it in quotes. */
const QUOTE_BYTES = 16 * 1024;
/** What HTTP/2 lets the service send ahead of the gateway: the upstream's streamWindow. */
const SERVICE_WINDOW_BYTES = 256 * 1024;
/** What the gateway holds of a call beyond that: queueSize in gateway.yaml. */
const QUEUE_BYTES = 64 * 1024;
/** What HTTP/2 lets the gateway send ahead of the client: grpc-js's own. */
const CLIENT_WINDOW_BYTES = 64 * 1024;
const ROOM_IN_QUOTES = (SERVICE_WINDOW_BYTES + QUEUE_BYTES + CLIENT_WINDOW_BYTES) / QUOTE_BYTES;
/**
 * The most quotes that the service can have sent and the client not taken: what there is room for on the way; 16 that
 * grpc-js reads ahead for a client, and one that it is reading; one that the service is writing; and at each of the
 * three bounds one that goes over it.
 */
const MOST_AHEAD = ROOM_IN_QUOTES + 16 + 1 + 1 + 3;
/** Before the clients begin: a Prometheus that was just started looks at its targets for the first time after about five. */
const DELAY_SECONDS = 7;
/** How many scrapes, one a second, are waited for when the clients have ended. */
const SCRAPES_AFTER = 3;
/** What the market makes in a second, for each client. */
const QUOTES_PER_SECOND = 100;
/** Seconds that a bar covers. */
const BAR_SECONDS = 5;

const CLIENTS = ['fast', 'slow'] as const;
type ClientName = (typeof CLIENTS)[number];

interface Counters {
  readonly sent: readonly Point[];
  readonly received: readonly Point[];
}

export async function run({ short, pictures }: ExampleOptions): Promise<void> {
  const report = new Report();
  const seconds = short ? 11 : 60;

  const market = ['--size', String(QUOTE_BYTES), '--rate', String(QUOTES_PER_SECOND)];
  await using server = await Program.start('server', '--port', '0', ...market);
  await using gateway = await GatewayProcess.start({
    config: join(import.meta.dirname, 'gateway.yaml'),
    flags: [
      ...['--server.listen', '127.0.0.1:0', '--admin.listen', '127.0.0.1:0', '--edge.enabled', 'false'],
      ...['--upstreams', JSON.stringify({ quotes: { addresses: [server.address] } })],
    ],
  });
  // They begin when somebody watches.
  const common = [
    '--address',
    gateway.address,
    '--delay',
    String(DELAY_SECONDS),
    '--seconds',
    String(seconds),
  ];
  await using fast = await Program.start('client', ...common);
  await using slow = await Program.start('client', '--slow', ...common);
  const stock = [server.metrics, fast.metrics, slow.metrics];
  const readings = await startReadings({ gateway: new URL(gateway.admin).host, stock });
  report.say(`service, gateway and two clients run; scraped once a second by ${readings.by}`);
  try {
    const ended = Promise.all([fast.done, slow.done]);
    await watched(readings, ended, report);
    const all = { fast: await countersOf(readings, 'fast'), slow: await countersOf(readings, 'slow') };
    // What is sent while a client leaves is nobody's.
    const counters = cut(all, seconds);
    const held = await readings.over('sluice_proxy_held_bytes', { proxy: 'stock', direction: 'down' });
    const file = join(pictures, 'stock.svg');
    writeChart(file, chartOf(counters, readings.by));
    report.say(`the picture: ${file}`);
    proveHeldBack(report, counters.slow);
    proveFast(report, all);
    proveHeld(report, held);
  } finally {
    await readings.stop();
  }
  report.end();
}

async function countersOf(readings: Readings, client: ClientName): Promise<Counters> {
  return {
    sent: await readings.over('stock_updates_sent_total', { client }),
    received: await readings.over('stock_updates_received_total', { client }),
  };
}

/** Says how far they are, once a second, until the clients have ended and all that they counted has been scraped. */
async function watched(readings: Readings, ended: Promise<unknown>, report: Report): Promise<void> {
  const until = { hasEnded: false, scrapesLeft: SCRAPES_AFTER };
  void ended.then(() => (until.hasEnded = true));
  while (until.scrapesLeft > 0) {
    if (until.hasEnded) until.scrapesLeft -= 1;
    await sleep(1_000);
    const now = await Promise.all(
      CLIENTS.map(async (client) => {
        const { sent, received } = await countersOf(readings, client);
        return `${client}: sent ${last(sent)}, received ${last(received)}`;
      }),
    );
    report.say(now.join('; '));
  }
}

function proveHeldBack(report: Report, slow: Counters): void {
  const ahead = Math.max(...aheadOf(slow).map(([, quotes]) => quotes));
  report.prove(
    'what the service has sent and the slow client not taken stays within windows and queues',
    ahead > 0 && ahead <= MOST_AHEAD,
    `at most ${ahead} quotes, where ${MOST_AHEAD} have room`,
  );
  // So long after its own first quote (on a busy machine it may begin after the fast one) the slow client sets the pace.
  const fullAt = (slow.sent.find(([, value]) => value > 0)?.[0] ?? 0) + BAR_SECONDS;
  const sentLater = last(slow.sent) - at(slow.sent, fullAt);
  const takenLater = last(slow.received) - at(slow.received, fullAt);
  report.prove(
    'once they are full the service sends no faster than the slow client takes',
    // Room is given back by the half: they come together.
    Math.abs(sentLater - takenLater) <= ROOM_IN_QUOTES,
    `${sentLater} sent and ${takenLater} taken after its first ${BAR_SECONDS} s`,
  );
}

function proveFast(report: Report, { fast, slow }: Record<ClientName, Counters>): void {
  const missing = last(fast.sent) - last(fast.received);
  report.prove(
    'the fast client has all that was sent to it, but for what was under way when it left',
    missing >= 0 && missing <= MOST_AHEAD,
    `${last(fast.received)} of ${last(fast.sent)} quotes`,
  );
  report.prove(
    'it is not held back by the slow one',
    last(fast.received) > 10 * last(slow.received),
    `${last(fast.received)} quotes, where the slow one has ${last(slow.received)}`,
  );
}

function proveHeld(report: Report, held: readonly Point[]): void {
  const mayHold = CLIENTS.length * (SERVICE_WINDOW_BYTES + QUEUE_BYTES + QUOTE_BYTES);
  const mostHeld = Math.max(...held.map(([, bytes]) => bytes));
  report.prove(
    'the gateway holds no more of the two calls than their windows and queues',
    mostHeld > 0 && mostHeld <= mayHold,
    `at most ${Math.ceil(mostHeld / 1024)} KiB of ${mayHold / 1024}`,
  );
}

function chartOf({ fast, slow }: Record<ClientName, Counters>, by: string): Chart {
  const bars = ({ sent, received }: Counters): Chart['panels'][number]['series'] => [
    { name: 'sent', shape: 'bars', points: perBar(sent) },
    { name: 'received', shape: 'bars', points: perBar(received) },
  ];
  return {
    title: 'A slow client holds the service back',
    subtitle: `Quotes of ${QUOTE_BYTES / 1024} KiB through the gateway, counted on both sides, scraped by ${by}.`,
    panels: [
      { title: `Fast client, each ${BAR_SECONDS} s`, unit: 'quotes', series: bars(fast) },
      { title: `Slow client, each ${BAR_SECONDS} s`, unit: 'quotes', series: bars(slow) },
      {
        title: 'Slow client, in all',
        unit: 'quotes',
        series: [
          { name: 'sent', shape: 'steps', points: slow.sent },
          { name: 'received', shape: 'steps', points: slow.received },
        ],
      },
      {
        title: 'Slow client: sent and not taken yet',
        unit: 'quotes',
        series: [{ name: 'ahead', shape: 'steps', points: aheadOf(slow) }],
        limit: { name: 'room in windows and queues', value: MOST_AHEAD },
        max: Math.ceil(MOST_AHEAD / 10) * 10,
      },
    ],
  };
}

/** What a counter has risen by in each bar, at the bar's middle. */
function perBar(points: readonly Point[]): readonly Point[] {
  const bars = Math.floor((points.at(-1)?.[0] ?? 0) / BAR_SECONDS);
  return Array.from({ length: bars }, (_, bar) => {
    const risen = at(points, (bar + 1) * BAR_SECONDS) - at(points, bar * BAR_SECONDS);
    return [(bar + 0.5) * BAR_SECONDS, risen] as const;
  });
}

/** Sent less received, wherever both are known. */
function aheadOf({ sent, received }: Counters): readonly Point[] {
  return sent.map(([seconds, value]) => [seconds, value - at(received, seconds)] as const);
}

/** The value of a counter at a time: 0 before it is there. */
function at(points: readonly Point[], seconds: number): number {
  return points.findLast(([each]) => each <= seconds)?.[1] ?? 0;
}

/** From the last reading before anything was sent, and for so long as the clients take quotes. */
function cut(all: Record<ClientName, Counters>, forSeconds: number): Record<ClientName, Counters> {
  const begins = CLIENTS.map((client) => all[client].sent.find(([, value]) => value > 0)?.[0] ?? Infinity);
  const begin = Math.min(...begins) - 1;
  const within = (points: readonly Point[]): readonly Point[] =>
    points
      .map(([seconds, value]) => [seconds - begin, value] as const)
      .filter(([seconds]) => seconds >= 0 && seconds <= forSeconds);
  const cutOf = ({ sent, received }: Counters): Counters => ({
    sent: within(sent),
    received: within(received),
  });
  return { fast: cutOf(all.fast), slow: cutOf(all.slow) };
}

function last(points: readonly Point[]): number {
  return points.at(-1)?.[1] ?? 0;
}
