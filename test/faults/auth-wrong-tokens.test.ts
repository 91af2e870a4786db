/** Thousands of wrong tokens, as fast as they can be sent: each is refused, and nobody else notices. */
import { it } from 'vitest';
import { expectFloodToCostNobody } from '../helpers/auth-flood.js';

it('wrong tokens by the thousand are refused and counted, and cost nobody else anything', async () => {
  await expectFloodToCostNobody('direct', 3_000);
});
