import { describe, expect, test } from 'vitest';
import { ClientError } from '../../../../src/client/client-error.js';
import type { Interceptor } from '../../../../src/client/interceptor.js';
import type { Reset } from '../../../../src/client/options.js';
import { WireRetryAdvice } from '../../../../src/wire/messages.js';
import { fateOf, Peer } from './peer.js';

const NOW = { retry: WireRetryAdvice.NOW };
const BACKOFF = { retry: WireRetryAdvice.BACKOFF, retryAfterMs: 700 };
const NEVER = { retry: WireRetryAdvice.NEVER };
const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex');
const texts = (messages: readonly { readonly data: Uint8Array }[]) =>
  messages.map(({ data }) => Buffer.from(data).toString());

describe('opening', () => {
  test('says what was asked for, with a token of its own', () => {
    const peer = new Peer({
      subject: 'eur',
      window: { messages: 7 },
      overflow: 'conflate',
    }).attach();
    peer.reads();
    expect(peer.open).toMatchObject({
      ...{ route: 'echo', subject: 'eur', windowMessages: 7, windowBytes: 1 << 20, overflow: 4 },
      ...{ attempt: 1, resume: false, lastReceivedSequence: 0 },
    });
    expect(peer.open?.resumeToken.byteLength).toBe(16);
    const other = new Peer().attach();
    other.reads();
    expect(hex(other.open?.resumeToken)).not.toBe(hex(peer.open?.resumeToken));
  });

  test('in doubt whether the first Open arrived, resumes with the same token', async () => {
    const peer = new Peer().attach();
    peer.reads();
    const token = hex(peer.open?.resumeToken);
    peer.attached.detach();
    peer.attach();
    expect(peer.reads()).toEqual(['OPEN 2 resume at 0']);
    expect(hex(peer.open?.resumeToken)).toBe(token);
    expect(await fateOf(peer.whenOpened)).toBe('pending');
  });

  test('once it is known that it never arrived, opens afresh with a new token', async () => {
    const peer = new Peer().attach();
    const sent = peer.session.send('a');
    peer.reads();
    const token = hex(peer.open?.resumeToken);
    peer.attach();
    peer.reads();
    peer.forgets();
    expect(peer.reopens).toMatchObject([{ error: { code: 'RESET', retry: 'now' }, elsewhere: false }]);
    peer.attach();
    expect(peer.reads()).toEqual(['OPEN 1']);
    expect(hex(peer.open?.resumeToken)).not.toBe(token);
    // A gateway that knows no token at all is not asked in a circle.
    peer.forgets();
    expect(peer.reopens[1]?.error.retry).toBe('backoff');
    peer.opens();
    await peer.whenOpened;
    await sent;
    expect(peer.reads()).toEqual(['1:a']);
  });

  test('refused for now is tried again, elsewhere where the gateway leaves', async () => {
    const peer = new Peer().attach();
    peer.reads();
    peer.closes('SESSION_LIMIT', BACKOFF);
    expect(peer.reopens).toMatchObject([
      { error: { code: 'SESSION_LIMIT', retry: 'backoff', retryAfterMs: 700 }, elsewhere: false },
    ]);
    peer.attach();
    expect(peer.reads()).toEqual(['OPEN 1']);
    peer.closes('DRAINING', NOW);
    expect(peer.reopens[1]).toMatchObject({ error: { code: 'DRAINING' }, elsewhere: true });
    expect(await fateOf(peer.whenOpened)).toBe('pending');
  });

  test('refused for good is over', async () => {
    const peer = new Peer().attach();
    peer.reads();
    const waiting = peer.session.send('a');
    peer.closes('UNKNOWN_ROUTE', NEVER);
    await expect(peer.whenOpened).rejects.toMatchObject({ code: 'UNKNOWN_ROUTE', retry: 'never' });
    await expect(waiting).rejects.toMatchObject({ code: 'UNKNOWN_ROUTE' });
    await expect(peer.session.receive()).rejects.toMatchObject({ code: 'UNKNOWN_ROUTE' });
    expect([peer.overs, peer.reopens.length]).toEqual([1, 0]);
    expect(texts((await peer.session.closed).unsent)).toEqual(['a']);
  });

  test.each([0, 700])(
    'by the route itself is over, unless the route says when to ask again (%i ms)',
    async (ms) => {
      const peer = new Peer().attach();
      peer.reads();
      peer.closes('ROUTE_FAILED', { retry: WireRetryAdvice.BACKOFF, retryAfterMs: ms });
      expect(await fateOf(peer.whenOpened)).toBe(ms === 0 ? 'ROUTE_FAILED' : 'pending');
      expect([peer.overs, peer.reopens.length]).toEqual(ms === 0 ? [1, 0] : [0, 1]);
    },
  );

  test('by a route that had opened it before, is tried again', () => {
    const peer = new Peer({ onReset: () => undefined }).opens();
    peer.closes('OVERLOADED', BACKOFF);
    peer.attach();
    peer.reads();
    peer.closes('ROUTE_FAILED', { retry: WireRetryAdvice.BACKOFF });
    expect([peer.overs, peer.reopens.length]).toEqual([0, 2]);
  });

  test('a resume that is refused for now is a resume again', async () => {
    const peer = new Peer({ onReset: () => expect.fail('no reset') }).opens();
    await peer.session.send('a');
    peer.reads();
    peer.attach();
    peer.reads();
    peer.closes('SESSION_LIMIT', BACKOFF);
    peer.attach();
    expect(peer.reads()).toEqual(['OPEN 3 resume at 0']);
  });

  test('an answer that can not be is told to whoever opens it', async () => {
    const peer = new Peer().opens({ lastReceivedSequence: 3 });
    await expect(peer.whenOpened).rejects.toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    expect(peer.openings).toEqual([]);
    expect(peer.reads()).toEqual(['CLOSE']);
  });

  test('a code from the future follows its advice', async () => {
    const peer = new Peer().attach();
    peer.reads();
    peer.closes('TOO_MUCH_MOON', NOW);
    expect(peer.reopens[0]?.error).toMatchObject({ code: 'TOO_MUCH_MOON', retry: 'now' });
    peer.attach();
    peer.reads();
    peer.closes('TOO_LITTLE_SUN', NEVER);
    await expect(peer.whenOpened).rejects.toMatchObject({ code: 'TOO_LITTLE_SUN' });
  });

  test('what the host gives up is over', async () => {
    const peer = new Peer().attach();
    peer.reads();
    const error = new ClientError('UNREACHABLE', 'no one');
    peer.attached.fail(error);
    await expect(peer.whenOpened).rejects.toBe(error);
    expect(peer.attached.wasOpened).toBe(false);
    expect(peer.overs).toBe(1);
    peer.attached.fail(error);
    peer.attached.detach();
    peer.attach();
    expect(peer.reads()).toEqual([]);
    expect(peer.overs).toBe(1);
  });
});

