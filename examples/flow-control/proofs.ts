import { quantile } from '../kit/figures.js';
import { sampleOf } from '../kit/metrics-text.js';
import type { Report } from '../kit/report.js';
import { SYMBOLS, symbolOf } from './feed.js';
import { FOR_SECONDS } from './queue-alert.js';
import type { Viewer } from './viewer.js';
import { QUEUE_LIMIT, type Watch } from './watch.js';

export function proveAll(report: Report, watch: Watch, metrics: string, pausing: Viewer): void {
  const named = (name: string): Viewer => {
    const viewer = watch.viewers.find((each) => each.name === name);
    if (viewer === undefined) throw new Error(`there is no viewer ${name}`);
    return viewer;
  };
  const [fast, oldest, newest, conflated, disconnected, blocked] = [
    named('fast'),
    named('drop-oldest'),
    named('drop-newest'),
    named('conflate'),
    named('disconnect'),
    named('block'),
  ];
  const { published } = fast.feed;

  report.prove(
    'nobody holds the fast one, nor the feed',
    isWhole(fast, published) && sampleOf(metrics, 'sluice_topic_held_total{route="live"}') === 0,
    `it saw ${fast.seen.length} of ${published}, at most ${watch.mostWaiting(fast)} waited for it; ` +
      `a publication took ${fast.feed.longestMs.toFixed(0)} ms at most`,
  );
  for (const viewer of watch.viewers) {
    if (viewer !== disconnected) proveAccount(report, watch, viewer);
  }
  const tail = oldest.seen.slice(-QUEUE_LIMIT).map(({ n }) => n);
  report.prove(
    'drop-oldest loses the oldest: what it reads at last is the end of the feed, whole',
    tail.length === QUEUE_LIMIT && tail.every((n, at) => n === published - QUEUE_LIMIT + 1 + at),
    `its last ${QUEUE_LIMIT} are ${tail[0] ?? 0} to ${tail.at(-1) ?? 0} of ${published}; first loss at ${firstLost(oldest)}`,
  );
  report.prove(
    'drop-newest keeps what waits: its first loss is behind a whole queue',
    firstLost(newest) > QUEUE_LIMIT && firstLost(newest) > firstLost(oldest),
    `first loss at ${firstLost(newest)}; it reads ${ageOf(newest)} behind, drop-oldest ${ageOf(oldest)}`,
  );
  report.prove(
    'conflate has the latest of each symbol, and no more than one of each waits',
    SYMBOLS.every((_, at) => lastOf(conflated, symbolOf(published - at)) === published - at) &&
      watch.mostWaiting(conflated) <= SYMBOLS.length,
    `the last of all ${SYMBOLS.length} symbols; at most ${watch.mostWaiting(conflated)} waited; it reads ${ageOf(conflated)} behind`,
  );
  const held = sampleOf(metrics, 'sluice_topic_held_total{route="ledger"}');
  report.prove(
    'block loses nothing: its publisher waits',
    isWhole(blocked, blocked.feed.published) && held > 0 && blocked.feed.published < published,
    `${blocked.feed.published} published and seen, where ${published} were on offer; ${held} publications were held, ` +
      `the longest ${blocked.feed.longestMs.toFixed(0)} ms`,
  );
  report.prove(
    'disconnect ends who falls behind',
    disconnected.endCode === 'SLOW_CONSUMER' && isWhole(disconnected, disconnected.seen.length),
    `${disconnected.endCode} after ${disconnected.seen.length} quotes without a gap`,
  );
  const longestMs = Math.max(
    ...pausing.seen.map(({ atMs }, at) => atMs - (pausing.seen[at - 1]?.atMs ?? atMs)),
  );
  report.prove(
    'Pause holds the delivery, Resume goes on with what is kept',
    pausing.told > 0 && pausing.gaps === 1 && pausing.seen.at(-1)?.n === published,
    `nothing for ${(longestMs / 1_000).toFixed(1)} s, then one gap of ${pausing.told}, then the rest`,
  );
  const { changes } = watch.alert;
  const firing = changes.find(({ state }) => state === 'firing');
  report.prove(
    `a queue above 80 % for ${FOR_SECONDS} s raises an alert, which names the slow alone, and ends`,
    firing !== undefined &&
      watch.named.size > 0 &&
      !watch.named.has(fast.name) &&
      watch.alert.state === 'inactive',
    `firing from ${firing?.atSeconds.toFixed(1) ?? 'never'} s: ${[...watch.named].join(', ')}`,
  );
}

/** What it saw and what it was told is all there was; and the gateway counted the same. */
function proveAccount(report: Report, watch: Watch, viewer: Viewer): void {
  const { name, seen, told, gaps, feed } = viewer;
  const { admitted, delivered, dropped } = watch.accountOf(viewer);
  report.prove(
    `${name}: published = seen + told as lost`,
    seen.length + told === feed.published &&
      isRising(viewer) &&
      admitted === feed.published &&
      delivered === seen.length &&
      dropped === told,
    `${feed.published} = ${seen.length} + ${told} in ${gaps} gaps; the gateway: ${admitted} = ${delivered} delivered + ${dropped} dropped`,
  );
}

function isRising({ seen }: Viewer): boolean {
  return seen.every(({ n }, at) => n > (seen[at - 1]?.n ?? 0));
}

function isWhole({ seen, told }: Viewer, published: number): boolean {
  return told === 0 && seen.length === published && seen.every(({ n }, at) => n === at + 1);
}

/** The first quote that it did not see. */
function firstLost({ seen }: Viewer): number {
  const at = seen.findIndex(({ n }, index) => n !== index + 1);
  return at === -1 ? seen.length + 1 : at + 1;
}

/** The last quote of a symbol that it saw. */
function lastOf({ seen }: Viewer, symbol: string): number | undefined {
  return seen.findLast(({ n }) => symbolOf(n) === symbol)?.n;
}

/** In the middle of its quotes. */
function ageOf({ seen }: Viewer): string {
  const ageMs = quantile(
    seen.map((each) => each.ageMs),
    0.5,
  );
  return `${(ageMs / 1_000).toFixed(1)} s`;
}
