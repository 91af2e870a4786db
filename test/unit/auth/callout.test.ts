import { getEventListeners } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  AuthorizationCallout,
  type CalloutResult,
  type CalloutSettings,
} from '../../../src/auth/authorization-callout.js';
import { SluiceError } from '../../../src/core/errors.js';
import type { Identity } from '../../../src/core/identity.js';
import { anonymousIdentity } from '../../helpers/anonymous-identity.js';
import { StartError } from '../../../src/core/start-error.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { CalloutServer, type CalloutReply } from '../../helpers/callout-server.js';
import { RecordingLogger } from '../../helpers/recording-logger.js';

const SETTINGS: CalloutSettings = {
  url: 'http://127.0.0.1:1/decide',
  timeoutMs: 2_000,
  cacheMs: 10_000,
  maxCached: 100,
  maxConcurrent: 4,
  maxWaiting: 8,
  secretFile: '',
  failOpen: false,
  breakerFailures: 3,
  breakerPauseMs: 5_000,
};
const PEER = '10.0.0.7:5000';
const ROOM = { sessionId: 's1', route: 'chat', subject: 'room-1' };

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function callout(settings: Partial<CalloutSettings> = {}) {
  const clock = new FakeClock();
  const logger = new RecordingLogger();
  const counts = new Map<CalloutResult, number>();
  const asked = new AuthorizationCallout({
    settings: { ...SETTINGS, ...settings },
    ...{ reloadIntervalMs: 60_000, nodeId: 'gw-1', clock, logger, counts },
  });
  cleanups.push(() => {
    asked.close();
    expect(clock.pending).toBe(0);
  });
  const connect = (clientId: string, signal = new AbortController().signal) =>
    // Thrown or rejected: the same to whoever awaits it.
    (async () => asked.connect(who(clientId), PEER, signal))();
  return { clock, logger, asked, connect, results: () => Object.fromEntries(counts) };
}

async function served(settings: Partial<CalloutSettings> = {}) {
  const server = await CalloutServer.start();
  cleanups.push(() => server[Symbol.asyncDispose]());
  return { server, ...callout({ url: server.url, ...settings }) };
}

function who(clientId: string): Identity {
  return { ...anonymousIdentity(clientId), method: 'jwt' };
}

/** A service that answers when the test says so. */
function held(server: CalloutServer) {
  const waiting: ((reply: CalloutReply) => void)[] = [];
  server.decide = () =>
    new Promise((resolve) => {
      waiting.push(resolve);
    });
  return (reply: CalloutReply = { json: { allow: true } }) => {
    for (const resolve of waiting.splice(0)) resolve(reply);
  };
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'ok',
    (error: unknown) => (error instanceof SluiceError ? error.code : String(error)),
  );

