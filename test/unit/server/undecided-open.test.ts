import type { ConnectionSupervisor } from '../../../src/server/connection-supervisor.js';
import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../src/core/errors.js';
import { ByteAccount } from '../../../src/flow/byte-account.js';
import { echoRoute } from '../../../src/routes/echo.js';
import { BEHIND_AN_OPEN, UndecidedOpen } from '../../../src/server/undecided-open.js';
import type { StreamMethod } from '../../../src/transport/contract.js';
import { controlMessage, dataMessage, MessageType, type Open } from '../../../src/wire/messages.js';
import {
  GatedClient,
  gatedServer,
  identityOf,
  leftOf,
  NOTHING_LEFT,
  type GatedWorld,
} from '../../helpers/gate.js';
import { openOf, TestRoute, tokenOf } from '../../helpers/windowed-world.js';

const METHODS: readonly StreamMethod[] = ['StreamData', 'StreamBatches'];
const denied = () => new SluiceError('PERMISSION_DENIED', 'not today');

const open = (sessionId: string, fields: Partial<Open> = {}) => controlMessage(openOf(fields), sessionId);
const numbered = (sessionId: string, sequence: number, weight = 0) =>
  dataMessage({
    sessionId,
    sequence,
    data: weight === 0 ? Buffer.from(`m${sequence}`) : Buffer.alloc(weight),
  });
const text = (sessionId: string, said: string) => dataMessage({ sessionId, data: Buffer.from(said) });
const close = (sessionId: string) => controlMessage({ action: 'close' }, sessionId);
const pause = (sessionId: string) => controlMessage({ action: 'pause', reason: '' }, sessionId);
const resume = (sessionId: string) => controlMessage({ action: 'resume' }, sessionId);
const changeWindow = (sessionId: string, messages: number) =>
  controlMessage({ action: 'window', messages, bytes: 0 }, sessionId);
const ack = (sessionId: string, sequence: number) =>
  dataMessage({ type: MessageType.ACK, sessionId, ack: sequence });

function world(options: Parameters<typeof gatedServer>[1] = {}, route = echoRoute()): GatedWorld {
  const made = gatedServer(route, options);
  made.gate.tokens.set('ann', identityOf('ann'));
  return made;
}

async function arrived(made: GatedWorld, method: StreamMethod = 'StreamData'): Promise<GatedClient> {
  const client = new GatedClient(made, { metadata: { authorization: 'Bearer ann' }, method });
  await made.clock.settle();
  return client;
}

async function expectNothingLeft(made: GatedWorld): Promise<void> {
  made.server.destroy();
  await made.clock.settle();
  expect(leftOf(made)).toEqual(NOTHING_LEFT);
  for (const flow of [made.metrics.up, made.metrics.down]) {
    expect(flow.admitted).toBe(flow.delivered + flow.dropped);
  }
}

