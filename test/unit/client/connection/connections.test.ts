/** What the client does with connections, seen from a gateway that the test plays. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Client } from '../../../../src/client/client.js';
import type { ClientEvent } from '../../../../src/client/client-event.js';
import type { ClientOptions } from '../../../../src/client/client-options.js';
import type { OpenOptions } from '../../../../src/client/options.js';
import type { Session } from '../../../../src/client/session/session.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { controlMessage, type DataMessage, type Open } from '../../../../src/wire/messages.js';
import { ScriptedConnector, type ScriptedStream } from '../../../helpers/scripted-connector.js';

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

const opensOf = (stream: ScriptedStream): (Open & { readonly sessionId: string })[] =>
  stream.sent.flatMap(({ control, sessionId }) =>
    control?.action === 'open' ? [{ ...control, sessionId }] : [],
  );

/** The answer to an Open. */
function opened(sessionId: string, { resumeToken, resume }: Open): DataMessage {
  return controlMessage(
    {
      action: 'opened',
      ...{ resumed: resume, resumeToken, lastReceivedSequence: 0, windowMessages: 256, windowBytes: 65_536 },
    },
    sessionId,
  );
}

describe('Connections', () => {
  let clock: FakeClock;
  let connectors: Map<string, ScriptedConnector>;
  let events: ClientEvent[];
  let client: Client;
  let failures: unknown[];

  beforeEach(() => {
    clock = new FakeClock();
    connectors = new Map();
    events = [];
    failures = [];
  });

  function connect(options: ClientOptions = {}, addresses = ['a:1'], random = (): number => 0.5): Client {
    return (client = new Client(
      addresses,
      { onEvent: (event) => void events.push(event), ...options },
      {
        clock,
        random,
        dial: (address) => {
          const connector = new ScriptedConnector(clock, address);
          connectors.set(address, connector);
          return connector;
        },
      },
    ));
  }

  afterEach(async () => {
    const closing = client.close({ graceMs: 0 });
    await clock.advanceAsync(10_000);
    await closing;
    expect(clock.pending).toBe(0);
    for (const { isClosed } of connectors.values()) expect(isClosed).toBe(true);
  });

  const at = (address = 'a:1'): ScriptedConnector => connectors.get(address)!;
  const streams = (address = 'a:1'): ScriptedStream[] => at(address).streams;

  /** Opens, and keeps what becomes of it; gives the first one. */
  function open(count: number, options: OpenOptions = {}): { readonly first: Promise<Session> } {
    const opening = upTo(count).map(() => client.open('echo', options));
    for (const each of opening) each.catch((error: unknown) => failures.push(error));
    return { first: opening[0]! };
  }

  /** Answers the Opens on this stream that have no answer yet. */
  async function answer(stream: ScriptedStream): Promise<void> {
    await clock.settle();
    const answered = done.get(stream) ?? 0;
    const opens = opensOf(stream).slice(answered);
    done.set(stream, answered + opens.length);
    if (opens.length > 0) stream.says(...opens.map((each) => opened(each.sessionId, each)));
    await clock.settle();
  }
  const done = new Map<ScriptedStream, number>();

  it('does not connect before it is asked for something', async () => {
    connect();
    await clock.advanceAsync(60_000);
    expect(streams()).toEqual([]);
    expect(client.state).toBe('idle');
  });

  it('spreads sessions over streams, one begun after the other, and refuses what is over their number', async () => {
    connect({ sessionsPerStream: 10, maxStreams: 3 });
    open(30);
    await clock.settle();
    expect(streams()).toHaveLength(1);
    await expect(client.open()).rejects.toMatchObject({
      code: 'SESSION_LIMIT',
      message:
        'This client has 30 sessions, and room for 30: 10 (sessionsPerStream) on each of 3 streams (maxStreams).',
    });
    for (const number of [1, 2, 3]) {
      expect(streams()).toHaveLength(number);
      const stream = at().last;
      // Who the gateway said we are is said from the second on: all streams are one client.
      expect(stream.metadata['x-client-id']).toMatch(number === 1 ? /^[0-9a-f]{32}$/ : /^ann$/);
      stream.welcomes();
      await answer(stream);
      expect(opensOf(stream)).toHaveLength(10);
    }
    expect(streams()).toHaveLength(3);
    expect(client.clientId).toBe('ann');
    expect(client.sessions).toBe(30);
    expect(failures).toEqual([]);
  });

  it('keeps to the number of sessions that the gateway allows', async () => {
    connect({ sessionsPerStream: 10, maxStreams: 2 });
    open(6);
    await clock.settle();
    at().last.welcomes({ maxSessions: 2 });
    await clock.settle();
    at().last.welcomes({ maxSessions: 2 });
    await clock.settle();
    expect(streams().map((stream) => opensOf(stream).length)).toEqual([2, 2]);
    expect(failures).toHaveLength(2);
    expect(failures[0]).toMatchObject({
      code: 'SESSION_LIMIT',
      message: expect.stringContaining("2 (the gateway's limit of a connection)") as string,
    });
  });

  it('brings a thousand sessions back on ten streams without a storm, in another order each time', async () => {
    let seed = 1;
    connect(
      { sessionsPerStream: 100, maxStreams: 10 },
      ['a:1'],
      () => (seed = (seed * 16_807) % 2147483647) / 2147483647,
    );
    open(1_000);
    for (const number of upTo(10)) {
      await clock.settle();
      expect(streams()).toHaveLength(number);
      const stream = at().last;
      stream.welcomes({ heartbeatIntervalMs: 60_000 });
      await answer(stream);
    }
    const orders = new Set<string>();
    for (const round of upTo(3)) {
      await clock.advanceAsync(6_000);
      const before = streams().length;
      for (const stream of streams().slice(-10)) stream.ends();
      await clock.advanceAsync(1_000);
      // One at a time, and no second before the first is welcome.
      expect(streams()).toHaveLength(before + 1);
      expect(at().renewals).toBe(round);
      for (const number of upTo(10)) {
        expect(streams()).toHaveLength(before + number);
        const stream = at().last;
        stream.welcomes({ heartbeatIntervalMs: 60_000 });
        await answer(stream);
      }
      const resumed = streams()
        .slice(before)
        .flatMap((stream) => opensOf(stream));
      expect(resumed).toHaveLength(1_000);
      expect(resumed.every(({ resume, attempt }) => resume && attempt === round + 1)).toBe(true);
      orders.add(resumed.map(({ sessionId }) => sessionId).join());
    }
    expect(orders.size).toBe(3);
    expect(failures).toEqual([]);
  });

  it('does not hammer a gateway that says Welcome and goes', async () => {
    connect({ openTimeoutMs: 600_000 });
    open(1);
    const begin = clock.now();
    for (let i = 0; i < 300 && clock.now() - begin < 300_000; i += 1) {
      await clock.settle();
      const stream = at().last;
      stream.welcomes();
      await clock.settle();
      stream.ends();
      const { length } = streams();
      while (streams().length === length) await clock.advanceAsync(clock.nextTimerInMs ?? 0);
    }
    expect(clock.now() - begin).toBeGreaterThanOrEqual(300_000);
    expect(streams().length).toBeLessThan(40);
  });

  it('does not hammer a gateway that says Welcome and Drain for ever', async () => {
    connect({ openTimeoutMs: 600_000 });
    open(1);
    const begin = clock.now();
    for (let i = 0; i < 300 && clock.now() - begin < 300_000; i += 1) {
      await clock.settle();
      const stream = at().last;
      stream.welcomes();
      stream.drains('gateway: leaving');
      const { length } = streams();
      while (streams().length === length) await clock.advanceAsync(clock.nextTimerInMs ?? 0);
      stream.ends({ status: 0, message: '' });
    }
    expect(clock.now() - begin).toBeGreaterThanOrEqual(300_000);
    expect(streams().length).toBeLessThan(40);
  });

  it('keeps a stream without sessions for a while, then leaves it, and connects anew when asked', async () => {
    connect();
    const { first } = open(1);
    await clock.settle();
    at().last.welcomes();
    await answer(at().last);
    const session = await first;
    const closing = session.close();
    await clock.settle();
    at().last.says(
      controlMessage({ action: 'closed', code: '', reason: '', retry: 0, retryAfterMs: 0 }, session.id),
    );
    await closing;
    for (let i = 0; i < 29; i += 1) {
      await clock.advanceAsync(1_000);
      at().last.says(controlMessage({ action: 'resume' }));
    }
    expect(at().last.isHalfClosed).toBe(false);
    await clock.advanceAsync(1_000);
    expect(at().last.isHalfClosed).toBe(true);
    at().last.ends({ status: 0, message: '' });
    await clock.settle();
    expect(client.state).toBe('idle');
    expect(clock.activeTimers).toBe(0);
    expect(events.map(({ kind }) => kind)).toEqual(['connecting', 'connected']);
    open(1);
    await clock.settle();
    expect(streams()).toHaveLength(2);
    expect(client.state).toBe('connecting');
  });

  it('keeps a stream that is asked for a sign of life now and then', async () => {
    connect();
    for (let i = 0; i < 60; i += 1) {
      const pinging = client.ping();
      await clock.settle();
      if (i === 0) at().last.welcomes();
      await clock.settle();
      const probe = at().last.sent.at(-1)!;
      at().last.says({ ...probe, ack: probe.sequence });
      expect(await pinging).toBe(0);
      await clock.advanceAsync(1_000);
    }
    expect(streams()).toHaveLength(1);
    expect(at().last.isHalfClosed).toBe(false);
  });

  it('leaves a connection that is too old only when another is welcome', async () => {
    connect();
    open(3);
    await clock.settle();
    const old = at().last;
    old.welcomes();
    await answer(old);
    old.drains('connection: too old', 5_000);
    old.drains('connection: too old', 5_000);
    await clock.settle();
    expect(at().renewals).toBe(1);
    expect(streams()).toHaveLength(2);
    const next = at().last;
    expect(old.isHalfClosed).toBe(false);
    next.welcomes();
    await clock.settle();
    expect(opensOf(next).map(({ resume, attempt }) => [resume, attempt])).toEqual(
      upTo(3).map(() => [true, 2]),
    );
    expect(old.isHalfClosed).toBe(true);
    old.ends({ status: 0, message: '' });
    await answer(next);
    expect(events.map(({ kind }) => kind)).toEqual([
      'connecting',
      'connected',
      'draining',
      'connecting',
      'connected',
    ]);
    expect(failures).toEqual([]);
  });

  it('stays on a connection that is too old while no other can be had, and comes back after its end', async () => {
    connect();
    open(1);
    await clock.settle();
    const old = at().last;
    old.welcomes();
    await answer(old);
    old.drains('connection: too old', 5_000);
    await clock.settle();
    for (let i = 0; i < 3; i += 1) {
      at().last.ends({ failure: 'unreachable', message: 'nobody' });
      await clock.advanceAsync(1_000);
    }
    expect(old.isHalfClosed).toBe(false);
    old.ends({ code: 'STREAM_LIMIT', message: 'too old' });
    await clock.advanceAsync(5_000);
    at().last.welcomes();
    await clock.settle();
    expect(opensOf(at().last)).toMatchObject([{ resume: true, attempt: 2 }]);
  });

  it.each([8, 1])(
    'stays with a gateway that leaves, and goes elsewhere with what is new (maxStreams: %i)',
    async (maxStreams) => {
      connect({ maxStreams }, ['a:1', 'b:1']);
      open(1, { id: 'old' });
      await clock.settle();
      const a = at('a:1').last;
      a.welcomes();
      await answer(a);
      a.drains('gateway: leaving', 60_000);
      await clock.settle();
      expect(a.isHalfClosed).toBe(false);
      expect(streams('b:1')).toEqual([]);
      open(1, { id: 'new' });
      await clock.settle();
      const b = at('b:1').last;
      b.welcomes({ connectionId: 'c2' });
      await answer(b);
      expect(opensOf(b).map(({ sessionId }) => sessionId)).toEqual(['new']);
      // The connection breaks: the session lives nowhere else.
      a.ends();
      await clock.advanceAsync(100);
      expect(streams('a:1')).toHaveLength(2);
      at('a:1').last.welcomes();
      at('a:1').last.drains('gateway: leaving', 60_000);
      await answer(at('a:1').last);
      expect(opensOf(at('a:1').last)).toMatchObject([{ sessionId: 'old', resume: true }]);
      expect(opensOf(b)).toHaveLength(1);
    },
  );

  it('opens elsewhere what a leaving gateway has closed', async () => {
    connect({}, ['a:1', 'b:1']);
    open(1, { id: 's', onReset: () => undefined });
    await clock.settle();
    const a = at('a:1').last;
    a.welcomes();
    await answer(a);
    a.drains('gateway: leaving', 60_000);
    a.says(
      controlMessage(
        { action: 'closed', code: 'DRAINING', reason: 'leaving', retry: 1, retryAfterMs: 0 },
        's',
      ),
    );
    await clock.settle();
    expect(a.isHalfClosed).toBe(true);
    at('b:1').last.welcomes();
    await answer(at('b:1').last);
    expect(opensOf(at('b:1').last)).toMatchObject([{ sessionId: 's', resume: false, attempt: 1 }]);
  });

  it('ends all that waits where trying again would not help, and tries again for whoever asks', async () => {
    connect();
    open(3);
    await clock.settle();
    at().last.ends({ status: 16, code: 'UNAUTHENTICATED', message: 'who are you?' });
    await clock.advanceAsync(60_000);
    expect(failures).toHaveLength(3);
    expect(failures[0]).toMatchObject({ code: 'UNAUTHENTICATED', message: 'who are you?' });
    expect(streams()).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({ kind: 'disconnected', retryInMs: undefined });
    open(1);
    await clock.settle();
    expect(streams()).toHaveLength(2);
  });

  it('tries the other addresses where one is no gateway, and gives up where all are none', async () => {
    connect({}, ['a:1', 'b:1']);
    open(1);
    await clock.settle();
    at('a:1').last.ends({ failure: 'not-sluice', message: 'a web server' });
    await clock.settle();
    expect(failures).toEqual([]);
    at('b:1').last.ends({ failure: 'tls-mismatch', message: 'TLS' });
    await clock.settle();
    expect(failures).toMatchObject([{ code: 'TLS_MISMATCH' }]);
  });

  it('waits for a gateway where something else answers meanwhile', async () => {
    connect();
    open(1);
    await clock.settle();
    at().last.welcomes();
    await answer(at().last);
    at().last.ends();
    await clock.advanceAsync(1_000);
    at().last.ends({ failure: 'not-sluice', message: 'a proxy that says 502' });
    await clock.advanceAsync(1_000);
    at().last.welcomes();
    await answer(at().last);
    expect(client.sessions).toBe(1);
  });

  it('goes on with codes of a later gateway by their status', async () => {
    connect({ openTimeoutMs: 60_000 });
    open(1);
    await clock.settle();
    at().last.ends({ status: 14, code: 'MOON_PHASE', message: 'not now', retryAfterMs: 2_000 });
    await clock.advanceAsync(1_999);
    expect(streams()).toHaveLength(1);
    await clock.advanceAsync(100);
    expect(streams()).toHaveLength(2);
    at().last.ends({ status: 9, code: 'WRONG_PLANET', message: 'never' });
    await clock.settle();
    expect(failures).toMatchObject([{ code: 'WRONG_PLANET', retry: 'never', scope: 'connection' }]);
  });

  it('closes in the background what was opened for nobody', async () => {
    connect();
    const abort = new AbortController();
    open(1, { id: 's', signal: abort.signal });
    await clock.settle();
    at().last.welcomes();
    await clock.settle();
    abort.abort(new Error('too long'));
    await clock.settle();
    expect(failures).toMatchObject([{ message: 'too long' }]);
    expect(client.sessions).toBe(1);
    await expect(client.open('', { id: 's' })).rejects.toMatchObject({ code: 'SESSION_IN_USE' });
    await answer(at().last);
    expect(at().last.sent.at(-1)?.control).toEqual({ action: 'close' });
    at().last.says(
      controlMessage({ action: 'closed', code: '', reason: '', retry: 0, retryAfterMs: 0 }, 's'),
    );
    await clock.settle();
    expect(client.sessions).toBe(0);
  });

  it('forgets it after a while, where the gateway says nothing to that', async () => {
    connect();
    const abort = new AbortController();
    open(1, { id: 's', signal: abort.signal });
    await clock.settle();
    at().last.welcomes();
    await clock.settle();
    abort.abort();
    for (let i = 0; i < 6; i += 1) {
      await clock.advanceAsync(1_000);
      at().last.says(controlMessage({ action: 'resume' }));
    }
    expect(client.sessions).toBe(0);
  });

  it('waits before it opens anew what was refused, longer each time', async () => {
    connect({ openTimeoutMs: 10_000 });
    open(1);
    await clock.settle();
    const stream = at().last;
    stream.welcomes({ heartbeatIntervalMs: 60_000 });
    const begin = clock.now();
    const opens: number[] = [];
    while (failures.length === 0) {
      await clock.settle();
      if (opensOf(stream).length > opens.length) {
        opens.push(clock.now() - begin);
        stream.says(
          controlMessage(
            { action: 'closed', code: 'SESSION_LIMIT', reason: 'full', retry: 2, retryAfterMs: 0 },
            opensOf(stream)[0]?.sessionId,
          ),
        );
        await clock.settle();
      }
      await clock.advanceAsync(clock.nextTimerInMs ?? 0);
    }
    expect(opens).toEqual([0, 50, 150, 350, 750, 1_550, 3_150, 6_350]);
    expect(failures).toMatchObject([{ code: 'SESSION_LIMIT', message: 'full' }]);
    expect(clock.now() - begin).toBe(10_000);
  });
});
