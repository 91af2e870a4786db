import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FlowCounters } from '../../src/core/counters.js';
import { Outbox } from '../../src/session/windowed/outbox.js';
import { overflowOf } from '../../src/session/overflow.js';
import { dataMessage, OverflowPolicy, type DataMessage } from '../../src/wire/messages.js';
import { ModelOutbox, type Write } from './model/outbox.js';

const RUNS = 1_000;
const MAX_MOVES = 120;

const size = (max: number): fc.Arbitrary<{ messages: number; bytes: number }> =>
  fc.record({ messages: fc.integer({ min: 1, max }), bytes: fc.integer({ min: 1, max: max * 12 }) });
/** 0 leaves a part of a window as it is. */
const change = fc.record({ messages: fc.nat(8), bytes: fc.nat(100) });

/** A place among the sequences there are, or somewhat above. */
const place = fc.record({
  share: fc.double({ min: 0, max: 1, noNaN: true }),
  beyond: fc.constantFrom(0, 0, 0, 0, 0, 1, 3),
});

const admit = fc.record({
  kind: fc.constant('admit' as const),
  weights: fc.oneof(
    { weight: 3, arbitrary: fc.array(fc.nat(20), { minLength: 1, maxLength: 1 }) },
    { weight: 1, arbitrary: fc.array(fc.nat(12), { minLength: 2, maxLength: 5 }) },
  ),
  key: fc.constantFrom('', 'a', 'b', 'c'),
  ttlMs: fc.constantFrom(0, 0, 2, 5, 10, 20),
});
const take = fc.record({
  kind: fc.constant('take' as const),
  messages: fc.integer({ min: 1, max: 10 }),
  bytes: fc.integer({ min: 1, max: 80 }),
});

const move = fc.oneof(
  { weight: 10, arbitrary: admit },
  { weight: 6, arbitrary: take },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('ack' as const), place }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('attach' as const), place, window: size(8) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('window' as const), change }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 5 }) }),
  },
);

const sequenceAt = (top: number, { share, beyond }: { share: number; beyond: number }): number =>
  Math.round(share * top) + beyond;

const options = fc.record({
  policy: fc.constantFrom(
    OverflowPolicy.BLOCK,
    OverflowPolicy.DROP_OLDEST,
    OverflowPolicy.DROP_NEWEST,
    OverflowPolicy.CONFLATE,
    OverflowPolicy.DISCONNECT,
  ),
  bound: size(10),
  window: size(8),
  withTtl: fc.boolean(),
});

function pieces(weights: readonly number[], key: string, ttlMs: number, name: number): DataMessage[] {
  return weights.map((weight, index) =>
    dataMessage({
      data: new Uint8Array(weight),
      key,
      ttlMs,
      timestampMs: name + index,
      more: index < weights.length - 1,
    }),
  );
}

const weightOfAll = (messages: readonly DataMessage[]): number =>
  messages.reduce((sum, { data, key }) => sum + data.byteLength + key.length, 0);

/** What came out, in words that both sides share. */
type Seen =
  | readonly ['message', sequence: number, name: number]
  | readonly ['gap', from: number, to: number, reason: string];

function seenInModel(write: Write): Seen {
  return write.kind === 'gap'
    ? ['gap', write.from, write.to, write.reason]
    : ['message', write.sequence, write.message.timestampMs];
}

function seen(message: DataMessage): Seen {
  const { control } = message;
  if (control === undefined) return ['message', message.sequence, message.timestampMs];
  if (control.action !== 'gap') throw new Error(`an outbox writes no ${control.action}`);
  return ['gap', control.fromSequence, control.toSequence, control.reason];
}

/** As `Outbox.take` with what the model has. */
function takeFromModel(model: ModelOutbox, maxMessages: number, maxBytes: number, nowMs: number): Seen[] {
  const writes: Seen[] = [];
  let taken = 0;
  while (writes.length < maxMessages && taken < maxBytes) {
    const write = model.next(nowMs);
    if (write === undefined) break;
    if (write.kind === 'message') taken += write.message.data.byteLength + write.message.key.length;
    writes.push(seenInModel(write));
  }
  return writes;
}

type ValueOf<A> = A extends fc.Arbitrary<infer T> ? T : never;

