import { test } from 'vitest';
import { expectStalledRoom } from '../helpers/stalled-room.js';

test('of a room of 1,000, a hundred take nothing: the others get everything, in order, and nobody waits for them', async () => {
  await expectStalledRoom({ subscribers: 1_000, stalled: 100, messages: 1_500 });
});
