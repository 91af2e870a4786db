import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../src/core/errors.js';
import type { Route } from '../../src/session/route.js';
import type { StreamMethod } from '../../src/transport/contract.js';
import { controlMessage, dataMessage, MessageType, type DataMessage } from '../../src/wire/messages.js';
import {
  GatedClient,
  gatedServer,
  Held,
  identityOf,
  leftOf,
  NOTHING_LEFT,
  type GatedWorld,
} from '../helpers/gate.js';
import { openOf, tokenOf } from '../helpers/windowed-world.js';

// The same words to two gateways: one whose gate answers each question at once,
// one whose gate answers when the script says so. What the routes were given,
// and what the client was told of each session, has to be the same.

/** What is said of one session, windowed: an Open, or something that may or may not fit what came before. */
const windowedWord = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      say: fc.constant('open' as const),
      token: fc.integer({ min: 1, max: 2 }),
      attempt: fc.integer({ min: 0, max: 3 }),
      resume: fc.boolean(),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ say: fc.constant('data' as const), step: fc.constantFrom(1, 1, 1, 1, 0, 2) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ say: fc.constantFrom('pause', 'resume', 'window', 'ack 0', 'heartbeat') }),
  },
  { weight: 1, arbitrary: fc.record({ say: fc.constantFrom('close', 'ack 9', 'unsequenced') }) },
);
const windowedScript = fc.array(
  fc.record({ session: fc.constantFrom('a', 'b', 'c'), word: windowedWord, together: fc.boolean() }),
  { minLength: 1, maxLength: 40 },
);

const simpleScript = fc.array(
  fc.record({
    session: fc.constantFrom('a', 'b', 'c', 'd'),
    say: fc.constantFrom('data', 'data', 'data', 'data', 'pause', 'resume', 'ack', 'window', 'close'),
    together: fc.boolean(),
  }),
  { minLength: 1, maxLength: 40 },
);

/** After which messages which of the open questions is answered. */
const answering = fc.array(fc.record({ after: fc.nat(40), which: fc.nat(5) }), { maxLength: 30 });
const method = fc.constantFrom<StreamMethod>('StreamData', 'StreamBatches');

/** Yes or no, to the n-th question about each session. */
type Verdicts = (sessionId: string, n: number) => boolean;

/** Messages that go out in one write. */
type Writes = readonly (readonly DataMessage[])[];

function windowedWrites(
  script: readonly { session: string; word: { say: string } & Partial<Said>; together: boolean }[],
): Writes {
  const sequences = new Map<string, number>();
  return inWrites(
    script.map(({ session, word, together }) => {
      if (word.say === 'open' && word.resume === false) sequences.set(session, 0);
      const sequence = (sequences.get(session) ?? 0) + (word.step ?? 0);
      if (word.say === 'data') sequences.set(session, sequence);
      return { together, message: windowedMessage(session, word, sequence) };
    }),
  );
}

interface Said {
  readonly token: number;
  readonly attempt: number;
  readonly resume: boolean;
  readonly step: number;
}

function windowedMessage(
  session: string,
  { say, token = 1, attempt = 0, resume = false }: { say: string } & Partial<Said>,
  sequence: number,
): DataMessage {
  switch (say) {
    case 'open':
      return controlMessage(openOf({ resumeToken: tokenOf(token), attempt, resume }), session);
    case 'data':
      return dataMessage({ sessionId: session, sequence: Math.max(1, sequence) });
    case 'unsequenced':
      return dataMessage({ sessionId: session });
    case 'heartbeat':
      return dataMessage({ type: MessageType.HEARTBEAT, sessionId: session });
    case 'ack 0':
    case 'ack 9':
      return dataMessage({ type: MessageType.ACK, sessionId: session, ack: Number(say.at(-1)) });
    case 'window':
      return controlMessage({ action: 'window', messages: 3, bytes: 0 }, session);
    case 'pause':
      return controlMessage({ action: 'pause', reason: '' }, session);
    default:
      return controlMessage({ action: say === 'close' ? 'close' : 'resume' }, session);
  }
}

function simpleWrites(script: readonly { session: string; say: string; together: boolean }[]): Writes {
  const closed = new Set<string>();
  let n = 0;
  return inWrites(
    script.flatMap(({ session, say, together }) => {
      // Whether data behind a Close opens another session depends on when Closed is written: left out.
      if (closed.has(session)) return [];
      if (say === 'close') closed.add(session);
      n += 1;
      return [{ together, message: simpleMessage(session, say, n) }];
    }),
  );
}