describe('AuthorizationCallout asks', () => {
  it('at connect: who it is, and from where', async () => {
    const { server, connect, results } = await served();
    expect(await connect('ann')).toEqual({ allow: true });
    expect(server.received).toMatchObject([
      {
        method: 'POST',
        path: '/decide',
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: {
          ...{ version: 1, event: 'connect', node: 'gw-1', peer: PEER },
          client: { id: 'ann', method: 'jwt', class: 'default' },
        },
      },
    ]);
    expect(server.received[0]?.headers.authorization).toBeUndefined();
    expect(Object.keys(server.received[0]!.body)).toEqual(['version', 'event', 'node', 'peer', 'client']);
    expect(results()).toEqual({ allow: 1 });
  });

  it('at open: what of it', async () => {
    const { server, asked } = await served();
    const { signal } = new AbortController();
    await asked.open(who('ann'), ROOM, PEER, signal);
    await asked.open(who('ann'), { ...ROOM, sessionId: '' }, PEER, signal);
    expect(server.received.map(({ body }) => body)).toMatchObject([
      { event: 'open', session: 's1', route: 'chat', subject: 'room-1' },
      { event: 'open', route: 'chat', subject: 'room-1' },
    ]);
    expect('session' in server.received[1]!.body).toBe(false);
  });

  it('a no at open is PERMISSION_DENIED with the reason of the service, also from the cache', async () => {
    const { server, asked, results } = await served();
    const { signal } = new AbortController();
    server.decide = () => ({ json: { allow: false, reason: 'room-1 is full' } });
    const denied = { code: 'PERMISSION_DENIED', message: 'room-1 is full' };
    await expect(asked.open(who('ann'), ROOM, PEER, signal)).rejects.toMatchObject(denied);
    expect(() => asked.open(who('ann'), ROOM, PEER, signal)).toThrow(expect.objectContaining(denied));
    server.decide = () => ({ status: 403, text: '<h1>No</h1>' });
    await expect(asked.open(who('bob'), ROOM, PEER, signal)).rejects.toMatchObject({
      ...{ code: 'PERMISSION_DENIED', message: 'the authorization service does not allow it' },
    });
    expect(results()).toEqual({ deny: 2, cached: 1 });
    expect(asked.breakerOpen).toBe(false);
  });

  it('what the service knows better comes with the yes', async () => {
    const { server, connect, clock } = await served();
    server.decide = () => ({
      json: { allow: true, class: 'gold', permissions: ['open:chat'], expiresInMs: 5_000 },
    });
    expect(await connect('ann')).toEqual({
      ...{ allow: true, clientClass: 'gold', permissions: ['open:chat'] },
      expiresAtMs: clock.wallNow() + 5_000,
    });
  });

  it('shows the secret of the file, and the new one when it changes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'callout-'));
    cleanups.push(() => {
      rmSync(folder, { recursive: true });
    });
    const secretFile = join(folder, 'secret');
    writeFileSync(secretFile, 'first-secret\n', { mode: 0o600 });
    const { server, asked, connect, clock, logger } = await served({ secretFile });
    asked.start();
    await connect('ann');
    writeFileSync(secretFile, 'second-secret\n');
    clock.advance(60_000);
    await connect('bob');
    writeFileSync(secretFile, 'not a secret\n');
    asked.reload();
    await connect('cid');
    expect(server.received.map(({ headers }) => headers.authorization)).toEqual([
      ...['Bearer first-secret', 'Bearer second-secret', 'Bearer second-secret'],
    ]);
    expect(JSON.stringify(logger.lines)).not.toMatch(/first|second|not a secret/);
    expect(logger.messages('error')).toEqual([expect.stringContaining('auth.callout.secretFile')]);
  });
});

describe('AuthorizationCallout keeps', () => {
  it('an answer, yes or no, for its time; the peer makes no other question', async () => {
    const { server, asked, connect, clock, results } = await served();
    server.decide = ({ body }) => ({ json: { allow: body.client.id === 'ann' } });
    for (let i = 0; i < 3; i += 1) {
      expect(await connect('ann')).toEqual({ allow: true });
      expect(await connect('bob')).toEqual({ allow: false });
    }
    expect(asked.connect(who('ann'), '10.0.0.8:1', new AbortController().signal)).toEqual({ allow: true });
    expect(server.received).toHaveLength(2);
    clock.advance(9_999);
    await connect('ann');
    expect(server.received).toHaveLength(2);
    clock.advance(1);
    await connect('ann');
    expect(server.received).toHaveLength(3);
    expect(results()).toEqual({ allow: 2, deny: 1, cached: 6 });
  });

  it('it no longer than the service says, and than it holds', async () => {
    const { server, connect, clock } = await served();
    server.decide = ({ body }) => ({
      json: { allow: true, ...(body.client.id === 'ann' ? { cacheMs: 1_000 } : { expiresInMs: 2_000 }) },
    });
    const receivedAfter = async (ms: number) => {
      clock.advance(ms);
      await connect('ann');
      await connect('bob');
      return server.received.length;
    };
    expect(await receivedAfter(0)).toBe(2);
    expect(await receivedAfter(999)).toBe(2);
    expect(await receivedAfter(1)).toBe(3);
    expect(await receivedAfter(999)).toBe(3);
    expect(await receivedAfter(1)).toBe(5);
  });

  it('nothing where the cache is off, where the service says 0, and after a reload', async () => {
    const off = await served({ cacheMs: 0 });
    for (let i = 0; i < 2; i += 1) await off.connect('ann');
    expect(off.server.received).toHaveLength(2);
    const on = await served();
    await on.connect('ann');
    on.asked.reload();
    await on.connect('ann');
    expect(on.server.received).toHaveLength(2);
    on.server.decide = () => ({ json: { allow: true, cacheMs: 0 } });
    for (let i = 0; i < 2; i += 1) await on.connect('bob');
    expect(on.server.received).toHaveLength(4);
  });

  it('no answer to what was asked before a reload', async () => {
    const { server, asked, connect } = await served();
    const answer = held(server);
    const early = connect('ann');
    await server.untilReceived(1);
    asked.reload();
    answer();
    await early;
    const late = connect('ann');
    await server.untilReceived(2);
    answer();
    await late;
  });

  it('no failure', async () => {
    const { server, connect } = await served();
    server.decide = () => ({ status: 500, text: '' });
    expect(await codeOf(connect('ann'))).toBe('AUTH_UNAVAILABLE');
    server.decide = () => ({ json: { allow: true } });
    expect(await connect('ann')).toEqual({ allow: true });
  });
});

