/** Gateways that do what none may: the SDK stays within its bounds, says what is wrong, and leaves nothing. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Client } from '../../src/client/client.js';
import { ClientError } from '../../src/client/client-error.js';
import type { ClientOptions } from '../../src/client/options.js';
import type { Session } from '../../src/client/session.js';
import { type ErrorCode, errorCatalogue, SluiceError } from '../../src/core/errors.js';
import { type DataMessage, type Open, type Opened, WireRetryAdvice } from '../../src/wire/messages.js';
import type { Peer } from '../conformance/client/peer.js';
import {
  ack,
  changeWindow,
  closed,
  data,
  drain,
  failed,
  gap,
  many,
  opened,
  probe,
  throttle,
} from '../conformance/client/say.js';
import { sdkSource, sdkSubject } from '../conformance/client/sdk-subject.js';
import { ADDRESS, Stage } from '../conformance/client/stage.js';

const OPEN_TIMEOUT_MS = 10_000;
const MIB = 1 << 20;
const RETRY = {
  now: WireRetryAdvice.NOW,
  backoff: WireRetryAdvice.BACKOFF,
  never: WireRetryAdvice.NEVER,
} as const;
const CODES = Object.keys(errorCatalogue) as ErrorCode[];

let stage: Stage;
let client: Client;

function start(own: Partial<ClientOptions> = {}): void {
  const options = { openTimeoutMs: OPEN_TIMEOUT_MS, ...own };
  client = sdkSubject(stage.gateway, stage.clock, { addresses: [ADDRESS], own: options }).client;
}

/** What `open` came to; moves time until it is known. */
async function outcome(opening: Promise<Session>): Promise<Session | ClientError> {
  return await stage.resolves(
    opening.catch((error: unknown) => {
      if (error instanceof ClientError) return error;
      throw error;
    }),
    'the outcome of open',
  );
}

async function refusal(opening: Promise<Session>): Promise<ClientError> {
  const error = await outcome(opening);
  if (error instanceof ClientError) return error;
  throw new Error('it was opened');
}

async function openSession(
  options: Parameters<Client['open']>[1] = {},
  fields: Partial<Opened> = {},
): Promise<{ peer: Peer; session: Session; open: Open }> {
  const opening = client.open('', { id: 's', ...options });
  const peer = stage.peers[0] ?? (await stage.connection());
  const open = await peer.opens(options.id ?? 's');
  peer.writes(opened(options.id ?? 's', open, fields));
  const session = await outcome(opening);
  if (session instanceof ClientError) throw session;
  return { peer, session, open };
}

/** What the session ended with. */
async function endOf(session: Session): Promise<ClientError | undefined> {
  const { error } = await stage.resolves(session.closed, 'the end of the session');
  return error;
}

beforeEach(() => {
  stage = new Stage(sdkSource('StreamBatches'));
  start();
});

afterEach(async () => {
  stage.onConnection = () => undefined;
  stage.onOpen = undefined;
  await stage.resolves(client.close({ graceMs: 500 }), 'the client to leave');
  await stage.settled();
  const { clock } = stage;
  expect({
    timers: clock.activeTimers,
    immediates: clock.pendingImmediates,
    sessions: client.sessions,
    connections: stage.peers.filter(({ close }) => close === undefined).length,
  }).toEqual({ timers: 0, immediates: 0, sessions: 0, connections: 0 });
});