describe.each(METHODS)('an Open that is answered later (%s)', (method) => {
  it('what came behind it comes after it, in order', async () => {
    const made = world();
    const client = await arrived(made, method);
    const held = made.gate.holdOpens();
    client.send(open('s'), numbered('s', 1), numbered('s', 2));
    client.send(close('s'));
    await made.clock.settle();
    expect(client.words('s')).toEqual([]);
    expect(made.account.bytes).toBeGreaterThan(0);
    expect(made.metrics.up.admitted).toBe(0);
    held[0]?.resolve();
    await made.clock.settle();
    expect(client.words('s')).toEqual(['opened', 'data 1:m1', 'data 2:m2']);
    client.send(ack('s', 2));
    await made.clock.settle();
    expect(client.words('s').at(-1)).toBe('closed');
    expect(made.account.bytes).toBe(0);
    await expectNothingLeft(made);
  });

  it('refused, is told so; what came behind it was for a session that is not open', async () => {
    const made = world();
    const client = await arrived(made, method);
    const held = made.gate.holdOpens();
    client.send(open('s'), numbered('s', 1), pause('s'), ack('s', 1), numbered('s', 2), close('s'));
    await made.clock.settle();
    held[0]?.reject(denied());
    await made.clock.settle();
    expect([client.words('s'), client.end]).toEqual([['closed PERMISSION_DENIED'], undefined]);
    expect(made.metrics.messagesRefused.get('not-open')).toBe(5);
    expect([made.account.bytes, made.metrics.up.admitted]).toEqual([0, 0]);
    // The ID is free again.
    made.gate.onOpen = () => undefined;
    client.send(open('s'), numbered('s', 1));
    await made.clock.settle();
    expect(client.words('s').slice(1)).toEqual(['opened', 'data 1:m1']);
    await expectNothingLeft(made);
  });

  it('other sessions of the connection go on meanwhile, and Opens of others are answered in any order', async () => {
    const made = world();
    const client = await arrived(made, method);
    client.send(open('a'), numbered('a', 1));
    await made.clock.settle();
    const held = made.gate.holdOpens();
    client.send(open('b', { resumeToken: tokenOf(2) }), open('c', { resumeToken: tokenOf(3) }));
    client.send(numbered('b', 1), numbered('c', 1), numbered('a', 2), ack('a', 1));
    await made.clock.settle();
    expect(client.words()).toEqual(['welcome', 'opened', 'data 1:m1', 'data 2:m2']);
    held[1]?.resolve();
    await made.clock.settle();
    expect([client.words('b'), client.words('c')]).toEqual([[], ['opened', 'data 1:m1']]);
    held[0]?.resolve();
    await made.clock.settle();
    expect(client.words('b')).toEqual(['opened', 'data 1:m1']);
    await expectNothingLeft(made);
  });

  it('and half-closed behind, is answered, and the connection ends well', async () => {
    const made = world();
    const client = await arrived(made, method);
    const held = made.gate.holdOpens();
    client.send(open('s'), numbered('s', 1));
    client.connection.halfClose();
    await made.clock.settle();
    expect(client.end).toBeUndefined();
    held[0]?.resolve();
    await made.clock.settle();
    expect([client.words('s'), client.end]).toEqual([['opened', 'data 1:m1'], 'OK']);
    await expectNothingLeft(made);
  });

  it('and refused after a half-close, the connection ends well all the same', async () => {
    const made = world();
    const client = await arrived(made, method);
    const held = made.gate.holdOpens();
    client.send(open('s'), numbered('s', 1));
    client.connection.halfClose();
    await made.clock.settle();
    held[0]?.reject(denied());
    await made.clock.settle();
    expect([client.words('s'), client.end]).toEqual([['closed PERMISSION_DENIED'], 'OK']);
    await expectNothingLeft(made);
  });

  it.each(['cancel', 'break'] as const)('of a connection that is gone (%s) is abandoned', async (how) => {
    const made = world();
    const client = await arrived(made, method);
    const held = made.gate.holdOpens();
    client.send(open('s'), numbered('s', 1), numbered('s', 2), close('s'));
    await made.clock.settle();
    client.connection[how]();
    await made.clock.settle();
    expect(made.gate.opens[0]?.signal.aborted).toBe(true);
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
    expect(made.metrics.messagesRefused.get('not-open')).toBe(2);
    held[0]?.resolve();
    await made.clock.settle();
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
    expect(made.metrics.sessionsOpened).toBe(0);
  });
});