describe('AuthorizationCallout and a service that fails', () => {
  it.for<[string, CalloutReply]>([
    ['an error', { status: 500, text: 'hunter2' }],
    ['a page', { text: '<html>hunter2</html>' }],
    ['half a document', { text: '{"allow": true, "reason": "hunter2' }],
    ['a yes of the wrong type', { json: { allow: 'true', reason: 'hunter2' } }],
    ['a yes of another status', { status: 201, json: { allow: true } }],
    ['a redirect', { status: 302, text: '', headers: { location: 'http://127.0.0.1:1/hunter2' } }],
    ['a no that is a 401', { status: 401, json: { allow: false } }],
    ['a closed connection', 'close'],
    ['half an answer', 'half'],
    ['an answer without end', 'endless'],
    ['nothing at all', { status: 204, text: '' }],
  ])('%s is no yes', async ([, reply]) => {
    const { server, connect, results, logger } = await served({ breakerFailures: 1 });
    server.decide = () => reply;
    await expect(connect('ann')).rejects.toMatchObject({
      ...{ code: 'AUTH_UNAVAILABLE', message: 'the authorization service gives no answer now' },
      retryAfterMs: 5_000,
    });
    expect(results()).toEqual({ failed: 1 });
    expect(logger.messages('warn')).toHaveLength(1);
    expect(JSON.stringify(logger.lines)).not.toMatch(/hunter2|decide/);
  });

  it('silence ends by the timeout, and its connection', async () => {
    const { server, connect, clock } = await served();
    server.decide = () => 'silence';
    const code = codeOf(connect('ann'));
    await server.untilReceived(1);
    clock.advance(1_999);
    expect(server.underWay).toBe(1);
    clock.advance(1);
    expect(await code).toBe('AUTH_UNAVAILABLE');
    await server.until(() => server.connections === 0);
  });

  it('nobody there is a failure too', async () => {
    const { server, connect, results } = await served();
    await server[Symbol.asyncDispose]();
    expect(await codeOf(connect('ann'))).toBe('AUTH_UNAVAILABLE');
    expect(results()).toEqual({ failed: 1 });
  });

  it('is spared after some failures in a row, tried once after the pause, and told of twice', async () => {
    const { server, asked, connect, clock, results, logger } = await served();
    server.decide = () => ({ status: 500, text: '' });
    for (const id of ['a', 'b', 'c']) expect(await codeOf(connect(id))).toBe('AUTH_UNAVAILABLE');
    expect(asked.breakerOpen).toBe(true);
    clock.advance(2_000);
    await expect(connect('d')).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE', retryAfterMs: 3_000 });
    expect(server.received).toHaveLength(3);
    clock.advance(3_000);
    await codeOf(connect('e'));
    expect(server.received).toHaveLength(4);
    await codeOf(connect('f'));
    expect(server.received).toHaveLength(4);
    expect(results()).toEqual({ failed: 4, skipped: 2 });

    clock.advance(5_000);
    const answer = held(server);
    const trial = connect('g');
    await server.untilReceived(5);
    expect(await codeOf(connect('h'))).toBe('AUTH_UNAVAILABLE');
    answer();
    expect(await trial).toEqual({ allow: true });
    expect(asked.breakerOpen).toBe(false);
    expect(logger.lines).toEqual([
      {
        level: 'warn',
        message: 'the authorization service fails: until it answers, its clients are refused',
        fields: {
          ...{ setting: 'auth.callout.url', address: new URL(server.url).origin, failures: 3 },
          fault: 'it answered with status 500',
        },
      },
      {
        level: 'info',
        message: 'the authorization service answers again',
        fields: { setting: 'auth.callout.url', address: new URL(server.url).origin },
      },
    ]);
  });

  it('is told of again when it fails in another way, once each', async () => {
    const { server, connect, clock, logger } = await served({ breakerFailures: 1 });
    const reply = (status: number) => () => ({ status, text: '' });
    for (const status of [500, 500, 401, 401, 500]) {
      server.decide = reply(status);
      expect(await codeOf(connect('ann'))).toBe('AUTH_UNAVAILABLE');
      clock.advance(5_000);
    }
    server.decide = () => ({ json: { allow: true } });
    await connect('ann');
    // It was well in between: the same fault is news.
    server.decide = reply(500);
    await codeOf(connect('bob'));
    const about = { setting: 'auth.callout.url', address: new URL(server.url).origin };
    const faultOf = (status: number) => ({ ...about, fault: `it answered with status ${status}` });
    const first = 'the authorization service fails: until it answers, its clients are refused';
    const another = 'the authorization service fails in another way now';
    expect(logger.lines).toEqual([
      { level: 'warn', message: first, fields: { ...faultOf(500), failures: 1 } },
      { level: 'warn', message: another, fields: faultOf(401) },
      { level: 'warn', message: another, fields: faultOf(500) },
      { level: 'info', message: 'the authorization service answers again', fields: about },
      { level: 'warn', message: first, fields: { ...faultOf(500), failures: 1 } },
    ]);
  });

  it('nobody stands in line behind the trial', async () => {
    const { server, asked, connect, clock } = await served({ maxConcurrent: 1, breakerFailures: 1 });
    server.decide = () => 'close';
    await codeOf(connect('ann'));
    clock.advance(5_000);
    const answer = held(server);
    const trial = connect('ann');
    await server.untilReceived(2);
    const other = codeOf(connect('bob'));
    expect(asked.waiting).toBe(0);
    expect(await other).toBe('AUTH_UNAVAILABLE');
    answer();
    await trial;
  });

  it('what is in the cache still holds while it is spared', async () => {
    const { server, asked, connect } = await served({ breakerFailures: 1 });
    await connect('ann');
    server.decide = () => 'close';
    await codeOf(connect('bob'));
    expect(asked.breakerOpen).toBe(true);
    expect(await connect('ann')).toEqual({ allow: true });
  });

  it('a no is not a failure', async () => {
    const { server, asked, connect } = await served({ breakerFailures: 1 });
    server.decide = () => ({ status: 403, text: '' });
    for (const id of ['a', 'b', 'c']) expect(await connect(id)).toEqual({ allow: false });
    expect(asked.breakerOpen).toBe(false);
  });

  it('with failOpen they come in; it is counted, and told once a minute', async () => {
    const { server, asked, connect, clock, results, logger } = await served({ failOpen: true });
    server.decide = () => ({ status: 500, text: '' });
    const { signal } = new AbortController();
    for (const id of ['a', 'b', 'c', 'd']) expect(await connect(id)).toEqual({ allow: true });
    expect(await asked.open(who('a'), ROOM, PEER, signal)).toBeUndefined();
    expect(results()).toEqual({ failed_open: 5 });
    expect(server.received).toHaveLength(3);
    const told = () =>
      logger.lines
        .filter(({ message }) => message.includes('auth.callout.failOpen'))
        .map(({ fields }) => fields);
    const about = { setting: 'auth.callout.url', address: new URL(server.url).origin };
    expect(told()).toEqual([{ ...about, count: 1, fault: 'it answered with status 500' }]);
    clock.advance(59_999);
    await connect('e');
    expect(told()).toHaveLength(1);
    clock.advance(1);
    await connect('f');
    expect(told()).toMatchObject([{ count: 1 }, { count: 6 }]);
    expect(logger.messages('warn').filter((message) => message.includes('let in'))).toHaveLength(3);
    server.decide = () => ({ json: { allow: false } });
    clock.advance(5_000);
    expect(await connect('g')).toEqual({ allow: false });
  });
});

