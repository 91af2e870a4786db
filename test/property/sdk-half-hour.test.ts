/** Half an hour of faults under the SDK's sessions, in seconds. More of it: sdk-half-hour.long.test.ts. */
import { it } from 'vitest';
import { exchangeForHalfAnHour } from '../helpers/sdk-half-hour.js';

/** `STORM_SEED=n` repeats a run. */
const seed = Number(process.env['STORM_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** A few seconds of computing; busy machines take longer. */
const TIMEOUT_MS = 120_000;

it(
  `a gateway that stays, over StreamData: nothing is lost, repeated or reordered (STORM_SEED=${seed})`,
  async () => {
    await exchangeForHalfAnHour({ seed, batches: false, loses: false });
  },
  TIMEOUT_MS,
);

it(
  `gateways that are restarted and leave, over StreamBatches: nothing is that is not told (STORM_SEED=${seed})`,
  async () => {
    await exchangeForHalfAnHour({ seed, batches: true, loses: true });
  },
  TIMEOUT_MS,
);
