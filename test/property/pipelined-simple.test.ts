/** A session of a simple connection with a pipelined route: whatever is done when, it counts in the order it came. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SluiceError } from '../../src/core/errors.js';
import { simpleSession } from '../helpers/simple-session.js';

type How = 'accepted' | 'failed' | undefined;

const how = fc.constantFrom<How>('accepted', 'accepted', 'failed');
const move = fc.oneof(
  // Done at once, or when a move says so.
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('deliver' as const),
      atOnce: fc.option(how, { nil: undefined, freq: 2 }),
    }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('finish' as const), which: fc.nat(20), how }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('blocked' as const), is: fc.boolean() }) },
);
const ends = fc.constantFrom<'nothing' | 'end' | 'close'>('nothing', 'end', 'close');

interface Message {
  how: How;
  settle: ((how: How) => void) | undefined;
}

it('counts each message once, in order, and gives back all it held', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(move, { maxLength: 60 }), fc.nat(60), ends, async (moves, when, end) => {
      /** In the order they came; `handed` of them are with the route, or were, `counted` count. */
      const messages: Message[] = [];
      const plans: How[] = [];
      let [handed, counted, told] = [0, 0, 0];
      let isClosed = false;
      const { session, port, deliver } = simpleSession({
        kind: 'test',
        pipelined: true,
        open: () => ({
          handle({ data }) {
            expect(data[0], 'in order').toBe(handed);
            const message = messages[handed];
            if (message === undefined) throw new Error('a message that was not sent');
            handed += 1;
            message.how = plans[handed - 1];
            if (message.how === 'accepted') return undefined;
            if (message.how === 'failed') throw new Error(`${handed}`);
            return new Promise<void>((resolve, reject) => {
              message.settle = (ending) => {
                if (ending === 'failed') reject(new Error(`${messages.indexOf(message) + 1}`));
                else resolve();
              };
            });
          },
        }),
      });
      port.routeFailed = (_session, _message, error) => {
        expect(port.answersBlocked, 'an answer where there is no room').toBe(false);
        port.failures.push(error);
      };

      const finish = (message: Message, ending: How): void => {
        message.how = ending;
        message.settle?.(ending);
        message.settle = undefined;
      };
      const settled = async (): Promise<void> => {
        for (let n = 0; n < 6; n += 1) await Promise.resolve();
      };
      const look = (): void => {
        if (isClosed) {
          expect(port.failures).toHaveLength(told);
          expect(port.receiveQuota.messages).toBe(
            messages.filter(({ settle }) => settle !== undefined).length,
          );
          return;
        }
        for (let next = messages[counted]; next?.how !== undefined; next = messages[counted]) {
          if (counted >= handed || (next.how === 'failed' && port.answersBlocked)) break;
          counted += 1;
          if (next.how === 'failed') told += 1;
        }
        expect(session.up).toMatchObject({ delivered: counted, pending: messages.length - counted });
        expect(session.inboxLength).toBe(messages.length - counted);
        expect(port.failures.map((error) => Number((error as Error).message))).toEqual(
          messages.flatMap(({ how: ending }, index) =>
            index < counted && ending === 'failed' ? [index + 1] : [],
          ),
        );
        // Only what could not be counted at once is held.
        expect(port.receiveQuota.messages).toBe(messages.length - counted);
        if (!port.answersBlocked) expect(handed, 'all are handed over').toBe(messages.length);
      };

      for (const [index, step] of moves.entries()) {
        if (index === when && end === 'end') session.end('enough');
        if (index === when && end === 'close') {
          session.close('session-closed', new SluiceError('INTERNAL', 'over'));
          isClosed = true;
        }
        switch (step.kind) {
          case 'deliver':
            if (session.state !== 'open') break;
            plans.push(step.atOnce);
            messages.push({ how: undefined, settle: undefined });
            deliver(String.fromCharCode(messages.length - 1));
            break;
          case 'finish': {
            const open = messages.filter(({ settle }) => settle !== undefined);
            const one = open[step.which % open.length];
            if (one !== undefined) finish(one, step.how);
            break;
          }
          case 'blocked':
            port.answersBlocked = step.is;
            if (!step.is && !isClosed) session.pump();
        }
        await settled();
        look();
      }

      port.answersBlocked = false;
      if (!isClosed) session.pump();
      for (const message of messages.toReversed()) finish(message, message.how ?? 'accepted');
      await settled();
      look();
      expect(session.up).toMatchObject({ admitted: messages.length, pending: 0 });
      expect(port.receiveQuota).toMatchObject({ messages: 0, bytes: 0 });
      expect(port.drainedWith).toEqual(session.state === 'finishing' ? ['enough'] : []);
    }),
    { numRuns: 500 },
  );
});
