/** A minute of every fault that a network has, under the SDK's sessions. */
import { it } from 'vitest';
import { exchangeInStorm } from '../helpers/sdk-storm.js';

/** `STORM_SEED=n` repeats a run: the faults are the same, as far as the timing of both sides allows. */
const seed = Number(process.env['STORM_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

it.each([
  ['StreamData', false],
  ['StreamBatches', true],
])(
  `a minute of storm, with tokens that expire all the time, loses, repeats and reorders nothing over %s (STORM_SEED=${seed})`,
  async (_, batches) => {
    await exchangeInStorm({ seed, batches, durationMs: 60_000, sessions: 10, tokens: true });
  },
);
