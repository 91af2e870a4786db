/** Many half hours of faults under the SDK's sessions. */
import { describe, it } from 'vitest';
import { exchangeForHalfAnHour } from '../helpers/sdk-half-hour.js';

/** `STORM_SEED=n` repeats a run, and goes on with the seeds that follow. */
const first = Number(process.env['STORM_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const seeds = [first, first + 1, first + 2, first + 3, first + 4];

describe.each([
  ['StreamData', false],
  ['StreamBatches', true],
])('half an hour of faults over %s', (_, batches) => {
  it.each(seeds)('a gateway that stays: STORM_SEED=%i', async (seed) => {
    await exchangeForHalfAnHour({ seed, batches, loses: false });
  });

  it.each(seeds)('gateways that are restarted, and leave: STORM_SEED=%i', async (seed) => {
    await exchangeForHalfAnHour({ seed, batches, loses: true });
  });
});
