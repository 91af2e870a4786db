import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { svgOf, type Series } from '../../../examples/kit/chart.js';
import { FixedWindow } from '../../../src/flow/fixed-window.js';
import { LeakyBucket } from '../../../src/flow/leaky-bucket.js';
import type { RateLimiter } from '../../../src/flow/rate-limiter.js';
import { SlidingWindow } from '../../../src/flow/sliding-window.js';
import { TokenBucket } from '../../../src/flow/token-bucket.js';

// `npm run docs` runs this file with --update, which draws the picture anew.

const PICTURE = fileURLToPath(new URL('../../../docs/rate-limits.svg', import.meta.url));
const RATE = { amount: 10, perMs: 1_000 };
/** When how many come, in milliseconds. */
const OFFERED = [
  { atMs: 0, messages: 40 },
  { atMs: 2_000, messages: 40 },
] as const;
const END_MS = 8_500;

const LIMITERS: Readonly<Record<string, RateLimiter>> = {
  'token-bucket, burst 10': new TokenBucket({ ...RATE, burst: 10 }, 0),
  'leaky-bucket': new LeakyBucket({ ...RATE, queue: 80 }, 0),
  'fixed-window': new FixedWindow(RATE, 0),
  'sliding-window': new SlidingWindow(RATE, 0),
};

/** When each of what is offered goes. */
function turns(limiter: RateLimiter): readonly number[] {
  return OFFERED.flatMap(({ atMs, messages }) =>
    Array.from({ length: messages }, () => atMs + limiter.take(atMs, 1)),
  );
}

function sumOver(times: readonly number[]): Series['points'] {
  const sums = times.map((atMs, index) => [atMs / 1_000, index + 1] as const);
  return [[0, 0], ...sums, [END_MS / 1_000, times.length]];
}

test('the picture is of what the four algorithms do', async () => {
  const offered = OFFERED.flatMap(({ atMs, messages }) => Array<number>(messages).fill(atMs));
  const gone = Object.entries(LIMITERS).map(([name, limiter]) => ({ name, times: turns(limiter) }));
  const svg = svgOf({
    title: 'Ten messages a second, by four algorithms',
    subtitle: 'Forty messages come at once, and forty more two seconds later: when does each of them go?',
    panels: [
      {
        title: 'gone so far',
        unit: 'messages',
        height: 420,
        series: [
          ...gone.map(({ name, times }) => ({ name, points: sumOver(times), shape: 'steps' as const })),
          { name: 'offered', points: sumOver(offered), shape: 'steps' },
        ],
      },
    ],
  });
  await expect(svg).toMatchFileSnapshot(PICTURE);
});
