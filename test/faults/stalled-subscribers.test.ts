import { test } from 'vitest';
import { expectStalledRoom } from '../helpers/stalled-room.js';

test('of a room of 100, ten take nothing: the others get everything, in order, and nobody waits for them', async () => {
  await expectStalledRoom({ subscribers: 100, stalled: 10, messages: 400 });
});
