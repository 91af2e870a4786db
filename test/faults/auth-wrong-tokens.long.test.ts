/** As auth-wrong-tokens.test.ts, by the ten thousand: what each attempt left behind would show. */
import { describe, it } from 'vitest';
import { expectFloodToCostNobody, expectUnslowedFloodToCostNobody } from '../helpers/auth-flood.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';

describe('wrong tokens by the ten thousand', () => {
  it.each(STREAM_HANDLERS)('cost nobody else anything, through the %s handler', async (streamHandler) => {
    await expectFloodToCostNobody(streamHandler, 30_000);
  });

  it('cost nobody else a message where none is slowed', async () => {
    await expectUnslowedFloodToCostNobody(10_000);
  });
});
