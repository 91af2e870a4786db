import { getEventListeners } from 'node:events';
import { beforeEach, describe, expect, it } from 'vitest';
import type { CallHost } from '../../../../src/client/topic/call-host.js';
import { ClientError } from '../../../../src/client/client-error.js';
import { endError } from '../../../../src/client/connection/end-error.js';
import { Ingest } from '../../../../src/client/topic/ingest.js';
import { publish } from '../../../../src/client/topic/publish.js';
import { Subscription } from '../../../../src/client/topic/subscription.js';
import { GrpcStatus } from '../../../../src/core/errors.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import type {
  CallEnd,
  CallEvents,
  ClientCall,
  Connector,
} from '../../../../src/transport/client-contract.js';
import type { CallMethod } from '../../../../src/transport/contract.js';
import { decodeMessage, encodeMessage, messageSize } from '../../../../src/wire/codec.js';
import { controlMessage, dataMessage, type DataMessage, MessageType } from '../../../../src/wire/messages.js';
import {
  decodePublishRequest,
  decodeSubscribeRequest,
  encodeIngestSummary,
  encodePublishResponse,
} from '../../../../src/wire/topic-codec.js';
import { welcomeOf } from '../../../helpers/scripted-connector.js';

/** One call, whose other side is the test. */
class ScriptedCall implements ClientCall {
  readonly method: CallMethod;
  readonly events: CallEvents;
  readonly sent: Uint8Array[] = [];
  hasRoom = true;
  isHalfClosed = false;
  isCancelled = false;
  isPaused = false;

  constructor(method: CallMethod, events: CallEvents) {
    this.method = method;
    this.events = events;
  }

  send(body: Uint8Array): boolean {
    this.sent.push(body);
    return this.hasRoom;
  }

  halfClose(): void {
    this.isHalfClosed = true;
  }

