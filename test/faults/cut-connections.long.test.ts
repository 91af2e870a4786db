/** A thousand broken connections under one conversation. */
import { it } from 'vitest';
import { exchangeOverCuts } from '../helpers/windowed-cut-exchange.js';

/** `CUT_SEED=n` repeats a run: the cuts are the same, as far as the timing of two processes allows. */
const seed = Number(process.env['CUT_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

it(`1,000 cuts lose, repeat and reorder nothing of 200,000 messages each way (CUT_SEED=${seed})`, async () => {
  await exchangeOverCuts({
    ...{ seed, method: 'StreamData', streamHandler: 'direct' },
    ...{ cuts: 1_000, messages: 200_000, sessions: 4, meanBytes: 8_000 },
  });
});