describe('a gateway that floods a session', () => {
  it.each([
    ['in messages', { messages: 4, bytes: MIB }, 5, 10],
    ['in bytes', { messages: 256, bytes: 1_000 }, 3, 400],
  ] as const)('over its window, %s: the session ends, others go on', async (_, window, count, size) => {
    const { peer, session } = await openSession({ window });
    const { session: other } = await openSession({ id: 'other' });
    for (let n = 1; n <= count; n += 1) peer.writes(data('s', n, { data: Buffer.alloc(size) }));
    const error = await endOf(session);
    expect(error).toMatchObject({ code: 'PROTOCOL_VIOLATION', retry: 'never', scope: 'session' });
    expect(error?.message).toMatch(/window/);
    await peer.reads('s', 'CLOSE');
    // It does not stop; nothing of it is kept.
    for (let n = count + 1; n <= 5_000; n += 1) peer.writes(data('s', n));
    await stage.settled();
    expect(session.stats.received).toBeLessThanOrEqual(window.messages);
    peer.writes(data('other', 1));
    expect((await stage.resolves(other.receive(), 'a message'))?.text).toBe('m1');
    peer.writes(closed('s'));
  });

  it('with Gaps', async () => {
    const { peer, session } = await openSession({
      window: { messages: 4, bytes: MIB },
      onGap: () => undefined,
    });
    for (let n = 1; n <= 1_000; n += 1) peer.writes(gap('s', n, n));
    expect(await endOf(session)).toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    expect(session.stats.received).toBeLessThan(10);
  });

  it('with a payload that has no end', async () => {
    const { peer, session } = await openSession();
    const reading = session.receive().catch((error: unknown) => error);
    for (let n = 1; session.isOpen && n <= 400; n += 1) {
      peer.writes(data('s', n, { data: Buffer.alloc(256 * 1024), more: true }));
      await stage.settled();
    }
    expect(await endOf(session)).toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    expect(await reading).toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    expect(session.stats.bufferedBytes).toBeLessThanOrEqual(MIB);
  });

  it('with a message of 5 MiB: one always fits, a second does not', async () => {
    const { peer, session } = await openSession();
    const large = Buffer.alloc(5 * MIB - 1_024);
    peer.writes(data('s', 1, { data: large }));
    const message = await stage.resolves(session.receive(), 'the large message');
    expect(message?.data.length).toBe(large.length);
    peer.writes(data('s', 2, { data: large }));
    expect(await endOf(session)).toMatchObject({ code: 'PROTOCOL_VIOLATION' });
  });

  it('with Errors that nobody waits for', async () => {
    const { peer, session } = await openSession({}, { windowMessages: 2_000 });
    for (let n = 1; n <= 1_500; n += 1) void session.send('x');
    await stage.settled();
    for (let n = 1; n <= 1_500; n += 1)
      for (let again = 0; again < 3; again += 1) peer.writes(failed('s', n));
    peer.writes(ack('s', 1_500));
    await stage.settled();
    let told = 0;
    for (;;) {
      const error = await stage.resolves(
        Promise.race([session.receive().catch((each: unknown) => each), turns()]),
        'a failure',
      );
      if (!(error instanceof ClientError)) break;
      told += 1;
    }
    expect(told).toBeGreaterThan(0);
    expect(told).toBeLessThanOrEqual(1_500);
  });
});

/** Undefined, a little later. */
async function turns(): Promise<undefined> {
  for (let n = 0; n < 20; n += 1) await Promise.resolve();
  return undefined;
}

interface Lie {
  readonly name: string;
  readonly says: (open: Open) => readonly DataMessage[];
  /** What the session ends with; undefined: it goes on. */
  readonly code?: string;
}

describe('a gateway that says what can not be', () => {
  const lies: readonly Lie[] = [
    {
      name: 'DATA that skips a sequence',
      says: () => [data('s', 1), data('s', 3)],
      code: 'PROTOCOL_VIOLATION',
    },
    { name: 'DATA twice', says: () => [data('s', 1), data('s', 1)], code: 'PROTOCOL_VIOLATION' },
    { name: 'DATA without a sequence', says: () => [data('s', 0)], code: 'PROTOCOL_VIOLATION' },
    { name: 'a Gap that does not follow', says: () => [gap('s', 5, 9)], code: 'PROTOCOL_VIOLATION' },
    { name: 'a Gap that ends before it begins', says: () => [gap('s', 1, 0)], code: 'PROTOCOL_VIOLATION' },
    { name: 'an ack of what was never sent', says: () => [ack('s', 7)], code: 'PROTOCOL_VIOLATION' },
    { name: 'a second Opened', says: (open) => [opened('s', open, { lastReceivedSequence: 99 })] },
    { name: 'a Window of nothing', says: () => [changeWindow('s', 0, 0)] },
    { name: 'an Error of what was never sent', says: () => [failed('s', 99)] },
    { name: 'an Error of nothing', says: () => [failed('s', 0)] },
    { name: 'an Open', says: (open) => [{ ...opened('s', open), control: open }] },
    {
      name: 'Closed twice',
      says: () => [closed('s', 'INTERNAL', { retry: WireRetryAdvice.NEVER }), closed('s')],
      code: 'INTERNAL',
    },
  ];

  it.each(lies)('$name', async ({ says, code }) => {
    const { peer, session, open } = await openSession();
    peer.writes(...says(open));
    await stage.settled();
    if (code === undefined) {
      expect(session.isOpen).toBe(true);
      void session.send('goes on');
      await peer.reads('s', 'DATA 1 "goes on"');
      return;
    }
    const error = await endOf(session);
    expect(error).toMatchObject({ code });
    await expect(session.send('too late')).rejects.toBe(error);
  });

  const openings: readonly (readonly [name: string, says: (open: Open) => DataMessage])[] = [
    ['names sequences that were never sent', (open) => opened('s', open, { lastReceivedSequence: 5 })],
    ['acknowledges what was never sent', (open) => opened('s', open, {}, 5)],
    ['has resumed what was opened', (open) => opened('s', open, { resumed: true })],
    ['is no Opened, but DATA', () => data('s', 1)],
    ['is no Opened, but a Gap', () => gap('s', 1, 2)],
  ];

  it.each(openings)('its answer to Open %s', async (_, says) => {
    const opening = client.open('', { id: 's' });
    const peer = await stage.connection();
    peer.writes(says(await peer.opens('s')));
    const session = await outcome(opening);
    const error = session instanceof ClientError ? session : await endOf(session);
    expect(error).toMatchObject({ code: 'PROTOCOL_VIOLATION', retry: 'never' });
    expect(error?.message).toMatch(/^the gateway|session|Opened/i);
  });

  it.each([
    ['a heartbeat a millisecond', { heartbeatIntervalMs: 1 }],
    ['a heartbeat a month', { heartbeatIntervalMs: 2 ** 32 - 1 }],
    ['no room for a message', { maxMessageBytes: 1 }],
    ['no room for sessions', { maxSessions: 0 }],
    ['no resume window', { resumeWindowMs: 0 }],
    ['no name for anybody', { clientId: '', connectionId: '', nodeId: '' }],
  ])('its Welcome has %s', async (_, welcome) => {
    stage.welcome = welcome;
    const { peer, session } = await openSession();
    const sending = session.send('hello').then(
      () => 'sent',
      (error: unknown) => (error instanceof ClientError ? error.code : String(error)),
    );
    await stage.wait(10_000);
    expect(await sending).toBe('maxMessageBytes' in welcome ? 'MESSAGE_TOO_LARGE' : 'sent');
    expect(peer.heartbeats).toBeLessThanOrEqual(150);
    expect(stage.connections).toBe(1);
  });
});

