/** Half an hour of faults, with restarted and leaving gateways among them, under the SDK's sessions, in seconds. */
import { expect } from 'vitest';
import type { ClientEvent } from '../../src/client/client-event.js';
import { Client } from '../../src/client/client.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { dialOf, MemoryGateway } from './memory-gateways.js';
import { type Account, converse, judge } from './numbered-exchange.js';
import { NumberedRoute } from './numbered-route.js';
import { judgeEvents } from './sdk-storm.js';
import { seededRandom } from './windowed-random.js';

const DURATION_MS = 30 * 60_000;
const RESUME_WINDOW_MS = 30_000;
/** Between two faults, at most. */
const CALM_MS = 15_000;
/** How long an application may be busy with something else. */
const REST_MS = 5_000;
const STEP_MS = 250;
const SESSIONS = 3;

const SETTINGS = {
  'session.idleTimeout': 0,
  'session.windowMessages': 64,
  'session.windowSize': '64KiB',
  'session.maxPayloadSize': '32KiB',
  'server.maxMessageSize': '8KiB',
  'server.maxStreamAge': '8s',
  'server.ageJitter': 0,
  'server.ageGrace': '3s',
  'server.drainGrace': '8s',
  'pool.maxConnectionsPerClient': 100,
};

interface Weather {
  readonly gateways: readonly MemoryGateway[];
  readonly clock: FakeClock;
  readonly random: () => number;
  /** Whether gateways lose their sessions: restarts, drains, absences longer than the resume window. */
  readonly loses: boolean;
}

async function storm({ gateways, clock, random, loses }: Weather): Promise<void> {
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.setTimeout(resolve, ms));
  const absence = (): number => random() * (loses && random() < 0.2 ? 2 * RESUME_WINDOW_MS : 15_000);
  const faults: readonly ((gateway: MemoryGateway) => void | Promise<void>)[] = [
    ({ network }) => {
      network.breakConnections();
    },
    async ({ network }) => {
      network.frozen = true;
      await sleep(absence());
      network.frozen = false;
    },
    async ({ network }) => {
      network.unreachable = true;
      network.breakConnections();
      await sleep(absence());
      network.unreachable = false;
    },
    ...(loses
      ? [(gateway: MemoryGateway) => gateway.restart(), (gateway: MemoryGateway) => gateway.drain()]
      : []),
  ];
  while (clock.now() < DURATION_MS) {
    await sleep(random() * CALM_MS);
    const gateway = gateways[Math.floor(random() * gateways.length)];
    if (gateway !== undefined) await faults[Math.floor(random() * faults.length)]?.(gateway);
  }
}

export interface HalfHour {
  readonly seed: number;
  readonly batches: boolean;
  /** Two gateways that are restarted and leave, or are away for too long; else one that keeps its sessions. */
  readonly loses: boolean;
}

/** Nothing is lost, repeated or reordered that is not told, and nothing left behind. */
export async function exchangeForHalfAnHour({ seed, batches, loses }: HalfHour): Promise<void> {
  const random = seededRandom(seed);
  const clock = new FakeClock();
  const numbers = new NumberedRoute(clock);
  // Gateways that lose nothing wait longer than anything lasts, one fault after the other.
  const resumeWindow = loses ? `${RESUME_WINDOW_MS}ms` : '1h';
  const settings = { ...SETTINGS, 'session.resumeWindow': resumeWindow };
  const gateways = ['gateway:1', 'gateway:2']
    .slice(0, loses ? 2 : 1)
    .map((address) => new MemoryGateway(address, clock, settings, { numbered: numbers.route }));
  const events: ClientEvent[] = [];
  const client = new Client(
    gateways.map(({ address }) => address),
    {
      batches,
      clientId: 'ann',
      sessionsPerStream: 2,
      maxStreams: 5,
      openTimeoutMs: 600_000,
      onEvent: (event) => events.push(event),
    },
    { clock, random, dial: dialOf(gateways) },
  );
  let isOver = false;
  const rest = (): Promise<void> =>
    new Promise((resolve) => clock.setTimeout(resolve, random() < 0.6 ? random() * REST_MS : random() * 100));
  const talk = async (): Promise<Account[]> => {
    const weather = storm({ gateways, clock, random, loses }).finally(() => (isOver = true));
    const accounts = await Promise.all(
      Array.from({ length: SESSIONS }, (_, index) =>
        converse({
          ...{ client, random, rest, id: `s${index}`, goesOn: () => !isOver },
          ...(loses && { resends: index % 2 === 1 }),
        }),
      ),
    );
    await weather;
    await client.close();
    for (const gateway of gateways) await gateway.stop();
    return accounts;
  };
  const accounts = await inTime(clock, talk(), 2 * DURATION_MS);

  for (const account of accounts) judge(account, numbers.lives.get(account.id) ?? []);
  const resets = accounts.flatMap(({ stretches }) => stretches);
  if (loses) expect(resets.length).toBeGreaterThan(SESSIONS);
  judgeEvents(events);
  const kinds = new Set(events.map(({ kind }) => kind));
  expect(kinds).toEqual(new Set(['connecting', 'connected', 'disconnected', 'draining']));
  for (const gateway of gateways) gateway.expectNothingLeft();
  expect({
    timers: clock.activeTimers,
    immediates: clock.pendingImmediates,
    sessions: client.sessions,
  }).toEqual({
    ...{ timers: 0, immediates: 0, sessions: 0 },
  });
}

/** Moves time until it resolves. */
async function inTime<T>(clock: FakeClock, promise: Promise<T>, mostMs: number): Promise<T> {
  const state = { isSettled: false };
  promise.finally(() => (state.isSettled = true)).catch(() => undefined);
  while (!state.isSettled) {
    if (clock.now() > mostMs) throw new Error(`not over after ${clock.now()} ms`);
    await clock.advanceAsync(STEP_MS);
  }
  return await promise;
}