describe('behind an Open that is answered later', () => {
  it('Pause holds what the session says back, until Resume', async () => {
    const made = world();
    const client = await arrived(made);
    const held = made.gate.holdOpens();
    client.send(open('s'), pause('s'), numbered('s', 1));
    await made.clock.settle();
    held[0]?.resolve();
    await made.clock.settle();
    expect(client.words('s').filter((word) => word.startsWith('data'))).toEqual([]);
    client.send(resume('s'));
    await made.clock.settle();
    expect(client.words('s').at(-1)).toBe('data 1:m1');
    await expectNothingLeft(made);
  });

  it('Pause and half-close: nobody is left who could say Resume, so it is given what there is', async () => {
    const made = world();
    const client = await arrived(made);
    const held = made.gate.holdOpens();
    client.send(open('s'), pause('s'), numbered('s', 1));
    client.connection.halfClose();
    await made.clock.settle();
    held[0]?.resolve();
    await made.clock.settle();
    expect([client.words('s'), client.end]).toEqual([['opened', 'data 1:m1'], 'OK']);
    await expectNothingLeft(made);
  });

  it('Window and acks act on the session, once there is one', async () => {
    const made = world();
    const client = await arrived(made);
    const held = made.gate.holdOpens();
    client.send(open('s', { windowMessages: 5 }), changeWindow('s', 1));
    client.send(
      numbered('s', 1),
      numbered('s', 2),
      dataMessage({ type: MessageType.HEARTBEAT, sessionId: 's' }),
    );
    await made.clock.settle();
    held[0]?.resolve();
    await made.clock.settle();
    expect(client.words('s').filter((word) => word.startsWith('data'))).toEqual(['data 1:m1']);
    client.send(ack('s', 1));
    await made.clock.settle();
    expect(client.words('s').at(-1)).toBe('data 2:m2');
    await expectNothingLeft(made);
  });

  it('an ack of what was never sent ends the session, not sooner and not later', async () => {
    const made = world();
    const client = await arrived(made);
    const held = made.gate.holdOpens();
    client.send(open('s'), numbered('s', 1), ack('s', 7), numbered('s', 2));
    await made.clock.settle();
    held[0]?.resolve();
    await made.clock.settle();
    expect(client.words('s').at(-1)).toBe('closed INVALID_MESSAGE');
    expect(made.metrics.up.admitted).toBe(1);
    await expectNothingLeft(made);
  });

  it('a second Open of the session waits its turn: open is open', async () => {
    const made = world();
    const client = await arrived(made);
    const held = made.gate.holdOpens();
    client.send(open('s'), open('s', { attempt: 2 }));
    await made.clock.settle();
    expect(made.gate.opens).toHaveLength(1);
    held[0]?.resolve();
    await made.clock.settle();
    expect(client.words('s')).toEqual(['opened', 'closed INVALID_MESSAGE']);
    await expectNothingLeft(made);
  });

  it('a second Open behind one that is refused is asked about by itself', async () => {
    const made = world();
    const client = await arrived(made);
    const held = made.gate.holdOpens();
    client.send(open('s'), numbered('s', 1));
    client.send(open('s', { resumeToken: tokenOf(2), subject: 'tea' }), numbered('s', 1), close('s'));
    await made.clock.settle();
    held[0]?.reject(denied());
    await made.clock.settle();
    expect(client.words('s')).toEqual(['closed PERMISSION_DENIED']);
    expect(made.gate.opens.map(({ about }) => about.subject)).toEqual(['', 'tea']);
    held[1]?.resolve();
    await made.clock.settle();
    expect(client.words('s')).toEqual(['closed PERMISSION_DENIED', 'opened', 'data 1:m1']);
    await expectNothingLeft(made);
  });

  it('64 messages may come; the 65th is WINDOW_EXCEEDED, and nobody is asked any more', async () => {
    const made = world();
    const client = await arrived(made);
    const held = made.gate.holdOpens();
    client.send(open('full'), open('over', { resumeToken: tokenOf(2) }));
    for (let n = 1; n <= 64; n += 1) client.send(numbered('full', n), numbered('over', n));
    await made.clock.settle();
    expect(client.words()).toEqual(['welcome']);
    client.send(numbered('over', 65));
    await made.clock.settle();
    expect([client.words('over'), client.end]).toEqual([['closed WINDOW_EXCEEDED'], undefined]);
    expect(made.gate.opens.map(({ signal }) => signal.aborted)).toEqual([false, true]);
    client.send(numbered('over', 66));
    await made.clock.settle();
    // What had waited, and what came after.
    expect(made.metrics.messagesRefused.get('not-open')).toBe(65);
    held[1]?.resolve();
    held[0]?.resolve();
    await made.clock.settle();
    expect(client.words('over')).toEqual(['closed WINDOW_EXCEEDED']);
    expect(client.words('full').filter((word) => word.startsWith('data'))).toHaveLength(64);
    await expectNothingLeft(made);
  });

  it('64 KiB may come, and not a byte more; one message always', async () => {
    const made = world();
    const client = await arrived(made);
    made.gate.holdOpens();
    client.send(
      open('full'),
      open('over', { resumeToken: tokenOf(2) }),
      open('one', { resumeToken: tokenOf(3) }),
    );
    client.send(numbered('full', 1, 65_535), numbered('full', 2, 1));
    client.send(numbered('over', 1, 65_535), numbered('over', 2, 2));
    client.send(numbered('one', 1, 200_000));
    await made.clock.settle();
    expect([client.words('full'), client.words('one')]).toEqual([[], []]);
    expect(client.words('over')).toEqual(['closed WINDOW_EXCEEDED']);
    client.send(numbered('one', 2, 1));
    await made.clock.settle();
    expect(client.words('one')).toEqual(['closed WINDOW_EXCEEDED']);
    await expectNothingLeft(made);
  });

  it('64 words of control may come, not more, and not more than 64 KiB of them', async () => {
    const made = world();
    const client = await arrived(made);
    made.gate.holdOpens();
    client.send(open('s'), open('t', { resumeToken: tokenOf(2) }));
    for (let n = 1; n <= 64; n += 1) client.send(pause('s'));
    client.send(numbered('s', 1));
    client.send(controlMessage({ action: 'pause', reason: 'x'.repeat(66_000) }, 't'));
    await made.clock.settle();
    expect([client.words('s'), client.words('t')]).toEqual([[], ['closed INVALID_MESSAGE']]);
    client.send(ack('s', 1));
    await made.clock.settle();
    expect([client.words('s'), client.end]).toEqual([['closed INVALID_MESSAGE'], undefined]);
    expect(made.account.bytes).toBe(0);
    await expectNothingLeft(made);
  });

  it('as many sessions may be asked about as a connection may have', async () => {
    const made = world({ sessions: { maxPerConnection: 3 } });
    const client = await arrived(made);
    client.send(open('a'));
    await made.clock.settle();
    const held = made.gate.holdOpens();
    for (const [n, id] of ['b', 'c', 'd', 'e'].entries())
      client.send(open(id, { resumeToken: tokenOf(n + 2) }));
    await made.clock.settle();
    expect(held).toHaveLength(2);
    expect([client.words('d'), client.words('e')]).toEqual([
      ['closed SESSION_LIMIT'],
      ['closed SESSION_LIMIT'],
    ]);
    for (const answer of held) answer.resolve();
    await made.clock.settle();
    expect(client.controls('opened')).toHaveLength(3);
    await expectNothingLeft(made);
  });

  it('where there is no room among the answers, the Open waits for that, too, and keeps its place', async () => {
    const made = world({ settings: { maxControlAnswers: 4, sendBufferBytes: 600 } });
    // It takes nothing.
    const client = new GatedClient(made, {
      metadata: { authorization: 'Bearer ann' },
      windowBytes: 1,
    });
    await made.clock.settle();
    const held = made.gate.holdOpens();
    client.send(open('s'), numbered('s', 1), close('s'));
    await made.clock.settle();
    const [connection] = made.pool;
    while ((connection?.sendQueue.controlRoom ?? 0) > 0) {
      connection?.sendQueue.pushControl(dataMessage({ type: MessageType.HEARTBEAT }));
    }
    held[0]?.resolve();
    await new Promise((resolve) => process.nextTick(resolve));
    expect(made.metrics.sessionsOpened).toBe(0);
    made.clock.runImmediates();
    (made.server.supervisor(connection?.id ?? '') as ConnectionSupervisor).wake();
    await made.clock.settle();
    expect(client.words('s')).toEqual(['opened', 'data 1:m1']);
    client.send(ack('s', 1));
    await made.clock.settle();
    expect(client.words('s').at(-1)).toBe('closed');
    await expectNothingLeft(made);
  });

  it('a fresh token that allows less meanwhile: the answer was about another', async () => {
    const made = world();
    const client = await arrived(made);
    const held = made.gate.holdOpens();
    client.send(open('s'), numbered('s', 1));
    made.gate.tokens.set('less', identityOf('ann', { opens: ['chat'] }));
    client.authenticate('less');
    await made.clock.settle();
    held[0]?.resolve();
    await made.clock.settle();
    expect(client.words('s')).toEqual(['closed PERMISSION_DENIED']);
    expect(made.metrics.sessionsOpened).toBe(0);
    await expectNothingLeft(made);
  });

  it('a resume that is answered later: the session is untouched by a no', async () => {
    const made = world();
    const first = await arrived(made);
    first.send(open('s'), numbered('s', 1));
    await made.clock.settle();
    first.connection.break();
    await made.clock.settle();
    const held = made.gate.holdOpens();
    const client = await arrived(made);
    client.send(open('s', { resume: true, attempt: 2 }));
    await made.clock.settle();
    held[0]?.reject(denied());
    await made.clock.settle();
    expect(client.words('s')).toEqual(['closed PERMISSION_DENIED']);
    expect(made.server.windowed.detached.size).toBe(1);
    client.send(open('s', { resume: true, attempt: 3 }));
    await made.clock.settle();
    held[1]?.resolve();
    await made.clock.settle();
    expect(client.words('s').slice(1)).toEqual(['opened', 'ack 1', 'data 1:m1']);
    await expectNothingLeft(made);
  });

  it('a session that expires while its resume is asked about is gone', async () => {
    const made = world({ settings: { receiveTimeoutMs: 0, heartbeatIntervalMs: 0 } });
    const first = await arrived(made);
    first.send(open('s'));
    await made.clock.settle();
    first.connection.break();
    await made.clock.settle();
    const held = made.gate.holdOpens();
    const client = await arrived(made);
    client.send(open('s', { resume: true, attempt: 2 }));
    await made.clock.advanceAsync(200_000);
    held[0]?.resolve();
    await made.clock.settle();
    expect(client.controls('opened')).toMatchObject([{ resumed: false, resumeToken: new Uint8Array() }]);
    await expectNothingLeft(made);
  });

  it('a connection that has to leave is not let go while somebody is asked', async () => {
    const made = world();
    const client = await arrived(made);
    const held = made.gate.holdOpens();
    client.send(open('s'));
    await made.clock.settle();
    const [supervisor] = made.server.supervisors();
    supervisor?.drain(10_000, 'connection: test', new SluiceError('STREAM_LIMIT', 'test'));
    await made.clock.advanceAsync(5_000);
    expect(client.end).toBeUndefined();
    held[0]?.resolve();
    await made.clock.settle();
    expect(client.words('s')).toEqual(['opened']);
    await made.clock.advanceAsync(5_000);
    expect(client.end).toBe('STREAM_LIMIT');
    await expectNothingLeft(made);
  });
});

