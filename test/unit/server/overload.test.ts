import { afterEach, describe, expect, it } from 'vitest';
import type { DropReason } from '../../../src/core/counters.js';
import type { SluiceError } from '../../../src/core/errors.js';
import { ByteAccount, MESSAGE_OVERHEAD_BYTES } from '../../../src/flow/byte-account.js';
import { echoRoute } from '../../../src/routes/echo.js';
import {
  Overload,
  type BurdenedConnection,
  type BurdenedSession,
  type BurdenedStranger,
} from '../../../src/server/overload.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { controlMessage, dataMessage, MessageType, type DataMessage } from '../../../src/wire/messages.js';
import { memoryServer, readingClient } from '../../helpers/memory-server.js';
import { data, openOf, TestRoute, tokenOf } from '../../helpers/windowed-world.js';

const BUDGET = 10_000;
const SHED_AFTER_MS = 1_000;
/** How often it looks. */
const WATCH_MS = 50;

/** Sessions and connections that only hold bytes. */
class Burdens {
  readonly clock = new FakeClock();
  readonly account = new ByteAccount(BUDGET);
  readonly counters = { budgetExceeded: 0, sessionsShed: 0 };
  readonly log: string[] = [];
  readonly fields: object[] = [];
  readonly ended: string[] = [];
  readonly sessions: BurdenedSession[] = [];
  readonly connections: BurdenedConnection[] = [];
  readonly strangers: BurdenedStranger[] = [];
  relieved = 0;
  readonly overload = new Overload({
    clock: this.clock,
    account: this.account,
    counters: this.counters,
    shedAfterMs: SHED_AFTER_MS,
    logger: {
      debug: () => undefined,
      info: () => undefined,
      warn: (fields: object, message: string) => {
        this.log.push(message);
        this.fields.push(fields);
      },
      error: () => undefined,
    },
    connections: () => this.connections,
    strangers: () => this.strangers,
    calls: () => [],
    windowed: Object.assign(this.sessions, {
      relieve: () => {
        this.relieved += 1;
      },
    }),
  });

  session(name: string, bytes: number): void {
    this.account.add(bytes);
    const { account, ended } = this;
    let heldBytes = bytes;
    this.sessions.push({
      clientId: 'ann',
      sessionId: name,
      get heldBytes() {
        return heldBytes;
      },
      expel(reason: DropReason, { code }: SluiceError) {
        ended.push(`${name} ${reason} ${code}`);
        account.add(-heldBytes);
        heldBytes = 0;
      },
    });
  }

  connection(name: string, bytes: number, kind: BurdenedConnection['kind'] = 'windowed') {
    this.account.add(bytes);
    const { account, ended } = this;
    const words: string[] = [];
    const stream = { bytesInFlight: 0 };
    const connection = {
      id: name,
      clientId: 'ben',
      bufferedBytes: bytes,
      stream,
      sendQueue: { controlRoom: 8 },
    };
    let relieved = 0;
    const burdened = {
      kind,
      connection,
      words,
      undecidedBytes: 0,
      get relieved() {
        return relieved;
      },
      notify: ({ control }: DataMessage) => void words.push(control?.action ?? ''),
      end: ({ code }: SluiceError) => {
        ended.push(`${name} ${code}`);
        account.add(-connection.bufferedBytes);
        connection.bufferedBytes = 0;
      },
      relieve: () => {
        relieved += 1;
      },
    };
    this.connections.push(burdened);
    return burdened;
  }

  /** Of whom nobody knows who they are. */
  stranger(peer: string, bytes: number): void {
    this.account.add(bytes);
    const { account, ended } = this;
    let heldBytes = bytes;
    this.strangers.push({
      peer,
      get heldBytes() {
        return heldBytes;
      },
      end({ code }: SluiceError) {
        ended.push(`${peer} ${code}`);
        account.add(-heldBytes);
        heldBytes = 0;
      },
    });
  }
}

