/** Two backends under load, one of them killed again and again; and the judgement. */
import { expect } from 'vitest';
import { type Client, connect } from '../../src/client/index.js';
import { BackendProcess, type StreamRecord } from './backend-process.js';
import { startGateway } from './gateway.js';

export interface Kills {
  readonly rounds: number;
  readonly sessions: number;
  /** Messages of all sessions that are answered between two kills. */
  readonly messagesBetween: number;
}

interface Talk {
  readonly id: string;
  sent: number;
  /** Numbers, in the order of the answers. */
  readonly answers: number[];
  readonly failures: string[];
  readonly gaps: string[];
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Looks now and then: all else needs the processor. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

export async function killBackends({ rounds, sessions, messagesBetween }: Kills): Promise<void> {
  await using one = await BackendProcess.start();
  await using other = await BackendProcess.start();
  await using under = await startGateway({
    upstreams: JSON.stringify({
      it: { addresses: [one.address, other.address], backoffFirst: '20ms', backoffMax: '500ms' },
    }),
    routes: JSON.stringify({ echo: { kind: 'echo' }, up: { kind: 'upstream', upstream: 'it' } }),
  });
  const client = connect(under.address, { clientId: 'load' });
  const talks = Array.from({ length: sessions }, (_, index): Talk => ({
    id: `s${String(index)}`,
    sent: 0,
    answers: [],
    failures: [],
    gaps: [],
  }));
  let isOver = false;
  const talking = talks.map((talk) => converse(client, talk, () => !isOver));
  const answered = (): number => talks.reduce((sum, { answers }) => sum + answers.length, 0);
  try {
    for (let round = 0; round < rounds; round += 1) {
      const goal = answered() + messagesBetween;
      await until(() => answered() >= goal);
      const victim = round % 2 === 0 ? one : other;
      await victim.kill();
      await victim.live();
      // Both are there again before the next one is killed.
      await until(
        () => under.gateway.upstreams[0]?.addresses.every(({ health }) => health === 'serving') ?? false,
      );
    }
  } finally {
    isOver = true;
  }
  await Promise.all(talking);
  const [levels] = under.gateway.upstreams;
  await client.close();
  const streams = [...one.streams, ...other.streams];
  for (const talk of talks)
    judge(
      talk,
      streams.filter(({ session }) => session === talk.id),
    );
  // The kills were felt: else nothing has been shown.
  expect(levels?.addresses.reduce((sum, { streamsLost }) => sum + streamsLost, 0)).toBeGreaterThan(0);
  expect(levels?.messagesRepeated).toBeGreaterThan(0);
  expect(levels).toMatchObject({ offences: 0, messagesUnavailable: 0, messagesGivenUp: 0, waiting: 0 });
}

async function converse(client: Client, talk: Talk, goesOn: () => boolean): Promise<void> {
  const session = await client.open('up', {
    id: talk.id,
    onFailure: (error) => talk.failures.push(error.code),
    onGap: ({ reason }) => talk.gaps.push(reason),
  });
  const reading = (async () => {
    for await (const { data } of session) {
      talk.answers.push(Number(Buffer.from(data).toString()));
      if (!goesOn() && talk.answers.at(-1) === talk.sent) return;
    }
  })();
  while (goesOn()) {
    talk.sent += 1;
    await session.send(String(talk.sent));
    if (talk.sent % 16 === 0) await turn();
  }
  talk.sent += 1;
  await session.sendAndWait(String(talk.sent));
  await reading;
  session.end();
  await session.closed;
}

/** Nothing lost, nothing out of order, and twice only what the backend before had not acknowledged. */
function judge({ id, sent, answers, failures, gaps }: Talk, streams: readonly StreamRecord[]): void {
  expect({ id, failures, gaps }).toEqual({ id, failures: [], gaps: [] });
  const inOrder = [...streams].sort((a, b) => a.attempt - b.attempt);
  let through = 0;
  for (const { attempt, after, handled } of inOrder) {
    // What was accepted before had been handled before, and does not come again.
    expect(after, `stream ${String(attempt)} of ${id}`).toBeLessThanOrEqual(through);
    expect(handled.map(({ sequence }) => sequence)).toEqual(handled.map((_, index) => after + 1 + index));
    for (const { sequence, n } of handled) expect(n).toBe(sequence);
    through = Math.max(through, handled.at(-1)?.sequence ?? 0);
  }
  expect(through).toBe(sent);
  // Answers: each at least once, none before the one that precedes it.
  let last = 0;
  for (const n of answers) {
    expect(n).toBeLessThanOrEqual(last + 1);
    last = Math.max(last, n);
  }
  expect(last).toBe(sent);
}