describe.each(METHODS)('sessions of a simple connection, of which somebody is asked (%s)', (method) => {
  it('wait all for the one answer; nothing more is read; the order is kept', async () => {
    const made = world();
    const client = await arrived(made, method);
    const held = made.gate.holdOpens();
    client.send(text('a', '1'), text('b', '2'), text('a', '3'), close('a'), text('a', '4'));
    client.send(text('b', '5'));
    await made.clock.settle();
    expect(client.words()).toEqual(['welcome']);
    expect(made.gate.opens.map(({ about }) => about)).toMatchObject([
      { sessionId: '', route: 'test', subject: '', named: false },
    ]);
    client.send(text('c', '6'));
    await made.clock.settle();
    expect(client.connection.bytesInFlight).toBeGreaterThan(0);
    held[0]?.resolve();
    await made.clock.settle();
    expect(client.words('a').filter((word) => word.startsWith('data'))).toEqual(['data 1', 'data 3']);
    // Data behind a Close, as ever.
    expect(client.words('a')).toContain('error INVALID_MESSAGE');
    expect([client.words('b'), client.words('c')]).toEqual([['data 2', 'data 5'], ['data 6']]);
    expect(made.gate.opens).toHaveLength(1);
    expect(made.account.bytes).toBe(0);
    await expectNothingLeft(made);
  });

  it('and half-closed behind, are answered, and the connection ends well', async () => {
    const made = world();
    const client = await arrived(made, method);
    const held = made.gate.holdOpens();
    client.send(text('a', '1'), pause('a'), text('a', '2'));
    client.connection.halfClose();
    await made.clock.settle();
    held[0]?.resolve();
    await made.clock.settle();
    expect([client.words('a'), client.end]).toEqual([['data 1', 'data 2'], 'OK']);
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });

  it.each(['cancel', 'break'] as const)('of a connection that is gone (%s): abandoned', async (how) => {
    const made = world();
    const client = await arrived(made, method);
    const held = made.gate.holdOpens();
    client.send(text('a', '1'), text('b', '2'), close('a'));
    await made.clock.settle();
    client.connection[how]();
    await made.clock.settle();
    expect(made.gate.opens[0]?.signal.aborted).toBe(true);
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
    held[0]?.reject(denied());
    await made.clock.settle();
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
    expect(made.metrics.sessionsOpened).toBe(0);
  });
});