describe('above the budget', () => {
  it('clients with opened sessions are advised to pause, and when there is room again, to go on', () => {
    const burdens = new Burdens();
    const [opened, simple] = [burdens.connection('opened', 0), burdens.connection('simple', 0, 'simple')];
    burdens.account.add(BUDGET + 1);
    // Whoever has crossed it is in the middle of something.
    expect(opened.words).toEqual([]);
    burdens.clock.runImmediates();
    expect([opened.words, simple.words]).toEqual([['pause'], []]);
    burdens.account.add(-BUDGET);
    burdens.clock.runImmediates();
    expect([opened.words, simple.words]).toEqual([['pause', 'resume'], []]);
    // Everything that was held back goes on.
    expect([burdens.relieved, opened.relieved, simple.relieved]).toEqual([1, 1, 1]);
    expect(burdens.clock.pending).toBe(0);
  });

  it('nobody is told anything when it passes within a turn', () => {
    const burdens = new Burdens();
    const { words } = burdens.connection('opened', 0);
    burdens.account.add(BUDGET + 1);
    burdens.account.add(-BUDGET);
    burdens.clock.runImmediates();
    expect([words, burdens.counters.budgetExceeded]).toEqual([[], 1]);
  });

  it('each is advised once, however often the budget is crossed, and not who takes no answers', () => {
    const burdens = new Burdens();
    const { words } = burdens.connection('opened', 0);
    const deaf = burdens.connection('deaf', 0);
    deaf.connection.sendQueue.controlRoom = 0;
    for (let i = 0; i < 5; i += 1) {
      burdens.account.add(BUDGET + 1);
      burdens.account.add(-BUDGET);
    }
    burdens.account.add(BUDGET);
    burdens.clock.runImmediates();
    expect([words, deaf.words]).toEqual([['pause'], []]);
    burdens.account.add(-BUDGET);
    burdens.clock.runImmediates();
    // It was not told to pause: it is not told to go on.
    expect([words, deaf.words]).toEqual([['pause', 'resume'], []]);
  });

  it('advice to who is gone is forgotten with it', () => {
    const burdens = new Burdens();
    const gone = burdens.connection('gone', 0);
    burdens.account.add(BUDGET + 1);
    burdens.clock.runImmediates();
    burdens.overload.forget(gone);
    burdens.account.add(-BUDGET);
    burdens.clock.runImmediates();
    expect(gone.words).toEqual(['pause']);
  });

  it('nobody is ended before their time; then the costliest, until nine tenths are left', () => {
    const burdens = new Burdens();
    burdens.session('small', 1_000);
    burdens.session('large', 4_000);
    burdens.session('larger', 4_500);
    burdens.connection('half a message', 2_000);
    burdens.clock.advance(SHED_AFTER_MS - 1);
    expect(burdens.ended).toEqual([]);
    burdens.clock.advance(WATCH_MS);
    expect(burdens.ended).toEqual(['larger overloaded OVERLOADED']);
    expect([burdens.account.bytes, burdens.account.exceeded]).toEqual([7_000, false]);
    expect(burdens.counters).toEqual({ budgetExceeded: 1, sessionsShed: 1 });
    expect(burdens.clock.pending).toBe(0);
  });

  it('what nobody has shown who they are for is let go first, however little of it each holds', () => {
    const burdens = new Burdens();
    burdens.session('large', 8_000);
    burdens.stranger('x:1', 1_000);
    burdens.stranger('x:2', 2_000);
    burdens.stranger('x:3', 0);
    burdens.clock.advance(SHED_AFTER_MS + WATCH_MS);
    expect(burdens.ended).toEqual(['x:2 OVERLOADED']);
    expect(burdens.fields.at(-1)).toMatchObject({ peer: 'x:2', costliestBytes: 2_000 });
    burdens.stranger('x:4', 2_500);
    burdens.clock.advance(SHED_AFTER_MS + WATCH_MS);
    expect(burdens.ended.slice(1)).toEqual(['x:4 OVERLOADED']);
    burdens.session('more', 5_000);
    burdens.clock.advance(SHED_AFTER_MS + WATCH_MS);
    expect(burdens.ended.slice(2)).toEqual(['x:1 OVERLOADED', 'large overloaded OVERLOADED']);
  });

  it('what waits behind an undecided Open is counted with its connection', () => {
    const burdens = new Burdens();
    burdens.session('a', 4_000);
    const behind = burdens.connection('b', 2_000);
    behind.undecidedBytes = 5_000;
    burdens.account.add(5_000);
    burdens.clock.advance(SHED_AFTER_MS + WATCH_MS);
    expect(burdens.ended[0]).toBe('b OVERLOADED');
  });

  it('connections are ended like sessions, in the order of what they cost', () => {
    const burdens = new Burdens();
    burdens.session('a', 3_000);
    burdens.connection('b', 3_500, 'simple');
    burdens.connection('c', 3_200);
    burdens.session('d', 2_700);
    burdens.clock.advance(SHED_AFTER_MS + WATCH_MS);
    expect(burdens.ended).toEqual(['b OVERLOADED']);
    burdens.session('e', 2_500);
    burdens.clock.advance(SHED_AFTER_MS + WATCH_MS);
    expect(burdens.ended).toEqual(['b OVERLOADED', 'c OVERLOADED']);
  });

  it('what is under way to a client with opened sessions is held by these: its connection is not ended for it', () => {
    const burdens = new Burdens();
    burdens.connection('opened', 5_000).connection.stream.bytesInFlight = 4_000;
    burdens.connection('simple', 3_000, 'simple').connection.stream.bytesInFlight = 3_000;
    burdens.session('a', 2_500);
    burdens.clock.advance(SHED_AFTER_MS + WATCH_MS);
    expect(burdens.ended).toEqual(['simple OVERLOADED']);
  });

  it('a quarter above it nobody waits', () => {
    const burdens = new Burdens();
    burdens.session('a', 6_000);
    burdens.session('b', 6_400);
    burdens.clock.advance(WATCH_MS);
    expect(burdens.ended).toEqual([]);
    burdens.session('c', 100);
    burdens.clock.advance(WATCH_MS);
    expect(burdens.ended).toEqual(['b overloaded OVERLOADED']);
  });

  it('time counts from the last crossing: who comes back in time is spared', () => {
    const burdens = new Burdens();
    burdens.session('a', 5_000);
    burdens.session('b', 5_500);
    for (let i = 0; i < 5; i += 1) {
      burdens.clock.advance(SHED_AFTER_MS - WATCH_MS);
      burdens.account.add(-2_000);
      burdens.clock.advance(WATCH_MS);
      burdens.account.add(2_000);
    }
    expect(burdens.ended).toEqual([]);
    expect(burdens.counters.budgetExceeded).toBe(6);
  });

  it('what nobody here holds is not the fault of anybody here: only those who hold something are ended', () => {
    const burdens = new Burdens();
    burdens.account.add(2 * BUDGET);
    burdens.session('empty', 0);
    burdens.connection('empty', 0);
    burdens.clock.advance(10 * SHED_AFTER_MS);
    expect([burdens.ended, burdens.counters.sessionsShed]).toEqual([[], 0]);
    burdens.overload.stop();
  });

  it('the log is told once in ten seconds, whatever happens', () => {
    const burdens = new Burdens();
    for (let i = 0; i < 100; i += 1) {
      burdens.session(`s${i}`, 2 * BUDGET);
      burdens.clock.advance(WATCH_MS);
    }
    expect(burdens.ended).toHaveLength(100);
    expect(burdens.log).toEqual([
      expect.stringContaining('senders are held back'),
      expect.stringContaining('the costliest sessions were ended'),
    ]);
    burdens.clock.advance(10_000);
    burdens.session('late', 2 * BUDGET);
    burdens.clock.advance(WATCH_MS);
    expect(burdens.log).toHaveLength(4);
  });

  it('the log names the costliest of those that were ended, session or connection, and what it held', () => {
    for (const [held, costliest] of [
      [3_000, { client: 'ben', connection: 'c', costliestBytes: 5_000 }],
      [7_000, { client: 'ann', session: 's', costliestBytes: 7_000 }],
    ] as const) {
      const burdens = new Burdens();
      burdens.session('small', 2_000);
      burdens.connection('c', 5_000);
      burdens.session('s', held);
      burdens.account.add(BUDGET);
      burdens.clock.advance(WATCH_MS);
      expect(burdens.fields.at(-1)).toEqual({
        ended: 3,
        bytesBefore: BUDGET + 7_000 + held,
        bytes: BUDGET,
        budgetBytes: BUDGET,
        ...costliest,
      });
      burdens.overload.stop();
    }
  });

  it('nothing is left once it is stopped, and nothing comes back', () => {
    const burdens = new Burdens();
    const { words } = burdens.connection('opened', 0);
    burdens.session('a', 2 * BUDGET);
    burdens.overload.stop();
    burdens.clock.advance(10 * SHED_AFTER_MS);
    expect([burdens.ended, words, burdens.clock.pending]).toEqual([[], [], 0]);
    burdens.account.add(-2 * BUDGET);
    burdens.account.add(2 * BUDGET);
    expect(burdens.clock.pending).toBe(0);
  });
});