describe('a gateway that answers Open', () => {
  it('never: open ends in time', async () => {
    const opening = client.open('', { id: 's' });
    const peer = await stage.connection();
    await peer.opens('s');
    const since = stage.clock.now();
    const error = await refusal(opening);
    expect(stage.clock.now() - since).toBeLessThanOrEqual(OPEN_TIMEOUT_MS + 1_000);
    expect(error.message).toMatch(/10,?000 ms|answer/);
  });

  it.each(CODES)('with %s', async (code) => {
    const { retry } = errorCatalogue[code];
    let answers = 0;
    stage.onOpen = (peer, id) => {
      answers += 1;
      peer.writes(closed(id, code, { retry: RETRY[retry] }));
    };
    const error = await refusal(client.open('', { id: 's' }));
    expect(error).toMatchObject({ code, retry, name: 'ClientError' });
    expect(error.message).toContain(`because of ${code}`);
    if (retry === 'never') expect(answers).toBe(1);
    else {
      expect(answers).toBeGreaterThan(1);
      expect(answers).toBeLessThan(30);
    }
  });

  it.each(CODES)('by ending the connection with %s', async (code) => {
    const { retry } = errorCatalogue[code];
    stage.welcoming = false;
    stage.onConnection = (peer) => {
      peer.ends(new SluiceError(code, `the sentence of ${code}`));
    };
    const error = await refusal(client.open('', { id: 's' }));
    expect(error).toMatchObject({ code, retry });
    expect(error.message).toContain(`the sentence of ${code}`);
    if (retry === 'never') expect(stage.connections).toBe(1);
    else {
      expect(stage.connections).toBeGreaterThan(1);
      expect(stage.connections).toBeLessThan(30);
    }
  });

  it('with a code that nobody knows', async () => {
    const opening = client.open('', { id: 's' });
    const peer = await stage.connection();
    await peer.opens('s');
    peer.writes(closed('s', 'FROM_THE_FUTURE', { retry: WireRetryAdvice.NEVER }));
    expect(await refusal(opening)).toMatchObject({
      code: 'FROM_THE_FUTURE',
      retry: 'never',
      scope: 'session',
    });
  });
});