function simpleMessage(session: string, say: string, n: number): DataMessage {
  switch (say) {
    case 'data':
      return dataMessage({ sessionId: session, key: `${n}` });
    case 'ack':
      return dataMessage({ type: MessageType.ACK, sessionId: session, ack: 1 });
    case 'window':
      return controlMessage({ action: 'window', messages: 3, bytes: 0 }, session);
    case 'pause':
      return controlMessage({ action: 'pause', reason: '' }, session);
    default:
      return controlMessage({ action: say === 'close' ? 'close' : 'resume' }, session);
  }
}

function inWrites(said: readonly { readonly together: boolean; readonly message: DataMessage }[]): Writes {
  const writes: DataMessage[][] = [];
  for (const { together, message } of said) {
    const last = writes.at(-1);
    if (together && last !== undefined) last.push(message);
    else writes.push([message]);
  }
  return writes;
}

interface Outcome {
  /** What routes were given, by session. */
  readonly given: Readonly<Record<string, readonly string[]>>;
  /** What the client was told, by session, acks left out: how many there are is a matter of time. */
  readonly told: Readonly<Record<string, readonly string[]>>;
  readonly end: string | undefined;
}

async function play(
  writes: Writes,
  by: StreamMethod,
  verdicts: Verdicts,
  answers: readonly { readonly after: number; readonly which: number }[] | 'at once',
): Promise<Outcome> {
  const given: Record<string, string[]> = {};
  const route: Route = {
    kind: 'test',
    open: ({ sessionId }) => ({
      handle({ sequence, key }) {
        (given[sessionId] ??= []).push(`${sequence}${key}`);
      },
      closed() {
        (given[sessionId] ??= []).push('closed');
      },
    }),
  };
  const made: GatedWorld = gatedServer(route, { settings: { maxControlAnswers: 4 } });
  made.gate.onIdentify = () => identityOf('ann');
  const questions = new Map<string, number>();
  const open: { readonly held: Held<void>; readonly yes: boolean }[] = [];
  made.gate.onOpen = ({ sessionId }) => {
    const n = questions.get(sessionId) ?? 0;
    questions.set(sessionId, n + 1);
    const yes = verdicts(sessionId, n);
    if (answers === 'at once') return yes ? undefined : new SluiceError('PERMISSION_DENIED', 'no');
    const held = new Held<void>();
    open.push({ held, yes });
    return held.promise;
  };
  const answer = async (which: number): Promise<void> => {
    const [asked] = open.splice(which % Math.max(1, open.length), 1);
    if (asked?.yes === true) asked.held.resolve();
    else asked?.held.reject(new SluiceError('PERMISSION_DENIED', 'no'));
    await made.clock.settle();
  };
  const client = new GatedClient(made, { method: by });
  await made.clock.settle();
  for (const [n, messages] of writes.entries()) {
    client.send(...messages);
    await made.clock.settle();
    if (answers === 'at once') continue;
    for (const { after, which } of answers) if (after === n) await answer(which);
  }
  client.connection.halfClose();
  await made.clock.settle();
  while (open.length > 0) await answer(0);
  await made.clock.advanceAsync(1_000);
  const told: Record<string, string[]> = {};
  for (const id of ['a', 'b', 'c', 'd']) {
    told[id] = client.words(id).filter((word) => !word.startsWith('ack'));
  }
  const { end } = client;
  made.server.destroy();
  await made.clock.settle();
  expect(leftOf(made)).toEqual(NOTHING_LEFT);
  const { up } = made.metrics;
  expect(up.admitted).toBe(up.delivered + up.dropped);
  return { given, told, end };
}

describe('an Open that is answered later', () => {
  it('windowed: it is as if the answer had come at once', async () => {
    const verdict = fc.array(fc.boolean(), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(windowedScript, answering, verdict, method, async (script, answers, verdicts, by) => {
        const writes = windowedWrites([
          { session: 'a', word: { say: 'open', token: 1, attempt: 1, resume: false }, together: false },
          ...script,
        ]);
        const yes: Verdicts = (sessionId, n) =>
          verdicts[(n + sessionId.charCodeAt(0)) % verdicts.length] === true;
        const atOnce = await play(writes, by, yes, 'at once');
        const later = await play(writes, by, yes, answers);
        expect(later).toEqual(atOnce);
      }),
      { numRuns: 300 },
    );
  });

  it('simple: it is as if the answer had come at once', async () => {
    await fc.assert(
      fc.asyncProperty(simpleScript, answering, fc.boolean(), method, async (script, answers, yes, by) => {
        const writes = simpleWrites([{ session: 'a', say: 'data', together: false }, ...script]);
        const atOnce = await play(writes, by, () => yes, 'at once');
        const later = await play(writes, by, () => yes, answers);
        expect(later).toEqual(atOnce);
      }),
      { numRuns: 300 },
    );
  });
});
