import { expect, it } from 'vitest';
import { rateHeaders } from '../../../src/edge/rate-headers.js';

it('says how the caller stands, a limit an item, in whole seconds', () => {
  const rate = { limit: 'perClient', amount: 100, perMs: 1_000, remaining: 12, resetMs: 880.5 };
  expect(rateHeaders([])).toEqual({});
  expect(
    rateHeaders([
      { ...rate, unit: 'messages' },
      { ...rate, unit: 'bytes', amount: 1_048_576, perMs: 60_000, remaining: 0, resetMs: 59_001 },
    ]),
  ).toEqual({
    'ratelimit-policy': '"perClient";q=100;w=1, "perClient-bytes";q=1048576;qu="content-bytes";w=60',
    ratelimit: '"perClient";r=12;t=1, "perClient-bytes";r=0;t=60',
  });
});