describe('a server above its budget', () => {
  const worlds: ReturnType<typeof memoryServer>[] = [];
  afterEach(async () => {
    for (const { server, clock, account, metrics } of worlds.splice(0)) {
      server.destroy();
      await clock.settle();
      expect([account.bytes, clock.pending]).toEqual([0, 0]);
      for (const flow of [metrics.up, metrics.down]) {
        expect(flow.pending).toBe(0);
        expect(flow.admitted).toBe(flow.delivered + flow.dropped);
      }
    }
  });

  function world(route = new TestRoute()) {
    const made = memoryServer(
      route,
      { shedAfterMs: SHED_AFTER_MS },
      [],
      {},
      undefined,
      new ByteAccount(BUDGET),
    );
    worlds.push(made);
    return { ...made, route };
  }

  async function opened(made: ReturnType<typeof world>, id = 's') {
    const client = readingClient(made);
    client.client.send(controlMessage(openOf({ resumeToken: tokenOf(id.charCodeAt(0)) }), id));
    await made.clock.settle();
    const acks = () => client.received.filter(({ type }) => type === MessageType.ACK).map(({ ack }) => ack);
    const ack = (sequence: number) =>
      client.client.send(dataMessage({ type: MessageType.ACK, sessionId: id, ack: sequence }));
    return { ...client, acks, ack, session: made.route.session };
  }

  it('withholds acks, lets sends wait and advises; all goes on when the client takes what it was sent', async () => {
    const made = world();
    const { clock, server } = made;
    const ann = await opened(made);
    for (let i = 0; i < 5; i += 1) expect(ann.session.send({ data: new Uint8Array(2_100) })).toBeUndefined();
    const waiting = ann.session.send({ data: new Uint8Array(10) });
    expect(waiting).toBeInstanceOf(Promise);
    ann.client.send({ ...data(1), sessionId: 's' });
    await clock.advanceAsync(200);
    expect(made.route.handled).toHaveLength(1);
    expect(ann.acks()).toEqual([]);
    expect(ann.received.filter(({ type }) => type === MessageType.DATA).map(({ ack }) => ack)).toEqual([
      0, 0, 0, 0, 0,
    ]);
    expect(ann.controls('pause')).toMatchObject([{ reason: expect.stringMatching(/^memory/) }]);
    expect(ann.controls('resume')).toEqual([]);

    ann.ack(5);
    await clock.advanceAsync(200);
    await waiting;
    expect(ann.controls('resume')).toHaveLength(1);
    // The message that waited brings the ack that was withheld.
    expect(ann.received.at(-1)).toMatchObject({ sequence: 6, ack: 1 });
    expect([...server.windowed][0]?.waitingSends).toBe(0);
  });

  it('says nothing again and again while it withholds acks', async () => {
    const made = world();
    const ann = await opened(made);
    made.account.add(BUDGET + 1);
    for (let n = 1; n <= 20; n += 1) {
      ann.client.send({ ...data(n), sessionId: 's' });
      await made.clock.advanceAsync(40);
    }
    expect(ann.acks()).toEqual([]);
    made.account.add(-BUDGET - 1);
    await made.clock.advanceAsync(100);
    expect(ann.acks()).toEqual([20]);
  });

  it('does not read simple connections until there is room', async () => {
    const made = world();
    const { clock, account } = made;
    const { client } = readingClient(made);
    client.send(dataMessage({ sessionId: 'a' }));
    await clock.settle();
    account.add(BUDGET + 1);
    client.send(dataMessage({ sessionId: 'a' }), dataMessage({ sessionId: 'a' }));
    await clock.settle();
    expect([made.route.handled.length, client.bytesInFlight > 0]).toEqual([1, true]);
    expect([...made.pool][0]?.readingStopped).toBe(true);
    account.add(-BUDGET - 1);
    await clock.settle();
    expect([made.route.handled.length, client.bytesInFlight]).toEqual([3, 0]);
  });

  it('ends the costliest, who is told why and when to come back; the others go on', async () => {
    const made = world();
    const { clock, metrics } = made;
    const [small, large] = [await opened(made, 'a'), await opened(made, 'b')];
    void small.session.send({ data: new Uint8Array(3_000) });
    for (let i = 0; i < 3; i += 1) void large.session.send({ data: new Uint8Array(2_500) });
    await clock.advanceAsync(SHED_AFTER_MS + WATCH_MS);
    expect(large.controls('closed')).toMatchObject([
      { code: 'OVERLOADED', retryAfterMs: 5_000, reason: expect.stringContaining('memory.budget') },
    ]);
    expect(small.controls('closed')).toEqual([]);
    expect(metrics.sessionsShed).toBe(1);
    expect(metrics.down.droppedBy.overloaded).toBe(3);
    small.client.send({ ...data(1), sessionId: 'a' });
    await clock.advanceAsync(100);
    expect(small.acks()).toEqual([1]);
  });

  it('ends sessions that wait for their clients as well; these are told when they come back', async () => {
    const made = world();
    const { clock } = made;
    const ann = await opened(made);
    for (let i = 0; i < 5; i += 1) void ann.session.send({ data: new Uint8Array(2_500) });
    ann.client.break();
    await clock.advanceAsync(SHED_AFTER_MS + WATCH_MS);
    expect(made.server.windowed.size).toBe(0);
    const back = readingClient(made);
    back.client.send(
      controlMessage(openOf({ resume: true, attempt: 2, resumeToken: tokenOf('s'.charCodeAt(0)) }), 's'),
    );
    await clock.settle();
    expect(back.controls('closed')).toMatchObject([{ code: 'OVERLOADED' }]);
  });

  it('ends a simple connection that holds the most; what its route has before it counts until it is done', async () => {
    const made = world();
    made.route.holds = true;
    const { client } = readingClient(made);
    for (let i = 0; i < 4; i += 1) client.send(dataMessage({ sessionId: 'a', data: new Uint8Array(3_000) }));
    await made.clock.advanceAsync(SHED_AFTER_MS + WATCH_MS);
    expect((await client.ended).error).toMatchObject({ code: 'OVERLOADED', retryAfterMs: 5_000 });
    expect(made.account.bytes).toBe(3_000 + MESSAGE_OVERHEAD_BYTES);
    made.route.release();
    await made.clock.settle();
    expect(made.account.bytes).toBe(0);
  });

  it('is not, with an echo that is taken as it goes', async () => {
    const made = memoryServer(echoRoute(), {}, [], {}, undefined, new ByteAccount(BUDGET));
    worlds.push(made);
    const { client, received } = readingClient(made);
    for (let i = 0; i < 50; i += 1) {
      client.send(dataMessage({ sessionId: 'a', data: new Uint8Array(3_000) }));
      await made.clock.settle();
    }
    expect(received.filter(({ type }) => type === MessageType.DATA)).toHaveLength(50);
    expect(made.metrics.budgetExceeded).toBe(0);
  });
});