describe('simple sessions that came together', () => {
  it('refused, each is told; one that comes later is asked about anew', async () => {
    const made = world();
    const client = await arrived(made, 'StreamBatches');
    const held = made.gate.holdOpens();
    client.send(text('a', '1'), text('b', '2'));
    await made.clock.settle();
    held[0]?.reject(denied());
    await made.clock.settle();
    expect([client.words('a'), client.words('b')]).toEqual([
      ['closed PERMISSION_DENIED'],
      ['closed PERMISSION_DENIED'],
    ]);
    expect([client.end, made.account.bytes, made.metrics.up.admitted]).toEqual([undefined, 0, 0]);
    client.send(text('b', '3'));
    await made.clock.settle();
    expect(made.gate.opens).toHaveLength(2);
    held[1]?.resolve();
    await made.clock.settle();
    client.send(text('a', '4'));
    await made.clock.settle();
    expect([client.words('a').at(-1), client.words('b').at(-1)]).toEqual(['data 4', 'data 3']);
    // A yes holds.
    expect(made.gate.opens).toHaveLength(2);
    await expectNothingLeft(made);
  });
});

describe('simple sessions that are open while somebody is asked about another', () => {
  it('keep the order of what is said of them', async () => {
    const made = world();
    const client = await arrived(made, 'StreamBatches');
    client.send(text('a', '1'));
    await made.clock.settle();
    // What was open stays so; what opens from here on is asked about.
    client.authenticate('ann');
    const held = made.gate.holdOpens();
    client.send(text('b', '2'), close('a'), text('a', '3'));
    await made.clock.settle();
    held[0]?.resolve();
    await made.clock.settle();
    expect(client.words('a')).toEqual(['data 1', 'error INVALID_MESSAGE', 'closed']);
    expect(client.words('b')).toEqual(['data 2']);
    await expectNothingLeft(made);
  });

  it('are not closed over a no, which is about what would open', async () => {
    const made = world();
    const client = await arrived(made);
    client.send(text('a', '1'));
    await made.clock.settle();
    client.authenticate('ann');
    const held = made.gate.holdOpens();
    client.send(text('b', '2'), text('a', '3'));
    await made.clock.settle();
    held[0]?.reject(new SluiceError('AUTH_UNAVAILABLE', 'later'));
    await made.clock.settle();
    expect(client.words('a')).toEqual(['data 1', 'data 3']);
    expect(client.words('b')).toEqual(['closed AUTH_UNAVAILABLE']);
    await expectNothingLeft(made);
  });

  it('a fresh token that allows less meanwhile closes them, and opens no other', async () => {
    const made = world();
    const client = await arrived(made);
    const held = made.gate.holdOpens();
    client.send(text('a', '1'));
    made.gate.tokens.set('less', identityOf('ann', { opens: ['chat'] }));
    await made.clock.settle();
    // Nothing is read while somebody is asked: it is taken when the answer has come.
    client.authenticate('less');
    client.send(text('b', '2'));
    await made.clock.settle();
    held[0]?.resolve();
    await made.clock.settle();
    expect(client.words('a')).toEqual(['data 1', 'closed PERMISSION_DENIED']);
    expect(client.words('b')).toEqual(['closed PERMISSION_DENIED']);
    await expectNothingLeft(made);
  });

  it('the same where the fresh token came in one with them: the answer was about another', async () => {
    const made = world();
    const client = await arrived(made, 'StreamBatches');
    const held = made.gate.holdOpens();
    made.gate.tokens.set('less', identityOf('ann', { opens: ['chat'] }));
    client.send(text('a', '1'), controlMessage({ action: 'authenticate', token: 'less' }));
    await made.clock.settle();
    expect(client.words()).toEqual(['welcome', 'welcome']);
    held[0]?.resolve();
    await made.clock.settle();
    expect(client.words('a')).toEqual(['closed PERMISSION_DENIED']);
    expect(made.metrics.sessionsOpened).toBe(0);
    await expectNothingLeft(made);
  });

  it('a connection that has to leave is not let go while somebody is asked', async () => {
    const made = world();
    const client = await arrived(made);
    const held = made.gate.holdOpens();
    client.send(text('a', '1'));
    await made.clock.settle();
    const [supervisor] = made.server.supervisors();
    supervisor?.drain(10_000, 'connection: test', new SluiceError('STREAM_LIMIT', 'test'));
    await made.clock.advanceAsync(5_000);
    expect(client.end).toBeUndefined();
    held[0]?.resolve();
    await made.clock.settle();
    expect(client.words('a')).toEqual(['data 1']);
    await made.clock.advanceAsync(5_000);
    expect(client.end).toBe('STREAM_LIMIT');
    await expectNothingLeft(made);
  });

  it('a client is not taken for silent while it is not read', async () => {
    const made = world({ settings: { receiveTimeoutMs: 1_000 } });
    const client = await arrived(made);
    const held = made.gate.holdOpens();
    client.send(dataMessage({ type: MessageType.HEARTBEAT }), text('a', '1'));
    await made.clock.advanceAsync(900);
    for (let n = 0; n < 10; n += 1) {
      client.send(dataMessage({ type: MessageType.HEARTBEAT }));
      await made.clock.advanceAsync(900);
    }
    held[0]?.resolve();
    await made.clock.settle();
    expect([client.words('a'), client.end]).toEqual([['data 1'], undefined]);
    await expectNothingLeft(made);
  });
});