describe('a broken connection', () => {
  test('is resumed: the ack first, then what the gateway has not, then Close again', async () => {
    const peer = new Peer().opens();
    for (const text of ['a', 'b', 'c']) await peer.session.send(text);
    peer.data(1).data(2);
    await peer.session.receive();
    await peer.session.receive();
    peer.session.end();
    expect(peer.reads()).toEqual(['1:a ack 2', '2:b ack 2', '3:c ack 2', 'CLOSE']);
    peer.attached.detach();
    expect(peer.session.isOpen).toBe(false);
    peer.opens({ lastReceivedSequence: 2, ack: 1 });
    expect(peer.open).toMatchObject({ attempt: 2, resume: true, lastReceivedSequence: 2 });
    expect(peer.reads()).toEqual(['ACK 2', '3:c ack 2', 'CLOSE']);
  });

  test('what an older connection brings, once there is a newer one, is not looked at', async () => {
    const peer = new Peer().opens();
    peer.attach();
    peer.data(1).acks(9).closes('INTERNAL', NEVER);
    expect(peer.reads()).toEqual(['OPEN 2 resume at 0']);
    expect(peer.overs).toBe(0);
  });

  test('Errors that the connection lost are told again before the ack that covers them', async () => {
    const peer = new Peer().opens();
    const [first, second] = [peer.session.sendAndWait('a'), peer.session.sendAndWait('b')];
    peer.reads();
    peer.attached.detach();
    peer.opens({ lastReceivedSequence: 2, ack: 1 });
    await first;
    peer.fails(2).acks(2);
    await expect(second).rejects.toMatchObject({ code: 'ROUTE_FAILED' });
  });
});