describe('AuthorizationCallout under many questions', () => {
  it('joins equal ones', async () => {
    const { server, connect, results } = await served();
    const answer = held(server);
    const all = Array.from({ length: 50 }, () => connect('ann'));
    await server.untilReceived(1);
    answer({ json: { allow: true, reason: 'once' } });
    for (const each of await Promise.all(all)) expect(each).toEqual({ allow: true, reason: 'once' });
    expect(server.received).toHaveLength(1);
    expect(results()).toEqual({ allow: 50 });
  });

  it('asks so many at once, keeps so many in line, and refuses the next at once', async () => {
    const { server, asked, connect, results } = await served();
    const answer = held(server);
    const all = Array.from({ length: 12 }, (_, i) => connect(`c${i}`));
    await server.untilReceived(4);
    expect(asked.waiting).toBe(8);
    expect(await codeOf(connect('one-more'))).toBe('AUTH_UNAVAILABLE');
    expect(results()).toEqual({ failed: 1 });
    for (let received = 4; received <= 12; received += 4) {
      await server.untilReceived(received);
      answer();
    }
    expect(await Promise.all(all)).toHaveLength(12);
    expect(server).toMatchObject({ mostUnderWay: 4 });
    expect(server.connections).toBeLessThanOrEqual(4);
    expect(asked).toMatchObject({ waiting: 0, breakerOpen: false });
  });

  it('gives one client an eighth of the places, and what it asks beyond is no failure of the service, failOpen or not', async () => {
    const { server, asked, connect, results } = await served({ maxWaiting: 12, failOpen: true });
    const reply = held(server);
    const open = (sessionId: string) =>
      (async () => asked.open(who('eve'), { ...ROOM, sessionId }, PEER, new AbortController().signal))();
    const two = [open('1'), open('2')];
    expect(await codeOf(open('3'))).toBe('AUTH_UNAVAILABLE');
    // The same question once more is not one more.
    two.push(open('2'));
    const other = connect('ann');
    await expect.poll(() => server.received.length).toBe(3);
    reply();
    expect(await Promise.all([...two, other].map(codeOf))).toEqual(['ok', 'ok', 'ok', 'ok']);
    expect(asked.breakerOpen).toBe(false);
    const again = open('3');
    await expect.poll(() => server.received.length).toBe(4);
    reply();
    expect(await codeOf(again)).toBe('ok');
    expect(results()).toEqual({ allow: 5, failed: 1 });
  });

  it('nobody stands in line for longer than the timeout, which is no failure of the service', async () => {
    const { server, asked, connect, clock, results } = await served({ maxConcurrent: 1, breakerFailures: 1 });
    const answer = held(server);
    const first = connect('a');
    await server.untilReceived(1);
    clock.advance(1_000);
    const second = codeOf(connect('b'));
    answer();
    await first;
    await server.untilReceived(2);
    const late = [codeOf(connect('c')), codeOf(connect('d'))];
    clock.advance(1_999);
    answer();
    await server.untilReceived(3);
    const next = connect('e');
    clock.advance(1);
    // Its time in line is over; c's exchange, just begun, has its own.
    expect(await late[1]).toBe('AUTH_UNAVAILABLE');
    answer();
    await server.untilReceived(4);
    answer();
    expect(await Promise.all([second, late[0], next])).toEqual(['ok', 'ok', { allow: true }]);
    expect(asked.breakerOpen).toBe(false);
    expect(results()).toEqual({ allow: 4, failed: 1 });
  });

  it.each([400, 413, 422])(
    'status %i is about that question: a client can not have the service spared for others by asking it',
    async (status) => {
      const { server, asked, connect, results, clock } = await served({ breakerFailures: 1 });
      server.decide = () => ({ status, text: '' });
      for (let n = 0; n < 3; n += 1) await expect(connect('eve')).rejects.toThrow('gives no answer');
      expect([asked.breakerOpen, results()]).toEqual([false, { failed: 3 }]);
      server.decide = () => ({ status: 500, text: '' });
      await expect(connect('ann')).rejects.toThrow('gives no answer');
      expect(asked.breakerOpen).toBe(true);
      clock.advance(5_000);
      // Nor does it say that the service is back: the next one tries.
      server.decide = () => ({ status, text: '' });
      await expect(connect('eve')).rejects.toThrow('gives no answer');
      expect(asked.breakerOpen).toBe(true);
      server.decide = () => ({ json: { allow: true } });
      await expect(connect('ann')).resolves.toMatchObject({ allow: true });
      expect(asked.breakerOpen).toBe(false);
    },
  );

  it('when the breaker opens, the line hears it too, and the service is asked no more', async () => {
    const { server, asked, connect, results } = await served({ maxConcurrent: 1, breakerFailures: 1 });
    const answer = held(server);
    const codes = Array.from({ length: 9 }, (_, i) => codeOf(connect(`c${i}`)));
    await server.untilReceived(1);
    answer('close');
    expect(new Set(await Promise.all(codes))).toEqual(new Set(['AUTH_UNAVAILABLE']));
    expect(server.received).toHaveLength(1);
    expect(results()).toEqual({ failed: 1, skipped: 8 });
    expect(asked.waiting).toBe(0);
  });
});