  cancel(): void {
    this.isCancelled = true;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  says(...messages: readonly Partial<DataMessage>[]): void {
    for (const fields of messages) {
      const message = dataMessage(fields);
      const body = new Uint8Array(messageSize(message));
      encodeMessage(message, body, 0);
      this.events.onBody(body);
    }
  }

  ends(end: Partial<CallEnd> = {}): void {
    this.events.onEnd({ status: GrpcStatus.UNAVAILABLE, message: 'gone', ...end });
  }
}

const TOPIC = 'news/world';
const NO_BYTES = new Uint8Array(0);
const GARBAGE = new Uint8Array([0xff, 0xff]);

let clock: FakeClock;
let calls: ScriptedCall[];
let renewed: number;
let closing: AbortController;
let host: CallHost;

beforeEach(() => {
  clock = new FakeClock();
  calls = [];
  renewed = 0;
  closing = new AbortController();
  const connector: Connector = {
    address: 'somewhere:1',
    stream: () => {
      throw new Error('no stream is expected');
    },
    call: (method, _metadata, events) => {
      const call = new ScriptedCall(method, events);
      calls.push(call);
      return call;
    },
    renew: () => {
      renewed += 1;
    },
    close: () => undefined,
  };
  host = {
    clock,
    closing: closing.signal,
    patienceMs: 10_000,
    connectTimeoutMs: 3_000,
    place: () => Promise.resolve({ connector, metadata: {} }),
    failed: (_place, end) => endError(end, 'somewhere:1'),
    waitMs: (failures) => 100 * 2 ** failures,
  };
});

/** The call that is under way, once there is one. */
async function call(number: number): Promise<ScriptedCall> {
  await clock.settle();
  const found = calls[number];
  if (found === undefined) throw new Error(`there is no call ${number}`);
  return found;
}

function nothingLeft(): void {
  expect(clock.pending).toBe(0);
  expect(getEventListeners(closing.signal, 'abort')).toHaveLength(0);
}

const welcome = (sequence: number, own = {}): Partial<DataMessage> => ({
  ...controlMessage({ ...welcomeOf(), ...own }),
  sequence,
});
const data = (sequence: number, text = String(sequence)): Partial<DataMessage> => ({
  sequence,
  data: Buffer.from(text),
});
const gap = (fromSequence: number, toSequence: number): Partial<DataMessage> =>
  controlMessage({ action: 'gap', fromSequence, toSequence, reason: 'overflow' });

async function texts(subscription: Subscription, count: number): Promise<string[]> {
  const taken: string[] = [];
  for (let n = 0; n < count; n += 1) taken.push((await clock.until(subscription.receive()))?.text ?? 'over');
  return taken;
}

describe('a subscription', () => {
  it('begins again behind the last that came, taken or not, after longer and longer waits', async () => {
    const subscription = new Subscription(host, TOPIC, { history: 5, overflow: 'conflate' });
    const first = await call(0);
    expect(decodeSubscribeRequest(first.sent[0] ?? NO_BYTES)).toEqual({
      topic: TOPIC,
      afterSequence: 0,
      history: 5,
      overflow: 4,
    });
    expect(first.isHalfClosed).toBe(true);
    first.says(welcome(10), data(11), data(12));
    expect(await texts(subscription, 1)).toEqual(['11']);
    first.ends();
    await clock.advanceAsync(99);
    expect(calls).toHaveLength(1);
    await clock.advanceAsync(1);
    const second = await call(1);
    expect(decodeSubscribeRequest(second.sent[0] ?? NO_BYTES)).toMatchObject({
      afterSequence: 12,
      history: 0,
    });
    second.ends();
    await clock.advanceAsync(199);
    expect(calls).toHaveLength(2);
    await clock.advanceAsync(1);
    const third = await call(2);
    third.says(welcome(12), data(12), data(13));
    expect(await texts(subscription, 2)).toEqual(['12', '13']);
    third.ends();
    // Answered: the waits begin anew.
    await clock.advanceAsync(100);
    expect(calls).toHaveLength(4);
    await clock.until(subscription.close());
    expect(calls[3]?.isCancelled).toBe(true);
    nothingLeft();
  });

  it('knows from Welcome and heartbeats where it is, before any message', async () => {
    const subscription = new Subscription(host, TOPIC, {});
    (await call(0)).says(welcome(40));
    (await call(0)).ends();
    await clock.advanceAsync(100);
    expect(decodeSubscribeRequest((await call(1)).sent[0] ?? NO_BYTES).afterSequence).toBe(40);
    (await call(1)).says(welcome(40), { type: MessageType.HEARTBEAT, sequence: 50 });
    (await call(1)).ends();
    await clock.advanceAsync(100);
    expect(decodeSubscribeRequest((await call(2)).sent[0] ?? NO_BYTES).afterSequence).toBe(50);
    // A topic that begins higher has lost what is between: the gap says so, Welcome does not move us.
    (await call(2)).says(welcome(90), gap(45, 90), data(91));
    await expect(clock.until(subscription.receive())).rejects.toMatchObject({
      code: 'GAP',
      gap: { fromSequence: 51, toSequence: 90, reason: 'overflow' },
    });
    expect(await texts(subscription, 1)).toEqual(['91']);
    await clock.until(subscription.close());
    nothingLeft();
  });

  it('lets a loop that a gap has ended be followed by another', async () => {
    const subscription = new Subscription(host, TOPIC, {});
    (await call(0)).says(welcome(0), data(1), gap(2, 3), data(4), gap(2, 4), data(5));
    const seen: string[] = [];
    const read = async (): Promise<void> => {
      for await (const { text } of subscription) {
        seen.push(text);
        if (text === '5') break;
      }
    };
    await expect(clock.until(read())).rejects.toMatchObject({ code: 'GAP' });
    await clock.until(read());
    expect(seen).toEqual(['1', '4', '5']);
    expect(await subscription.receive()).toBeUndefined();
    nothingLeft();
  });

  it('throws what onGap throws, once', async () => {
    const subscription = new Subscription(host, TOPIC, {
      onGap: () => {
        throw new Error('mine');
      },
    });
    (await call(0)).says(welcome(0), gap(1, 1), data(2));
    await expect(clock.until(subscription.receive())).rejects.toThrow('mine');
    expect(await texts(subscription, 1)).toEqual(['2']);
    await clock.until(subscription.close());
  });

  it('reads ahead by 64 messages, or 1 MiB, and goes on when half of it is taken', async () => {
    const subscription = new Subscription(host, TOPIC, {});
    const running = await call(0);
    running.says(welcome(0), ...Array.from({ length: 63 }, (_, n) => data(n + 1)));
    expect(running.isPaused).toBe(false);
    running.says(data(64));
    expect(running.isPaused).toBe(true);
    await texts(subscription, 32);
    expect(running.isPaused).toBe(true);
    await texts(subscription, 1);
    expect(running.isPaused).toBe(false);
    await texts(subscription, 31);
    running.says(data(65, 'x'.repeat(600_000)));
    expect(running.isPaused).toBe(false);
    running.says(data(66, 'x'.repeat(600_000)));
    expect(running.isPaused).toBe(true);
    // Nobody reads: what is heard says nothing of the gateway.
    await clock.advanceAsync(60_000);
    expect(calls).toHaveLength(1);
    await texts(subscription, 2);
    await clock.advanceAsync(1_999);
    expect(renewed).toBe(0);
    // Now it counts: two intervals of a second.
    await clock.advanceAsync(1_001);
    expect(renewed).toBe(1);
    expect(running.isCancelled).toBe(true);
    await clock.until(subscription.close());
    nothingLeft();
  });

  it('stays paused over a new connection', async () => {
    const subscription = new Subscription(host, TOPIC, {});
    (await call(0)).says(welcome(0), ...Array.from({ length: 64 }, (_, n) => data(n + 1)));
    (await call(0)).ends();
    await clock.advanceAsync(100);
    expect((await call(1)).isPaused).toBe(true);
    await texts(subscription, 33);
    expect((await call(1)).isPaused).toBe(false);
    await clock.until(subscription.close());
  });

  it('ends with the topic, after all that came', async () => {
    const subscription = new Subscription(host, TOPIC, {});
    (await call(0)).says(welcome(0), data(1));
    (await call(0)).ends({ status: 0, message: '' });
    expect(await texts(subscription, 3)).toEqual(['1', 'over', 'over']);
    nothingLeft();
  });

  it('ends with what trying again would not help, after all that came', async () => {
    const subscription = new Subscription(host, TOPIC, {});
    (await call(0)).says(welcome(0), data(1));
    (await call(0)).ends({
      status: GrpcStatus.PERMISSION_DENIED,
      code: 'PERMISSION_DENIED',
      message: 'not yours',
    });
    expect(await texts(subscription, 1)).toEqual(['1']);
    for (let n = 0; n < 2; n += 1) {
      await expect(subscription.receive()).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    }
    nothingLeft();
  });

  it('ends with bytes that are no message', async () => {
    const subscription = new Subscription(host, TOPIC, {});
    (await call(0)).events.onBody(GARBAGE);
    await expect(clock.until(subscription.receive())).rejects.toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    expect((await call(0)).isCancelled).toBe(true);
    // What a call still says after that is not heard.
    (await call(0)).says(data(1));
    (await call(0)).ends();
    await expect(subscription.receive()).rejects.toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    nothingLeft();
  });

  it('tells of the token that could not be had, when its time is over', async () => {
    const failing = { ...host, place: () => Promise.reject(new ClientError('TOKEN_SOURCE', 'no token')) };
    const subscription = new Subscription(failing, TOPIC, {});
    await expect(clock.until(subscription.receive())).rejects.toMatchObject({ code: 'TOKEN_SOURCE' });
    const broken = { ...host, place: () => Promise.reject(new Error('a bug')) };
    await expect(clock.until(new Subscription(broken, TOPIC, {}).receive())).rejects.toThrow('a bug');
    nothingLeft();
  });
});

describe('publish', () => {
  it('ends with an answer that is none', async () => {
    for (const answer of [GARBAGE, undefined]) {
      calls = [];
      const published = publish(host, TOPIC, 'x');
      published.catch(() => undefined);
      if (answer !== undefined) (await call(0)).events.onBody(answer);
      (await call(0)).ends({ status: 0 });
      await expect(published).rejects.toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    }
    nothingLeft();
  });

  it('tries again with the same request until it is answered', async () => {
    const published = publish(host, TOPIC, 'x', { key: 'k' });
    (await call(0)).ends();
    await clock.advanceAsync(100);
    (await call(1)).ends();
    await clock.advanceAsync(200);
    const last = await call(2);
    expect(calls.map(({ sent }) => Buffer.from(sent[0] ?? NO_BYTES).toString('hex'))).toEqual(
      new Array(3).fill(Buffer.from(last.sent[0] ?? NO_BYTES).toString('hex')),
    );
    expect(decodePublishRequest(last.sent[0] ?? NO_BYTES)).toMatchObject({ topic: TOPIC, key: 'k' });
    last.events.onBody(encodePublishResponse({ sequence: 7, subscribers: 2, duplicate: true }));
    last.ends({ status: 0 });
    expect(await published).toEqual({ sequence: 7, subscribers: 2, duplicate: true });
    nothingLeft();
  });

  it('does not begin a wait that its time would not outlast', async () => {
    const published = publish(host, TOPIC, 'x', { timeoutMs: 250 });
    published.catch(() => undefined);
    (await call(0)).ends();
    await clock.advanceAsync(100);
    (await call(1)).ends({ message: 'the last' });
    await clock.settle();
    expect(clock.now()).toBe(1_100);
    await expect(published).rejects.toMatchObject({
      message: 'The connection to somewhere:1 was lost: the last',
    });
    nothingLeft();
  });
});

describe('ingest', () => {
  it('sends in order as there is room, and half-closes behind it all', async () => {
    const ingest = new Ingest(host, '', {});
    const early = ingest.send('1');
    const running = await call(0);
    running.hasRoom = false;
    await early;
    await ingest.send('2');
    let third = false;
    void ingest.send('3').then(() => (third = true));
    const given = new AbortController();
    const fourth = ingest.send('4', { signal: given.signal });
    const finished = ingest.finish();
    await clock.settle();
    expect([running.sent.length, third, running.isHalfClosed]).toEqual([2, false, false]);
    given.abort('not now');
    await expect(fourth).rejects.toBe('not now');
    running.events.onWritable();
    await clock.settle();
    expect(
      running.sent.map((body) => Buffer.from(decodeMessage(body, 0, body.length).data).toString()),
    ).toEqual(['1', '2', '3']);
    expect([third, running.isHalfClosed]).toEqual([true, true]);
    running.events.onBody(
      encodeIngestSummary({ messages: 3, bytes: 3, rejected: 0, aggregates: new Map([['sum', 6]]) }),
    );
    running.ends({ status: 0 });
    expect((await finished).aggregates.get('sum')).toBe(6);
    nothingLeft();
  });

  it('fails everybody who waits', async () => {
    const ingest = new Ingest(host, '', {});
    const running = await call(0);
    running.hasRoom = false;
    await ingest.send('1');
    const waiting = [ingest.send('2'), ingest.send('3'), ingest.finish()].map((work) =>
      expect(work).rejects.toMatchObject({ code: 'CONNECTION_LOST' }),
    );
    running.ends();
    await Promise.all(waiting);
    nothingLeft();
  });

  it.each([
    ['garbage', GARBAGE],
    ['nothing', undefined],
  ])('fails with %s for a summary', async (_, answer) => {
    const ingest = new Ingest(host, '', {});
    const finished = ingest.finish();
    finished.catch(() => undefined);
    if (answer !== undefined) (await call(0)).events.onBody(answer);
    (await call(0)).ends({ status: 0 });
    await expect(finished).rejects.toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    nothingLeft();
  });

  it('is cancelled before it has begun', async () => {
    const ingest = new Ingest(host, '', {});
    await ingest[Symbol.asyncDispose]();
    await clock.settle();
    expect(calls).toHaveLength(0);
    nothingLeft();
  });
});