describe('a reset', () => {
  async function broken(onReset?: (reset: Reset) => void): Promise<Peer> {
    const peer = new Peer(onReset === undefined ? {} : { onReset }).opens({ windowMessages: 3 });
    await peer.session.send('a');
    peer.reads();
    peer.acks(1);
    peer.attached.detach();
    return peer;
  }

  test('without onReset ends the session, and says what is unsettled and unsent', async () => {
    const peer = new Peer().opens({ windowMessages: 1 });
    const [settling, waiting] = [peer.session.sendAndWait('a'), peer.session.send('b')];
    peer.reads();
    peer.attach();
    peer.reads();
    peer.forgets();
    const end = await peer.session.closed;
    expect(end.error?.code).toBe('RESET');
    expect([texts(end.unsettled), texts(end.unsent)]).toEqual([['a'], ['b']]);
    await expect(settling).rejects.toBe(end.error);
    await expect(waiting).rejects.toBe(end.error);
    expect([peer.overs, peer.reopens.length]).toEqual([1, 0]);
  });

  test('with onReset goes on as a fresh session; what is not sent again is given up', async () => {
    const resets: string[][] = [];
    const peer = await broken(({ unsettled, error }) => resets.push([error.code, ...texts(unsettled)]));
    peer.opens({ windowMessages: 2, lastReceivedSequence: 1 });
    const lost = peer.session.sendAndWait('b');
    await peer.session.send('c');
    const waiting = peer.session.send('d');
    peer.reads();
    peer.attach();
    peer.reads();
    const fate = fateOf(lost);
    peer.forgets();
    expect(resets).toEqual([['RESET', 'b', 'c']]);
    expect(await fate).toBe('RESET');
    expect(peer.reopens).toHaveLength(1);
    peer.opens();
    expect(peer.open).toMatchObject({ attempt: 1, resume: false, lastReceivedSequence: 0 });
    await waiting;
    expect(peer.reads()).toEqual(['1:d']);
    expect(peer.overs).toBe(0);
  });

  test('sends again what it is asked to, ahead of all that waits, and whoever waits still does', async () => {
    const peer = await broken(({ resend }) => {
      resend();
    });
    peer.opens({ windowMessages: 2, lastReceivedSequence: 1 });
    const again = peer.session.sendAndWait('b');
    await peer.session.send('c');
    void peer.session.send('d');
    peer.reads();
    peer.closes('OVERLOADED', BACKOFF);
    expect(peer.reopens).toMatchObject([{ error: { code: 'OVERLOADED' } }]);
    void peer.session.send('e');
    peer.opens();
    expect(peer.reads()).toEqual(['1:b', '2:c', '3:d', '4:e']);
    peer.acks(1);
    await again;
  });

  test('twice keeps the order of what is sent again', async () => {
    const peer = await broken(({ resend }) => {
      resend();
    });
    peer.opens({ windowMessages: 3, lastReceivedSequence: 1 });
    for (const text of ['b', 'c', 'd']) await peer.session.send(text);
    peer.closes('OVERLOADED', NOW);
    // The next has room for one of them only.
    peer.opens({ windowMessages: 1 });
    expect(peer.reads()).toEqual(['1:b']);
    peer.closes('OVERLOADED', NOW);
    peer.opens();
    expect(peer.reads()).toEqual(['1:b', '2:c', '3:d']);
  });

  test('within a payload given in pieces takes all of it along, what is still to come included', async () => {
    const resets: string[][] = [];
    const answers = [false, true];
    const peer = await broken(({ unsettled, resend }) => {
      resets.push(texts(unsettled));
      if (answers.shift() === true) resend();
    });
    peer.opens({ windowMessages: 1, lastReceivedSequence: 1 });
    const piece = (text: string) => peer.session.send(text, { more: true });
    await piece('a1');
    const waiting = fateOf(piece('a2'));
    peer.closes('OVERLOADED', NOW);
    expect(resets).toEqual([['a1', 'a2']]);
    expect(await waiting).toBe('OVERLOADED');
    // The end of what was given up is given up too.
    await expect(peer.session.send('a3')).rejects.toMatchObject({ code: 'DROPPED' });
    void peer.session.send('b1', { more: true });
    void peer.session.send('b2');
    peer.opens({ windowMessages: 1 });
    expect(peer.reads()).toEqual(['1:b1+']);
    peer.closes('OVERLOADED', NOW);
    expect(resets[1]).toEqual(['b1', 'b2']);
    peer.opens();
    expect(peer.reads()).toEqual(['1:b1+', '2:b2']);
  });

  test('tells of pieces that can not be sent again, for the beginning of their payload was handled', async () => {
    const dropped: string[] = [];
    const peer = new Peer({
      onReset: ({ resend }) => {
        resend();
      },
      onDrop: ({ data }, reason) => dropped.push(`${Buffer.from(data).toString()} ${reason}`),
    }).opens();
    await peer.session.send('a1', { more: true });
    await peer.session.send('a2');
    await peer.session.send('b');
    peer.reads();
    peer.acks(1).closes('OVERLOADED', NOW);
    peer.opens();
    expect(peer.reads()).toEqual(['1:b']);
    await Promise.resolve();
    expect(dropped).toEqual(['a2 reset']);
  });

  test('resend only within onReset', async () => {
    let kept: (() => void) | undefined;
    const peer = await broken(({ resend }) => {
      kept = resend;
    });
    peer.attach();
    peer.reads();
    peer.forgets();
    expect(kept).toThrow('within onReset');
  });

  test('gives what was received before it first, and acknowledges nothing of it', async () => {
    const peer = await broken(() => undefined);
    peer.opens({ lastReceivedSequence: 1 });
    peer.data(1, 'old 1').data(2, 'old 2').data(3, 'half', { more: true });
    await peer.session.receive();
    peer.attach();
    peer.reads();
    peer.forgets();
    peer.opens();
    peer.data(1, 'new 1');
    expect((await peer.session.receive())?.text).toBe('old 2');
    expect((await peer.session.receive())?.text).toBe('new 1');
    expect(peer.reads()).toEqual([]);
    const next = peer.session.receive();
    expect(peer.reads()).toEqual(['ACK 1']);
    peer.closes();
    await next;
  });

  test('opens again only when there is room beside what was not read', async () => {
    const peer = new Peer({ window: { messages: 2 }, onReset: () => undefined }).opens();
    peer.data(1, 'a').data(2, 'b');
    peer.closes('OVERLOADED', NOW);
    peer.opens();
    peer.data(1, 'c').data(2, 'd');
    peer.closes('OVERLOADED', NOW);
    peer.attach();
    expect(peer.reads()).toEqual([]);
    expect((await peer.session.receive())?.text).toBe('a');
    expect(peer.reads()).toEqual([]);
    const wakes = peer.wakes;
    expect((await peer.session.receive())?.text).toBe('b');
    expect(peer.wakes).toBeGreaterThan(wakes);
    expect(peer.reads()).toEqual(['OPEN 1']);
  });

  test('of a gateway that leaves goes elsewhere', async () => {
    const peer = await broken(() => undefined);
    peer.opens({ lastReceivedSequence: 1 });
    peer.closes('DRAINING', { ...NOW, ack: 1 });
    expect(peer.reopens).toMatchObject([{ elsewhere: true, error: { code: 'DRAINING', retry: 'now' } }]);
  });

  test.each(['TAKEN_OVER', 'SEQUENCE_GAP'])('is none where the gateway says never: %s', async (code) => {
    const peer = await broken(() => expect.fail('no reset'));
    peer.opens({ lastReceivedSequence: 1 });
    peer.closes(code, NEVER);
    expect((await peer.session.closed).error?.code).toBe(code);
    expect(peer.overs).toBe(1);
  });

  test('whose onReset throws ends the session with that as the cause', async () => {
    const slip = new Error('a slip');
    const peer = await broken(() => {
      throw slip;
    });
    peer.opens({ lastReceivedSequence: 1 });
    await peer.session.send('b');
    peer.reads();
    peer.attach();
    peer.reads();
    peer.forgets();
    const end = await peer.session.closed;
    expect(end.error).toMatchObject({ code: 'RESET', cause: slip });
    // Nobody else has told of it.
    expect(texts(end.unsettled)).toEqual(['b']);
    expect([peer.overs, peer.reopens.length]).toEqual([1, 0]);
  });

  test('within which the session is closed is its end', async () => {
    let close = (): void => undefined;
    const peer = await broken(({ resend }) => {
      resend();
      close();
    });
    close = () => void peer.session.close({ signal: AbortSignal.abort() });
    peer.opens({ lastReceivedSequence: 1 });
    const again = fateOf(peer.session.sendAndWait('b'));
    peer.attach();
    peer.reads();
    peer.forgets();
    expect(await again).toBe('CLOSED');
    expect(texts((await peer.session.closed).unsettled)).toEqual(['b']);
    expect([peer.overs, peer.reopens.length]).toEqual([1, 0]);
  });

  test('within which it is closed in good order first sends again what it was asked to', async () => {
    let close = (): Promise<unknown> => Promise.resolve();
    let closing: Promise<unknown> | undefined;
    const peer = await broken(({ resend }) => {
      closing = close();
      resend();
    });
    close = () => peer.session.close();
    peer.opens({ lastReceivedSequence: 1 });
    const again = peer.session.sendAndWait('b');
    peer.reads();
    peer.closes('OVERLOADED', NOW);
    peer.opens();
    expect(peer.reads()).toEqual(['1:b', 'CLOSE']);
    peer.acks(1).closes();
    await again;
    expect(await closing).toMatchObject({ error: undefined, unsettled: [] });
  });

  test('within which it is closed is its end, where nothing is to be sent again', async () => {
    let close = (): void => undefined;
    const peer = await broken(() => {
      close();
    });
    close = () => void peer.session.close();
    peer.opens({ lastReceivedSequence: 1 });
    const lost = fateOf(peer.session.sendAndWait('b'));
    peer.reads();
    peer.closes('OVERLOADED', NOW);
    expect((await peer.session.closed).error).toBeUndefined();
    expect(await lost).toBe('OVERLOADED');
    expect([peer.overs, peer.reopens.length]).toEqual([1, 0]);
  });

  test('of another node that has kept a session of this ID: it is forgotten there', async () => {
    const resets: string[] = [];
    const peer = new Peer({ onReset: ({ error }) => resets.push(error.code) }).opens({}, { nodeId: 'n1' });
    peer.attach({ nodeId: 'n2' });
    peer.reads();
    peer.closes('PERMISSION_DENIED', NEVER);
    expect(resets).toEqual(['RESET']);
    peer.opens({}, { nodeId: 'n2' });
    peer.attach({ nodeId: 'n2' });
    peer.reads();
    peer.closes('PERMISSION_DENIED', NEVER);
    expect((await peer.session.closed).error?.code).toBe('PERMISSION_DENIED');
  });
});