describe('AuthorizationCallout and clients that go', () => {
  it('who goes is told why, leaves no question behind, and counts as nothing', async () => {
    const { server, asked, connect, results } = await served({ maxConcurrent: 1, breakerFailures: 1 });
    const answer = held(server);
    const gone = new AbortController();
    const both = [codeOf(connect('ann', gone.signal)), codeOf(connect('bob', gone.signal))];
    await server.untilReceived(1);
    expect(asked.waiting).toBe(1);
    gone.abort(new Error('gone'));
    expect(await Promise.all(both)).toEqual(['Error: gone', 'Error: gone']);
    await server.until(() => server.underWay === 0);
    expect(asked).toMatchObject({ waiting: 0, breakerOpen: false });
    expect(results()).toEqual({});
    expect(await codeOf(connect('cid', gone.signal))).toBe('Error: gone');

    const again = connect('ann');
    await server.untilReceived(2);
    answer();
    expect(await again).toEqual({ allow: true });
    expect(server.received.map(({ body }) => body.client.id)).toEqual(['ann', 'ann']);
  });

  it('a question that others ask too goes on for them', async () => {
    const { server, connect } = await served();
    const answer = held(server);
    const gone = new AbortController();
    const first = codeOf(connect('ann', gone.signal));
    const stays = new AbortController();
    const second = connect('ann', stays.signal);
    await server.untilReceived(1);
    gone.abort();
    expect(await first).toContain('AbortError');
    answer();
    expect(await second).toEqual({ allow: true });
    for (const { signal } of [gone, stays]) expect(getEventListeners(signal, 'abort')).toEqual([]);
    expect(server.received).toHaveLength(1);
  });

  it('a trial whose client goes leaves the trial to the next', async () => {
    const { server, asked, connect, clock } = await served({ breakerFailures: 1 });
    server.decide = () => 'close';
    await codeOf(connect('ann'));
    clock.advance(5_000);
    const answer = held(server);
    const gone = new AbortController();
    const trial = codeOf(connect('ann', gone.signal));
    await server.untilReceived(2);
    gone.abort();
    await trial;
    const next = connect('bob');
    await server.untilReceived(3);
    answer();
    await next;
    expect(asked.breakerOpen).toBe(false);
  });
});

