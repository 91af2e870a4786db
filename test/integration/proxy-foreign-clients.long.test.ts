/** A client and backends of other libraries, with the gateway between them: buf curl is in proxy-reflection.long.test.ts. */
import { describe, expect, it } from 'vitest';
import { pythonClient, requirePython } from '../helpers/external-clients.js';
import { startPlayBackend } from '../helpers/play-backends.js';
import { PlayWorld } from '../helpers/play-world.js';

interface Played {
  readonly initial: readonly (readonly [string, string])[];
  readonly answers: readonly (string | number)[];
  readonly code: string;
  readonly message: string;
  readonly trailers: readonly (readonly [string, string])[];
}

const OWN = ['x-client-id', 'x-client-class', 'x-forwarded-for', ':authority'];

/** What a backend was told, without what is the gateway's own, and the deadline, which has gone on. */
function toldIn({ answers: [answer] }: Played): object {
  const { metadata } = JSON.parse(Buffer.from(String(answer), 'hex').toString()) as {
    readonly metadata: Readonly<Record<string, readonly string[]>>;
  };
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => !OWN.includes(name)));
}

describe.for(['python', 'go'] as const)('the client of grpcio at a backend in %s', (language) => {
  it('sees the same through the gateway, compressed or not', async (context) => {
    await requirePython(context);
    await using backend = await startPlayBackend(language, context);
    await using world = await PlayWorld.start(backend.address);
    const targets = [backend.address, world.under.address];
    const results = (await pythonClient('play_calls.py', targets)) as Record<string, Record<string, Played>>;
    const [{ seen: told, ...direct } = {}, { seen: toldVia, ...through } = {}] = targets.map(
      (target) => results[target],
    );
    expect(direct).toMatchObject({
      unary: { code: 'OK' },
      follow: { code: 'OK', answers: { length: 500 } },
      gzip: { code: 'OK', answers: { length: 20 } },
      'error in mid-stream': { code: 'NOT_FOUND', message: 'größer: 100% 🌡', answers: { length: 3 } },
    });
    expect(through).toEqual(direct);
    if (told === undefined || toldVia === undefined) throw new Error('it did not ask what was seen');
    expect(toldIn(told)).toMatchObject({ 'x-said': ['one', 'two'] });
    expect(toldIn(toldVia)).toEqual(toldIn(told));
  });
});