describe('ending', () => {
  test('end goes behind all that waits; reading goes on to what is owed, then ends', async () => {
    const peer = new Peer().opens({ windowMessages: 1 });
    void peer.session.send('a');
    const waiting = peer.session.send('b');
    peer.session.end();
    peer.session.end();
    expect(peer.reads()).toEqual(['1:a']);
    await expect(peer.session.send('c')).rejects.toMatchObject({ code: 'CLOSED' });
    peer.acks(1);
    await waiting;
    expect(peer.reads()).toEqual(['2:b', 'CLOSE']);
    peer.data(1).acks(2);
    const read: string[] = [];
    const loop = (async () => {
      for await (const { text } of peer.session) read.push(text);
    })();
    await Promise.resolve();
    expect(await fateOf(loop)).toBe('pending');
    expect(peer.reads()).toEqual(['ACK 1']);
    peer.closes('', { ack: 2 });
    await loop;
    expect(read).toEqual(['1']);
    expect(await peer.session.closed).toMatchObject({ error: undefined, unsettled: [] });
    await expect(peer.session.send('c')).rejects.toMatchObject({ code: 'CLOSED' });
    expect(await peer.session.receive()).toBeUndefined();
  });

  test('close drops what was received and still comes, acknowledges it, and counts it', async () => {
    const peer = new Peer().opens();
    peer.data(1).data(2);
    await peer.session.receive();
    const settling = peer.session.sendAndWait('a');
    const closing = peer.session.close();
    expect(peer.reads()).toEqual(['1:a ack 2', 'CLOSE']);
    peer.data(3).gap(4, 5).data(6, 'p', { more: true }).data(7, 'q');
    expect(peer.reads()).toEqual(['ACK 7']);
    peer.acks(1).closes();
    await settling;
    expect(await closing).toEqual({ error: undefined, discarded: 3, failed: 0, unsettled: [], unsent: [] });
    expect(await peer.session.receive()).toBeUndefined();
  });

  test('close ends a wait and a loop without an error', async () => {
    const peer = new Peer().opens();
    const reading = peer.session.receive();
    void peer.session.close();
    expect(await reading).toBeUndefined();
    for await (const _ of peer.session) expect.fail('nothing is read any more');
    peer.closes('INTERNAL', BACKOFF);
    expect(await peer.session.receive()).toBeUndefined();
    expect((await peer.session.closed).error?.code).toBe('INTERNAL');
  });

  test('close under an aborted signal gives it up here and now', async () => {
    const peer = new Peer().opens();
    const abort = new AbortController();
    const settling = expect(peer.session.sendAndWait('a')).rejects.toMatchObject({ code: 'CLOSED' });
    const closing = peer.session.close({ signal: abort.signal });
    peer.reads();
    expect(await fateOf(closing)).toBe('pending');
    abort.abort();
    expect(await closing).toMatchObject({ error: { code: 'CLOSED' }, unsettled: [{ key: '' }] });
    await settling;
    expect(await peer.session.close()).toMatchObject({ error: { code: 'CLOSED' } });
    // Its place is free when the gateway has closed it.
    expect(peer.overs).toBe(0);
    peer.closes('', { ack: 1 });
    expect(peer.overs).toBe(1);
  });

  test('what is given up does not stay open at the gateway, whatever waited for room', async () => {
    const peer = new Peer().opens({ windowMessages: 1 });
    await peer.session.send('a');
    const waiting = fateOf(peer.session.send('b'));
    peer.reads();
    await peer.session.close({ signal: AbortSignal.abort() });
    expect(await waiting).toBe('CLOSED');
    peer.data(1);
    expect(peer.reads()).toEqual(['ACK 1', 'CLOSE']);
    peer.closes('', { ack: 1 });
    expect(peer.overs).toBe(1);
  });

  test('what is given up while its Open is under way is closed when it is open', async () => {
    const peer = new Peer().attach();
    peer.reads();
    await peer.session.close({ signal: AbortSignal.abort() });
    await expect(peer.whenOpened).rejects.toMatchObject({ code: 'CLOSED' });
    expect(peer.overs).toBe(0);
    peer.answers();
    expect(peer.session.isOpen).toBe(false);
    expect(peer.reads()).toEqual(['CLOSE']);
    peer.closes();
    expect(peer.overs).toBe(1);
  });

  test('close of what no gateway knows of waits for nothing', async () => {
    const peer = new Peer();
    await expect(peer.session.close()).resolves.toMatchObject({ error: undefined });
    expect(peer.overs).toBe(1);
    await expect(peer.whenOpened).rejects.toMatchObject({ code: 'CLOSED' });
  });

  test('close while its first Open is under way waits for the answer, and closes what it opened', async () => {
    const peer = new Peer().attach();
    peer.reads();
    const closing = peer.session.close();
    expect(peer.reads()).toEqual([]);
    peer.opens();
    expect(peer.reads()).toEqual(['CLOSE']);
    peer.closes();
    await closing;
    const refused = new Peer().attach();
    refused.reads();
    void refused.session.close();
    refused.closes('SESSION_LIMIT', BACKOFF);
    expect([refused.overs, refused.reopens.length]).toEqual([1, 0]);
  });

  test('the route ends it: reading ends, what it has not handled is unsettled', async () => {
    const peer = new Peer().opens();
    const settling = fateOf(peer.session.sendAndWait('a'));
    peer.reads();
    peer.data(1).closes();
    expect((await peer.session.receive())?.text).toBe('1');
    expect(await peer.session.receive()).toBeUndefined();
    expect(await settling).toBe('CLOSED');
    expect(texts((await peer.session.closed).unsettled)).toEqual(['a']);
  });

  test('with an error: what was received is read, then that is thrown, and sends reject with it', async () => {
    const peer = new Peer().opens();
    peer.data(1).closes('SLOW_CONSUMER', BACKOFF);
    expect((await peer.session.receive())?.text).toBe('1');
    const { error } = await peer.session.closed;
    await expect(peer.session.receive()).rejects.toBe(error);
    await expect(peer.session.receive()).rejects.toBe(error);
    await expect(peer.session.send('x')).rejects.toBe(error);
  });

  test('a gateway that leaves and has nothing left to do has closed it as asked', async () => {
    const peer = new Peer().opens();
    peer.session.end();
    peer.reads();
    peer.closes('DRAINING', NOW);
    expect((await peer.session.closed).error).toBeUndefined();
  });

  test('disposal waits for the gateway, but not for one that is away', async () => {
    const peer = new Peer().opens();
    const disposed = peer.session[Symbol.asyncDispose]();
    expect(peer.reads()).toEqual(['CLOSE']);
    peer.clock.advance(60_000);
    expect(await fateOf(disposed)).toBe('pending');
    peer.attached.detach();
    peer.clock.advance(4_999);
    peer.opens();
    expect(peer.clock.activeTimers).toBe(0);
    peer.attached.detach();
    peer.clock.advance(4_999);
    expect(await fateOf(disposed)).toBe('pending');
    peer.clock.advance(1);
    await disposed;
    expect(peer.overs).toBe(1);
    expect(peer.clock.activeTimers).toBe(0);
  });
});