describe('UndecidedOpen', () => {
  it('keeps no control beside data: it says nothing, and could be of any size', () => {
    const account = new ByteAccount(1 << 30);
    const undecided = new UndecidedOpen('s', account, BEHIND_AN_OPEN, () => undefined);
    undecided.receive({ ...numbered('s', 1), control: { action: 'pause', reason: 'x'.repeat(1_000_000) } });
    expect(account.bytes).toBeLessThan(1_000);
    expect(undecided.heldBytes).toBe(account.bytes);
    expect(undecided.takeWaiting()).toMatchObject([{ sequence: 1, control: undefined }]);
    expect([account.bytes, undecided.heldBytes]).toEqual([0, 0]);
  });

  it('what it holds does not keep what it came in', () => {
    const undecided = new UndecidedOpen('s', new ByteAccount(1 << 30), BEHIND_AN_OPEN, () => undefined);
    undecided.receive(dataMessage({ sessionId: 's', data: new Uint8Array(new ArrayBuffer(65_536), 0, 10) }));
    expect(undecided.takeWaiting()[0]?.data.buffer.byteLength).toBe(10);
  });
});

it('routes that hold their messages have theirs from behind the Open, too', async () => {
  const route = new TestRoute();
  route.holds = true;
  const made = gatedServer(route);
  made.gate.tokens.set('ann', identityOf('ann'));
  const client = await arrived(made);
  const held = made.gate.holdOpens();
  client.send(open('s'), numbered('s', 1), numbered('s', 2));
  client.connection.halfClose();
  await made.clock.settle();
  held[0]?.resolve();
  await made.clock.settle();
  expect([route.handled.length, client.end]).toEqual([1, undefined]);
  route.release();
  await made.clock.advanceAsync(100);
  expect([route.handled.length, client.end]).toEqual([2, 'OK']);
  await expectNothingLeft(made);
});
