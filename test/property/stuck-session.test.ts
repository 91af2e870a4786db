/**
 * Sessions of one connection, some of which get nowhere: their clients take
 * nothing, their routes finish nothing. The others must not notice.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ByteAccount } from '../../src/flow/byte-account.js';
import type { Route, RouteSession } from '../../src/session/route.js';
import {
  controlMessage,
  dataMessage,
  MessageType,
  openControl,
  type DataMessage,
} from '../../src/wire/messages.js';
import { windowedSettings } from '../helpers/fake-stream.js';
import { memoryServer } from '../helpers/memory-server.js';
import { HeldStream, SEND_BUFFER_BYTES } from './model/held-stream.js';

const STUCK = [
  'its route finishes nothing',
  'its route waits to be taken from',
  'it acknowledges nothing',
  'it is paused',
  'it closes, and acknowledges nothing',
  'it sends more than its window',
  'it sends everything twice',
] as const;
/** `flooded` takes all that its route sends, which sends without end. */
type Nature = (typeof STUCK)[number] | 'lively' | 'flooded';

/** Up and down, a session. */
const WINDOW = { messages: 8, bytes: 1 << 16 };
/** Of who is flooded: more than the network takes in a step, so that there is always more to send. */
const WIDE_WINDOW = { messages: 64, bytes: 1 << 16 };
const MESSAGE_BYTES = 10;
/** What the network takes in a step of the scheduler, in one write or several. */
const TAKEN_A_STEP_BYTES = 8 * MESSAGE_BYTES;
/** What the client writes in a step, beside one message for each lively session. */
const WRITTEN_A_STEP = 6;

const never = (): Promise<void> => new Promise(() => undefined);

async function produce(session: RouteSession): Promise<void> {
  while (!session.signal.aborted) await session.send({ data: new Uint8Array(MESSAGE_BYTES) });
}

/** Each session behaves as its subject says. */
const route: Route = {
  kind: 'natures',
  open(session) {
    switch (session.subject as Nature) {
      case 'its route finishes nothing':
      case 'it sends more than its window':
        return { handle: never };
      case 'its route waits to be taken from':
        return { handle: () => produce(session) };
      case 'lively':
      case 'it sends everything twice':
        return { handle: ({ data }) => session.send({ data }) };
      default:
        produce(session).catch(() => undefined);
        return { handle: () => undefined };
    }
  },
};

/** The client's side of one session. */
class Side {
  readonly id: string;
  readonly nature: Nature;
  /** What of its own the client has sent, and knows to be handled. */
  sent = 0;
  acked = 0;
  received = 0;
  #told = 0;
  #openedAndToldMore = false;

  constructor(id: string, nature: Nature) {
    this.id = id;
    this.nature = nature;
  }

  open(): DataMessage {
    const window = this.nature === 'flooded' ? WIDE_WINDOW : WINDOW;
    return controlMessage(
      openControl({
        subject: this.nature,
        windowMessages: window.messages,
        windowBytes: window.bytes,
      }),
      this.id,
    );
  }

  /** What it says now, apart from acks; `wanted` messages in all. */
  next(wanted: number): DataMessage[] {
    if (!this.#openedAndToldMore) {
      this.#openedAndToldMore = true;
      if (this.nature === 'it is paused') return [controlMessage({ action: 'pause', reason: '' }, this.id)];
      if (this.nature.startsWith('it closes')) return [controlMessage({ action: 'close' }, this.id)];
    }
    const most = this.nature === 'it sends more than its window' ? Infinity : WINDOW.messages;
    if (this.nature.startsWith('it closes') || this.sent - this.acked >= most) return [];
    if (this.nature === 'lively' && this.sent >= wanted) return [];
    this.sent += 1;
    const message = dataMessage({
      sessionId: this.id,
      sequence: this.sent,
      data: new Uint8Array(MESSAGE_BYTES),
    });
    return this.nature === 'it sends everything twice' ? [message, message] : [message];
  }

  receive({ type, ack, sequence }: DataMessage): void {
    this.acked = Math.max(this.acked, ack);
    if (type !== MessageType.DATA) return;
    expect(sequence).toBe(this.received + 1);
    this.received = sequence;
  }

  acknowledge(): DataMessage[] {
    const takes = this.nature === 'lively' || this.nature === 'flooded';
    if (!takes || this.#told === this.received) return [];
    this.#told = this.received;
    return [dataMessage({ type: MessageType.ACK, sessionId: this.id, ack: this.received })];
  }
}

const nature = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<Nature>(...STUCK) },
  { weight: 1, arbitrary: fc.constant<Nature>('flooded') },
  { weight: 2, arbitrary: fc.constant<Nature>('lively') },
);

it('a stuck session delays no other session of its connection', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(nature, { minLength: 1, maxLength: 5 }),
      fc.nat(5),
      fc.integer({ min: 1, max: 40 }),
      fc.array(fc.nat(5), { minLength: 20, maxLength: 60 }),
      fc.constantFrom(1, 4, 8),
      async (others, place, wanted, picks, writeMessages) => {
        const writeBytes = writeMessages * MESSAGE_BYTES;
        const natures = others.toSpliced(place, 0, 'lively');
        const { clock, server } = memoryServer(
          route,
          { sendBufferBytes: SEND_BUFFER_BYTES, maxControlAnswers: 64 },
          [],
          {},
          { ...windowedSettings, limits: { ...windowedSettings.limits, window: WINDOW, waiting: WINDOW } },
          new ByteAccount(1 << 30),
        );
        const stream = new HeldStream(clock, 'ann');
        stream.receiver = server.accept(stream);
        const sides = natures.map((one, index) => new Side(String(index), one));
        const lively = sides.filter((side) => side.nature === 'lively');
        const byId = new Map(sides.map((side) => [side.id, side]));
        let upward = sides.map((side) => side.open());
        let pick = 0;

        // One message of each turn of the others, at worst, and what they fill their windows with.
        const steps = (wanted + 4) * sides.length;
        const unfinished = () => lively.filter(({ acked, received }) => acked < wanted || received < wanted);
        for (let step = 0; unfinished().length > 0; step += 1) {
          if (step >= steps) {
            const where = unfinished().map(
              ({ id, acked, received }) => `${id}: ${acked} up, ${received} down`,
            );
            throw new Error(`after ${steps} steps of ${wanted} messages: ${where.join('; ')}`);
          }
          for (const side of lively) upward.push(...side.next(wanted));
          for (let i = 0; i < WRITTEN_A_STEP; i += 1) {
            pick += 1;
            upward.push(...(sides[(picks[pick % picks.length] ?? 0) % sides.length]?.next(wanted) ?? []));
          }
          expect(stream.deliver(upward), 'the connection is read on').toBe(upward.length);
          upward = [];
          await clock.settle();
          for (let bytes = 0; bytes < TAKEN_A_STEP_BYTES; bytes += writeBytes) {
            stream.letGo(writeBytes);
            await clock.settle();
          }
          stream.hold();
          for (const message of stream.out.splice(0)) byId.get(message.sessionId)?.receive(message);
          for (const side of sides) upward.push(...side.acknowledge());
        }
        server.destroy();
        await clock.settle();
        expect(clock.pending).toBe(0);
      },
    ),
    { numRuns: 200 },
  );
});