/** What passes sooner is appended behind what never does, twice: once found by chance. */
const OUT_OF_ORDER_AGAIN: [ValueOf<typeof options>, ValueOf<typeof move>[]] = [
  {
    policy: OverflowPolicy.BLOCK,
    bound: { messages: 2, bytes: 1 },
    window: { messages: 1, bytes: 1 },
    withTtl: true,
  },
  [
    { kind: 'admit', weights: [0], key: '', ttlMs: 0 },
    { kind: 'admit', weights: [0], key: '', ttlMs: 5 },
    { kind: 'wait', ms: 5 },
    { kind: 'admit', weights: [0], key: '', ttlMs: 5 },
    { kind: 'wait', ms: 5 },
    { kind: 'admit', weights: [0], key: '', ttlMs: 0 },
  ],
];

describe('Outbox', () => {
  it('does what its model does, whatever is asked of it', () => {
    fc.assert(
      fc.property(options, fc.array(move, { maxLength: MAX_MOVES }), (run, moves) => {
        const modelCounters = new FlowCounters();
        const model = new ModelOutbox(run.policy, run.bound, modelCounters);
        const counters = new FlowCounters();
        const total = new FlowCounters();
        const overflow = overflowOf(run.policy);
        if (overflow === undefined) throw new Error('every policy has its name');
        const outbox = new Outbox({ sessionId: 's', overflow, bound: run.bound, counters, total });
        const written = new Set<DataMessage>();
        let nowMs = 0;
        let names = 0;
        let admittedBytes = 0;

        const same = (): void => {
          for (const mark of ['acked', 'cursor', 'reached', 'assigned', 'settled', 'window'] as const)
            expect(outbox[mark], mark).toEqual(model[mark]);
          expect({ ...outbox.inFlight }).toEqual(model.inFlight);
          expect({ ...outbox.waiting }).toEqual(model.waiting);
          expect(outbox.held.messages).toBe(model.heldCount);
          expect(outbox.lostRanges).toBe(model.lostCount);
          expect(outbox.lostRanges).toBeLessThanOrEqual(model.heldCount + 2);
          expect(counters.pending).toBe(model.heldCount);
          expect(counters.admittedBytes).toBe(admittedBytes);
          modelCounters.admittedBytes = counters.admittedBytes; // not kept by the model
          expect(counters).toEqual(modelCounters);
          expect(total).toEqual(counters);
        };
        const takeSome = (messages: number, bytes: number): void => {
          const { sendable } = outbox;
          const batch: DataMessage[] = [];
          const weight = outbox.take(batch, messages, bytes, nowMs);
          expect(batch.map(seen)).toEqual(takeFromModel(model, messages, bytes, nowMs));
          expect(weight).toBe(weightOfAll(batch));
          if (!run.withTtl) expect(batch.length > 0).toBe(sendable);
          for (const message of batch) {
            if (message.control !== undefined) expect(message.sessionId).toBe('s');
            // Never the same object twice: the first may still be on its way.
            expect(written.has(message)).toBe(false);
            written.add(message);
          }
        };

        expect(outbox.attach(0, run.window)).toBe(model.attach(0, run.window));
        for (const step of moves) {
          switch (step.kind) {
            case 'admit': {
              const ttlMs = run.withTtl ? step.ttlMs : 0;
              names += step.weights.length;
              const offered = pieces(step.weights, step.key, ttlMs, names);
              const admission = outbox.admitPieces(offered, nowMs);
              expect(admission).toBe(model.admit(pieces(step.weights, step.key, ttlMs, names), nowMs));
              if (admission === 'taken') admittedBytes += weightOfAll(offered);
              break;
            }
            case 'take':
              takeSome(step.messages, step.bytes);
              break;
            case 'ack': {
              const sequence = sequenceAt(model.cursor, step.place);
              expect(outbox.ack(sequence)).toBe(model.ack(sequence));
              break;
            }
            case 'attach': {
              const position = sequenceAt(model.reached, step.place);
              expect(outbox.attach(position, step.window)).toBe(model.attach(position, step.window));
              break;
            }
            case 'window':
              outbox.changeWindow(step.change);
              model.changeWindow(step.change);
              break;
            case 'wait':
              nowMs += step.ms;
              break;
          }
          same();
        }

        if (outbox.cursor < outbox.assigned) {
          const writtenOff = outbox.writeOff('drained');
          if (writtenOff === undefined) throw new Error('there was something to write off');
          expect(seen(writtenOff)).toEqual(seenInModel(model.gapTo(model.assigned, 'drained')));
          same();
        }
        expect(outbox.writeOff('drained')).toBeUndefined();
        outbox.discard('drained');
        model.discard('drained');
        same();
        expect(outbox.held).toMatchObject({ messages: 0, bytes: 0 });
        expect(counters.pending).toBe(0);
      }),
      { numRuns: RUNS, examples: [OUT_OF_ORDER_AGAIN] },
    );
  });
});
