import { test } from 'vitest';
import { killBackends } from '../helpers/backend-kills.js';

test('kill -9 of a backend under load: nothing lost, nothing out of order, twice only what was not acknowledged', async () => {
  await killBackends({ rounds: 3, sessions: 4, messagesBetween: 2_000 });
}, 60_000);
