/** Who does not read stops who writes, through the gateway, whatever the backend is written in; and what was held comes in the end. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { LANGUAGES, startPlayBackend } from '../helpers/play-backends.js';
import { PlayWorld } from '../helpers/play-world.js';
import { Figures } from '../helpers/proxy-figures.js';
import { settled } from '../helpers/settled.js';

const KIB = 1_024;
const MESSAGE_BYTES = KIB;
const MESSAGES = 20_000;
const QUEUE_SIZE = '64KiB';
/**
 * queueSize, the windows of flow control on both ways (256 KiB and 64 KiB) and what libraries
 * keep of their own; a tenth of what there is to send.
 */
const MOST_BYTES = 2_000 * KIB;
/** What a server of grpcio lets in of a call that nobody reads. */
const GRPCIO_WINDOW_BYTES = 4_096 * KIB;

describe.for(LANGUAGES)('a backend in %s', (language) => {
  it('stops writing when its client takes nothing, and gets rid of all when it does', async (context) => {
    await using backend = await startPlayBackend(language, context);
    await using world = await PlayWorld.start(backend.address, { queueSize: QUEUE_SIZE });
    const name = randomUUID();
    let goOn: (() => void) | undefined;
    const stalled = new Promise<void>((resolve) => (goOn = resolve));
    const playing = world.through.play({
      shape: 'Follow',
      name,
      steps: [['send', MESSAGES, MESSAGE_BYTES]],
      onAnswer: (answers, stream) => {
        if (answers !== 1) return;
        stream.pause();
        void stalled.then(() => stream.resume());
      },
    });
    const sent = async (): Promise<number> => (await world.direct.ask('Look', name)).sent;
    await expect.poll(() => sent().catch(() => 0), { timeout: 20_000 }).toBeGreaterThan(0);
    const written = await atRest(sent);
    expect(written * MESSAGE_BYTES).toBeLessThan(MOST_BYTES);
    const figures = await Figures.of(world.under.admin);
    expect(figures.sum('sluice_proxy_pauses_total', { direction: 'down' })).toBeGreaterThan(0);
    expect(figures.sum('sluice_proxy_held_bytes')).toBeLessThan(MOST_BYTES);
    goOn?.();
    expect(await playing).toMatchObject({
      status: 0,
      answers: { count: MESSAGES, bytes: MESSAGES * MESSAGE_BYTES },
    });
    expect(await world.direct.ask('Report', name)).toMatchObject({ sent: MESSAGES, cancelled: false });
  });

  it('that takes nothing stops its client, and the end of the call is all it takes', async (context) => {
    await using backend = await startPlayBackend(language, context);
    await using world = await PlayWorld.start(backend.address, { queueSize: QUEUE_SIZE });
    const name = randomUUID();
    let written = 0;
    function* messages(): Generator<Buffer> {
      for (; written < MESSAGES; written += 1) yield Buffer.alloc(MESSAGE_BYTES);
    }
    let cancel: (() => void) | undefined;
    const playing = world.through.play({
      shape: 'Talk',
      name,
      steps: [['echo', 1], ['wait']],
      requests: messages(),
      onAnswer: (_, stream) => {
        cancel = () => {
          stream.cancel();
        };
      },
    });
    await expect.poll(() => cancel, { timeout: 20_000 }).toBeDefined();
    await settled(() => written);
    const taken = async (): Promise<number> =>
      (await Figures.of(world.under.admin)).sum('sluice_proxy_bytes_total', { direction: 'up' });
    const own = language === 'python' ? GRPCIO_WINDOW_BYTES : 0;
    expect(await atRest(taken)).toBeLessThan(MOST_BYTES + own);
    const figures = await Figures.of(world.under.admin);
    expect(figures.sum('sluice_proxy_pauses_total', { direction: 'up' })).toBeGreaterThan(0);
    expect(figures.sum('sluice_proxy_held_bytes')).toBeLessThan(MOST_BYTES);
    expect(written).toBeLessThan(MESSAGES);
    cancel?.();
    expect(await playing).toMatchObject({ status: 1 });
    expect(await world.direct.ask('Report', name)).toMatchObject({ cancelled: true, read: 1 });
  });
});

/** What it is when it has stopped changing: ten looks in a row. */
async function atRest(look: () => Promise<number>): Promise<number> {
  let last = await look();
  for (let same = 0; same < 10; same += 1) {
    await new Promise((resolve) => setTimeout(resolve, 30));
    const now = await look();
    if (now !== last) same = -1;
    last = now;
  }
  return last;
}