describe('AuthorizationCallout closes', () => {
  it('refusing who waits, with failOpen too, and leaving no socket and no timer', async () => {
    const { server, asked, connect, clock, results, logger } = await served({
      ...{ maxConcurrent: 1, failOpen: true },
    });
    await connect('known');
    const answer = held(server);
    const codes = ['ann', 'bob', 'bob'].map((id) => codeOf(connect(id)));
    await server.untilReceived(2);
    asked.close();
    asked.close();
    expect(await Promise.all(codes)).toEqual(['AUTH_UNAVAILABLE', 'AUTH_UNAVAILABLE', 'AUTH_UNAVAILABLE']);
    expect(await codeOf(connect('known'))).toBe('AUTH_UNAVAILABLE');
    expect(clock.pending).toBe(0);
    await server.until(() => server.connections === 0);
    answer();
    expect(results()).toEqual({ allow: 1 });
    expect(logger.lines).toEqual([]);
  });
});

describe('AuthorizationCallout, closed,', () => {
  it('lets nobody in, though the service was being spared', async () => {
    const { server, asked, connect, results } = await served({ breakerFailures: 1, failOpen: true });
    server.decide = () => 'close';
    expect(await connect('ann')).toEqual({ allow: true });
    asked.close();
    expect(await codeOf(connect('ann'))).toBe('AUTH_UNAVAILABLE');
    expect(results()).toEqual({ failed_open: 1 });
  });
});

describe('auth.callout.url', () => {
  it.for([
    ['ftp://somewhere/', 'begins with "ftp:"'],
    ['somewhere', 'is not a URL'],
    ['http://ann:hunter2@somewhere/', 'auth.callout.secretFile'],
    ['http://hunter2@somewhere/', 'auth.callout.secretFile'],
    ['http://:hunter2@somewhere/', 'auth.callout.secretFile'],
  ])('refuses %s', ([url, wrong]) => {
    const make = () => callout({ url: url! });
    expect(make).toThrow(StartError);
    expect(make).toThrow(wrong);
    expect(make).not.toThrow('hunter2');
  });

  it('a secret that can not be read is said at start', () => {
    expect(() => callout({ secretFile: '/nowhere/secret' })).toThrow(
      'auth.callout.secretFile: "/nowhere/secret" can\'t be read: there is no such file.',
    );
  });
});
