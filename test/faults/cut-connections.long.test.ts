/** A thousand broken connections under one conversation. */
import { it } from 'vitest';
import { exchangeOverCuts } from '../helpers/windowed-cut-exchange.js';

/** `CUT_SEED=n` repeats a run: the cuts are the same, as far as the timing of both sides allows. */
const seed = Number(process.env['CUT_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

it.each([
  { method: 'StreamData', streamHandler: 'direct' },
  { method: 'StreamBatches', streamHandler: 'grpc-js' },
] as const)(
  `1,000 cuts lose, repeat and reorder nothing of 200,000 messages each way: %o (CUT_SEED=${seed})`,
  async (over) => {
    await exchangeOverCuts({
      ...{ ...over, seed },
      ...{ cuts: 1_000, messages: 200_000, sessions: 4, meanBytes: 16_000 },
    });
  },
);
