/** What a network in a storm costs the SDK's sessions: nothing. The long form is sdk-storm.long.test.ts. */
import { it } from 'vitest';
import { exchangeInStorm } from '../helpers/sdk-storm.js';

/** `STORM_SEED=n` repeats a run: the faults are the same, as far as the timing of both sides allows. */
const seed = Number(process.env['STORM_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

it.each([
  ['StreamData', false],
  ['StreamBatches', true],
])(`loses, repeats and reorders nothing over %s (STORM_SEED=${seed})`, async (_, batches) => {
  await exchangeInStorm({ seed, batches, durationMs: 2_000, sessions: 5 });
});
