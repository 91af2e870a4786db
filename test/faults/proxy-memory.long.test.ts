/** 100 MiB through the gateway each way, to and from those who are slower: it holds little, and its memory stays where it was. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { GatewayProcess } from '../helpers/gateway-process.js';
import { PlayBackend } from '../helpers/play-backend.js';
import { PlayClient } from '../helpers/play-client.js';
import { PLAY_SERVICE, type Step } from '../helpers/play-steps.js';
import { Figures } from '../helpers/proxy-figures.js';

const KIB = 1_024;
const MIB = KIB * KIB;
const MESSAGE_BYTES = 64 * KIB;
/** 100 MiB. */
const MESSAGES = 1_600;
/** A fifth of it, so that buffers, code and heap have grown to what traffic needs. */
const WARM_UP = 320;
/** What a process of Node grows by whatever it does; all of it would be 100. */
const MOST_GROWTH_BYTES = 40 * MIB;
/** queueSize, a window of flow control and one message, twice. */
const MOST_HELD_BYTES = 2 * MIB;

/** Looks until it is told that it is over. */
class MemoryWatch {
  growth = { rss: 0, heap: 0, external: 0 };
  held = 0;
  readonly #admin: string;
  #base: typeof this.growth | undefined;
  #over = false;
  readonly #looking: Promise<void>;

  constructor(admin: string) {
    this.#admin = admin;
    this.#looking = this.#look();
  }

  /** From now on it counts; what was the most so far is what it is compared with. */
  begin(): void {
    this.#base = this.growth;
    this.growth = { rss: 0, heap: 0, external: 0 };
  }

  async end(): Promise<void> {
    this.#over = true;
    await this.#looking;
  }

  async #look(): Promise<void> {
    while (!this.#over) {
      const figures = await Figures.of(this.#admin);
      const { rss = 0, heap = 0, external = 0 } = this.#base ?? {};
      const more = (name: string, base: number, most: number): number =>
        Math.max(most, figures.sum(name) - base);
      this.growth = {
        rss: more('process_resident_memory_bytes', rss, this.growth.rss),
        heap: more('nodejs_heap_size_used_bytes', heap, this.growth.heap),
        external: more('nodejs_external_memory_bytes', external, this.growth.external),
      };
      this.held = Math.max(this.held, figures.sum('sluice_proxy_held_bytes'));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

interface World extends AsyncDisposable {
  readonly gateway: GatewayProcess;
  readonly client: PlayClient;
  readonly watch: MemoryWatch;
}

async function start(): Promise<World> {
  const backend = await PlayBackend.start();
  const calls = { services: [PLAY_SERVICE], addresses: [backend.address] };
  const gateway = await GatewayProcess.ready(['--proxies', JSON.stringify({ calls })]);
  const client = new PlayClient(gateway.address);
  const watch = new MemoryWatch(gateway.admin);
  return {
    gateway,
    client,
    watch,
    async [Symbol.asyncDispose]() {
      await watch.end();
      client[Symbol.dispose]();
      await gateway[Symbol.asyncDispose]();
      await backend[Symbol.asyncDispose]();
    },
  };
}

function hashOf(count: number): string {
  const hash = createHash('sha256');
  for (let n = 0; n < count; n += 1) hash.update(Buffer.alloc(MESSAGE_BYTES, n % 251));
  return hash.digest('hex');
}

async function expectFlat({ gateway, watch }: World): Promise<void> {
  await watch.end();
  for (const bytes of Object.values(watch.growth))
    expect(bytes, JSON.stringify(watch.growth)).toBeLessThan(MOST_GROWTH_BYTES);
  expect(watch.held).toBeGreaterThan(0);
  expect(watch.held).toBeLessThan(MOST_HELD_BYTES);
  const left = await Figures.of(gateway.admin);
  expect(left.sum('sluice_proxy_calls')).toBe(0);
  expect(left.sum('sluice_proxy_held_bytes')).toBe(0);
  expect(left.sum('sluice_buffered_bytes')).toBe(0);
}

describe('100 MiB through the gateway', () => {
  it('to a client that stops again and again until the backend is stopped', async () => {
    await using world = await start();
    const { gateway, client, watch } = world;
    const follow = (count: number) =>
      client.play({ shape: 'Follow', steps: [['send', count, MESSAGE_BYTES]] });
    await follow(WARM_UP);
    watch.begin();

    const pauses = async (): Promise<number> =>
      (await Figures.of(gateway.admin)).sum('sluice_proxy_pauses_total', { direction: 'down' });
    let stops = 0;
    const seen = await client.play({
      shape: 'Follow',
      steps: [['send', MESSAGES, MESSAGE_BYTES]],
      onAnswer: (answers, stream) => {
        if (answers % 400 !== 100) return;
        stream.pause();
        void (async () => {
          const before = stops;
          await expect.poll(pauses, { timeout: 20_000 }).toBeGreaterThan(before);
          stops = await pauses();
          stream.resume();
        })();
      },
    });
    expect(seen).toMatchObject({ status: 0, answers: { count: MESSAGES, sha256: hashOf(MESSAGES) } });
    expect(stops).toBeGreaterThanOrEqual(4);
    await expectFlat(world);
  });

  it('to a backend that is busy after every mebibyte', async () => {
    await using world = await start();
    const { gateway, client, watch } = world;
    const upload = (count: number, steps: readonly Step[]) =>
      client.play({
        shape: 'Upload',
        steps: [...steps, ['read', -1], ['digest']],
        requests: Array.from({ length: count }, (_, n) => Buffer.alloc(MESSAGE_BYTES, n % 251)),
      });
    await upload(WARM_UP, []);
    watch.begin();
    const slow = Array.from({ length: MESSAGES / 16 }, (): Step[] => [
      ['read', 16],
      ['sleep', 20],
    ]);
    const seen = await upload(MESSAGES, slow.flat());
    expect(seen.status).toBe(0);
    expect(JSON.parse(String(seen.first))).toEqual({
      messages: MESSAGES,
      bytes: MESSAGES * MESSAGE_BYTES,
      sha256: hashOf(MESSAGES),
    });
    const figures = await Figures.of(gateway.admin);
    expect(figures.sum('sluice_proxy_pauses_total', { direction: 'up' })).toBeGreaterThan(0);
    await expectFlat(world);
  });
});
