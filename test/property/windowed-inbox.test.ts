import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FlowCounters } from '../../src/core/counters.js';
import { Inbox } from '../../src/session/windowed/inbox.js';
import { dataMessage, type DataMessage } from '../../src/wire/messages.js';
import { ModelInbox } from './model/inbox.js';

const RUNS = 1_000;
const MAX_MOVES = 120;

const size = (max: number): fc.Arbitrary<{ messages: number; bytes: number }> =>
  fc.record({ messages: fc.integer({ min: 1, max }), bytes: fc.integer({ min: 1, max: max * 12 }) });

const move = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('receive' as const),
      // Beside the sequence that must come: duplicates, jumps and none at all.
      off: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 0, -1, -3, 1),
      unsequenced: fc.constantFrom(false, false, false, false, false, false, false, true),
      weight: fc.nat(14),
      key: fc.constantFrom('', '', 'key'),
      more: fc.constantFrom(false, false, true),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('finish' as const), accepted: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('tell' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('set-aside' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('attach' as const), granted: size(8) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('window' as const),
      change: fc.record({ messages: fc.nat(8), bytes: fc.nat(100) }),
    }),
  },
);

const options = fc.record({
  wantsWhole: fc.boolean(),
  maxPayloadBytes: fc.integer({ min: 10, max: 60 }),
  granted: size(8),
});

/** The data of the pieces, one after the other. */
const dataOf = (messages: readonly DataMessage[]): number[] => messages.flatMap(({ data }) => [...data]);

describe('Inbox', () => {
  it('does what its model does, whatever comes', () => {
    fc.assert(
      fc.property(options, fc.array(move, { maxLength: MAX_MOVES }), (run, moves) => {
        const { wantsWhole, maxPayloadBytes } = run;
        const modelCounters = new FlowCounters();
        const model = new ModelInbox(wantsWhole, maxPayloadBytes, modelCounters);
        const counters = new FlowCounters();
        const total = new FlowCounters();
        const inbox = new Inbox({ wantsWhole, maxPayloadBytes, counters, total });
        /** By sequence, less 1. */
        const weights: number[] = [];
        let names = 0;
        /** Payloads that the route has before the one that it is given. */
        let aside = 0;

        const same = (): void => {
          for (const mark of ['received', 'finished', 'granted', 'ackBeforeErrors'] as const)
            expect(inbox[mark], mark).toEqual(model[mark]);
          expect(inbox.told).toBe(model.told);
          expect(inbox.pending.messages).toBe(model.pending);
          expect(inbox.pending.bytes).toBe(weights.slice(inbox.finished).reduce((sum, one) => sum + one, 0));
          expect(inbox.errors.map(({ sequence }) => sequence)).toEqual(model.errors);
          modelCounters.admittedBytes = counters.admittedBytes; // not kept by the model
          expect(counters).toEqual(modelCounters);
          expect(counters.admittedBytes).toBe(weights.reduce((sum, one) => sum + one, 0));
          expect(total).toEqual(counters);
          const untold = weights.slice(inbox.told, inbox.finished);
          const { messages, bytes } = inbox.granted;
          expect(inbox.ackDue).toBe(
            untold.length > 0 &&
              (untold.length >= messages / 2 || untold.reduce((sum, one) => sum + one, 0) >= bytes / 2),
          );
          const pieces = model.handlingBehind(aside);
          const handling = inbox.handling();
          expect(handling?.sequence).toBe(pieces?.at(-1)?.sequence);
          if (handling !== undefined) expect([...handling.data]).toEqual(dataOf(pieces ?? []));
          expect(inbox.handling()).toBe(handling);
        };

        inbox.attach(run.granted);
        model.attach(run.granted);
        for (const step of moves) {
          switch (step.kind) {
            case 'receive': {
              const { key, more, weight } = step;
              const sequence = step.unsequenced ? 0 : Math.max(0, inbox.received + 1 + step.off);
              names += 1;
              const data = new Uint8Array(weight).fill(names);
              const fields = { sequence, key, more, data };
              const reception = inbox.receive(dataMessage(fields));
              expect(reception).toBe(model.receive(dataMessage(fields)));
              if (inbox.received > weights.length) weights.push(weight + key.length);
              // What ends the session is where its inbox ends.
              if (reception !== 'admitted' && reception !== 'duplicate') {
                same();
                inbox.discard('session-closed');
                model.discard('session-closed');
                modelCounters.admittedBytes = counters.admittedBytes; // not kept by the model
                expect(counters).toEqual(modelCounters);
                expect(total).toEqual(counters);
                expect(counters.pending).toBe(0);
                expect(inbox.pending).toMatchObject({ messages: 0, bytes: 0 });
                return;
              }
              break;
            }
            case 'finish':
              if (model.handling === undefined) break;
              if (step.accepted) inbox.accept();
              else expect(inbox.fail('ROUTE_FAILED', 'no', 0).sequence).toBe(inbox.finished);
              model.finish(step.accepted);
              aside = Math.max(0, aside - 1);
              break;
            case 'set-aside':
              if (model.handlingBehind(aside) === undefined) break;
              inbox.setAside();
              aside += 1;
              break;
            case 'tell':
              // As the model's gateway does it.
              model.told = model.finished;
              expect(inbox.tell()).toBe(model.told);
              break;
            case 'attach':
              inbox.attach(step.granted);
              model.attach(step.granted);
              break;
            case 'window':
              inbox.changeWindow(step.change);
              model.changeWindow(step.change);
              break;
          }
          same();
        }
      }),
      { numRuns: RUNS },
    );
  });
});
