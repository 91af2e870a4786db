import { test } from 'vitest';
import { killBackends } from '../helpers/backend-kills.js';

test('kill -9 of one backend and then the other under load, again and again', async () => {
  await killBackends({ rounds: 30, sessions: 16, messagesBetween: 5_000 });
}, 600_000);
