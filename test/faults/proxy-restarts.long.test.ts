/** Backends that are killed, or told to end, under load of unary calls and streams. */
import { describe, it } from 'vitest';
import { LANGUAGES } from '../helpers/play-backends.js';
import { restartBackends } from '../helpers/restarted-backends.js';

describe.for(LANGUAGES)('backends in %s, one restarted after the other under load', (language) => {
  it('kill -9: no call is lost that may be made again, streams end UNAVAILABLE', async (context) => {
    await restartBackends(context, { language, signal: 'SIGKILL', rounds: 6 });
  });

  it('told to end: nothing is lost at all', async (context) => {
    await restartBackends(context, { language, signal: 'SIGTERM', rounds: 6 });
  });
});
