/** What a broken network costs an opened session: nothing. The long form is cut-connections.long.test.ts. */
import { describe, it } from 'vitest';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';
import { exchangeOverCuts } from '../helpers/windowed-cut-exchange.js';

/** `CUT_SEED=n` repeats a run: the cuts are the same, as far as the timing of both sides allows. */
const seed = Number(process.env['CUT_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

describe.each(STREAM_HANDLERS)('connections cut at random, through the %s handler', (streamHandler) => {
  it.each(['StreamData', 'StreamBatches'] as const)(
    `10 cuts lose, repeat and reorder nothing over %s (CUT_SEED=${seed})`,
    async (method) => {
      await exchangeOverCuts({
        ...{ seed, method, streamHandler },
        ...{ cuts: 10, messages: 12_000, sessions: 4, meanBytes: 40_000 },
      });
    },
  );
});