describe('a gateway that is no place to stay', () => {
  const TEN_MINUTES_MS = 600_000;

  /** How often it connects in each of ten minutes. */
  async function connectionsByMinute(): Promise<number[]> {
    const counts: number[] = [];
    for (let n = 0; n < 10; n += 1) {
      const before = stage.connections;
      await stage.wait(TEN_MINUTES_MS / 10);
      counts.push(stage.connections - before);
    }
    return counts;
  }

  const places: readonly (readonly [name: string, does: (peer: Peer) => void])[] = [
    [
      'ends each connection after its Welcome, OK',
      (peer) => {
        peer.ends();
      },
    ],
    [
      'ends each with DRAINING',
      (peer) => {
        peer.ends(new SluiceError('DRAINING', 'it leaves'));
      },
    ],
    [
      'ends each with STREAM_LIMIT',
      (peer) => {
        peer.ends(new SluiceError('STREAM_LIMIT', 'too old'));
      },
    ],
    [
      'resets each',
      (peer) => {
        peer.stream.reset();
      },
    ],
    [
      'asks to leave each connection',
      (peer) => {
        peer.writes(drain('connection is old'));
      },
    ],
    [
      'says of each that it is leaving',
      (peer) => {
        peer.writes(drain('gateway is leaving'), closed('s', 'DRAINING', { retry: WireRetryAdvice.NOW }));
      },
    ],
    [
      'refuses the session on each',
      (peer) => {
        peer.writes(closed('s', 'SESSION_EXPIRED', { retry: WireRetryAdvice.NOW }));
      },
    ],
  ];

  it.each(places)('%s', async (_, does) => {
    await client.close();
    start({ openTimeoutMs: 2 * TEN_MINUTES_MS });
    stage.onConnection = (peer) => {
      // Behind its Welcome, and behind the Open that follows.
      stage.clock.setTimeout(() => {
        if (peer.close === undefined) does(peer);
      }, 5);
    };
    const opening = client.open('', { id: 's' }).catch((error: unknown) => error);
    const [first = 0, ...rest] = await connectionsByMinute();
    expect(first).toBeLessThanOrEqual(70);
    // In the long run it waits for long.
    expect(rest.slice(3).reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(6 * 70);
    stage.onConnection = () => undefined;
    await stage.resolves(client.close({ graceMs: 0 }), 'the client to leave');
    expect(await opening).toMatchObject({ code: 'CLOSED' });
  });

  it('says again and again that the token is about to expire', async () => {
    await client.close();
    let asked = 0;
    start({ token: () => `T${(asked += 1)}` });
    const { peer } = await openSession();
    for (let n = 0; n < 200; n += 1) {
      for (let again = 0; again < 10; again += 1) peer.writes(throttle('token', n % 3));
      await stage.wait(50);
    }
    expect(asked).toBeLessThanOrEqual(60);
    expect(stage.connections).toBe(1);
  });
});

describe('a gateway that does not read', () => {
  it('costs what the buffer and the window hold, and no more', async () => {
    await client.close();
    start({ batches: false });
    const { peer, session } = await openSession(
      { buffer: { messages: 100, bytes: MIB } },
      { windowMessages: 200, windowBytes: 2 * MIB },
    );
    peer.stopsReading();
    const fates = new Map<string, number>();
    const note = (fate: string): void => {
      fates.set(fate, (fates.get(fate) ?? 0) + 1);
    };

    for (let n = 0; n < 1_000; n += 1) {
      session.send(Buffer.alloc(5_000)).then(
        () => {
          note('sent');
        },
        (error: unknown) => {
          note(error instanceof ClientError ? error.code : String(error));
        },
      );
    }
    await stage.settled();
    expect(fates.get('BUFFER_FULL')).toBeGreaterThanOrEqual(600);
    expect(session.stats.bufferedBytes).toBeLessThanOrEqual(3 * MIB);
    expect(session.stats.waiting).toBeLessThanOrEqual(100);
    peer.readsOn();
    await peer.reads('s', ...Array<string>(10).fill('DATA'));
  });

  it('and floods it with probes: it is answered, and nothing piles up', async () => {
    const { peer } = await openSession();
    peer.stopsReading();
    for (let n = 1; n <= 20_000; n += 1) {
      peer.writes(probe(n));
      if (n % 1_000 === 0) await stage.settled();
    }
    peer.readsOn();
    await stage.settled();
    let answers = 0;
    for (const message of await peer.all('')) if (message.ack === message.sequence) answers += 1;
    expect(answers).toBeGreaterThan(0);
    expect(answers).toBeLessThan(8_000);
  });
});

describe('a gateway of many words', () => {
  it('about sessions that there are not, costs nothing', async () => {
    const { peer, session } = await openSession();
    for (let n = 1; n <= 2_000; n += 1)
      peer.writes(...many(`other-${n}`, 1, 5), closed(`other-${n}`, 'INTERNAL'));
    peer.writes(data('s', 1));
    expect((await stage.resolves(session.receive(), 'a message'))?.text).toBe('m1');
    expect(client.sessions).toBe(1);
  });
});