describe('interceptors', () => {
  const tag = (name: string): Interceptor => ({
    send: (request, next) => next({ ...request, data: `${String(request.data)}${name}` }),
    receive: (message) =>
      Object.assign(Object.create(message) as typeof message, { key: `${message.key}${name}` }),
  });

  test('the first is outermost, both ways', async () => {
    const peer = new Peer({}, [tag('1'), tag('2')]).opens();
    await peer.session.send('x');
    expect(peer.reads()).toEqual(['1:x12']);
    peer.data(1);
    expect((await peer.session.receive())?.key).toBe('21');
  });

  test('a send that waits there holds those behind it; one that is given up lets none overtake', async () => {
    const gates: (() => void)[] = [];
    const slow: Interceptor = {
      send: async (request, next) => {
        await new Promise<void>((resolve) => gates.push(resolve));
        await next(request);
      },
    };
    const peer = new Peer({}, [slow]).opens();
    const abort = new AbortController();
    const [first, second, third] = [
      peer.session.sendAndWait('a'),
      peer.session.send('b', { signal: abort.signal }),
      peer.session.send('c'),
    ];
    void first;
    abort.abort(new Error('enough'));
    await expect(second).rejects.toThrow('enough');
    await expect.poll(() => gates).toHaveLength(1);
    expect(peer.reads()).toEqual([]);
    gates[0]?.();
    // The first waits for its ack; the next begins once it has its place.
    await expect.poll(() => gates).toHaveLength(2);
    expect(peer.reads()).toEqual(['1:a']);
    gates[1]?.();
    await third;
    expect(peer.reads()).toEqual(['2:c']);
    peer.acks(1);
    await first;
  });

  test('what they throw is thrown to the sender and to the reader, and the session goes on', async () => {
    let slips = 2;
    const slip = (): void => {
      slips -= 1;
      if (slips >= 0) throw new Error('a slip');
    };
    const peer = new Peer({}, [
      {
        send: (request, next) => {
          slip();
          return next(request);
        },
        receive: (message) => {
          slip();
          return message;
        },
      },
    ]).opens();
    await expect(peer.session.send('a')).rejects.toThrow('a slip');
    peer.data(1).data(2);
    await expect(peer.session[Symbol.asyncIterator]().next()).rejects.toThrow('a slip');
    await peer.session.send('b');
    expect(peer.reads()).toEqual(['1:b']);
    for await (const { sequence } of peer.session) {
      expect(sequence).toBe(2);
      break;
    }
    expect(peer.reads()).toEqual(['ACK 1']);
  });

  test('a message they keep back is acknowledged, and the next is given', async () => {
    const peer = new Peer({}, [
      { receive: async (message) => Promise.resolve(message.sequence === 1 ? undefined : message) },
    ]).opens();
    peer.data(1).data(2);
    expect((await peer.session.receive())?.sequence).toBe(2);
    expect(peer.reads()).toEqual(['ACK 1']);
  });

  test('a send into what has ended meets its end, not them', async () => {
    let asked = 0;
    const peer = new Peer({}, [
      {
        send: (request, next) => {
          asked += 1;
          return next(request);
        },
      },
    ]).opens();
    peer.closes('TAKEN_OVER', NEVER);
    await expect(peer.session.send('a')).rejects.toMatchObject({ code: 'TAKEN_OVER' });
    expect(asked).toBe(0);
  });

  test('more sends than the buffer holds do not wait there', async () => {
    const peer = new Peer({ buffer: { messages: 2 } }, [{ send: () => new Promise(() => undefined) }]);
    void peer.session.send('a');
    void peer.session.send('b');
    await expect(peer.session.send('c')).rejects.toMatchObject({ code: 'BUFFER_FULL' });
  });
});
