import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../src/core/errors.js';
import { echoRoute } from '../../../src/routes/echo.js';
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

const text = (sessionId: string, said: string) => dataMessage({ sessionId, data: Buffer.from(said) });
const numbered = (sessionId: string, sequence: number, said = `m${sequence}`) =>
  dataMessage({ sessionId, sequence, data: Buffer.from(said) });
const ack = (sessionId: string, sequence: number) =>
  dataMessage({ type: MessageType.ACK, sessionId, ack: sequence });
const open = (sessionId: string, fields: Partial<Open> = {}) => controlMessage(openOf(fields), sessionId);

/** Routes `test` and `chat`; the token `all` opens everything, the others what they name, commas between. */
function world(options: Parameters<typeof gatedServer>[1] = {}): GatedWorld {
  const made = gatedServer(echoRoute(), { ...options, routes: { chat: echoRoute(), ...options.routes } });
  made.gate.tokens.set('all', identityOf('ann'));
  for (const opens of ['test', 'chat', 'chat/tea', 'chat/tea,test', 'secret']) {
    made.gate.tokens.set(opens, identityOf('ann', { opens: opens.split(',') }));
  }
  return made;
}

function arrives(
  made: GatedWorld,
  token: string,
  metadata: Readonly<Record<string, string>> = {},
): GatedClient {
  return new GatedClient(made, { metadata: { authorization: `Bearer ${token}`, ...metadata } });
}

async function expectNothingLeft(made: GatedWorld): Promise<void> {
  made.server.destroy();
  await made.clock.settle();
  expect(leftOf(made)).toEqual(NOTHING_LEFT);
  for (const flow of [made.metrics.up, made.metrics.down]) {
    expect(flow.admitted).toBe(flow.delivered + flow.dropped);
  }
}

describe('an Open without the permission for it', () => {
  it('is told what is missing; the connection and its other sessions go on', async () => {
    const made = world();
    const client = arrives(made, 'test');
    client.send(open('s'), open('t', { route: 'chat', subject: 'tea' }), numbered('t', 1), numbered('s', 1));
    await made.clock.settle();
    expect(client.words('s')).toEqual(['opened', 'data 1:m1']);
    expect(client.words('t')).toEqual(['closed PERMISSION_DENIED']);
    expect(client.controls('closed')[0]?.reason).toBe('permission open:chat/tea is missing');
    expect(made.logger.lines).toMatchObject([
      {
        level: 'info',
        message: 'sessions refused',
        fields: {
          ...{ code: 'PERMISSION_DENIED', count: 1, session: 't' },
          reason: 'permission open:chat/tea is missing',
        },
      },
    ]);
    expect(made.metrics.messagesRefused.get('not-open')).toBe(1);
    await expectNothingLeft(made);
  });

  it('is answered the same whether there is such a route or not', async () => {
    const made = world();
    const client = arrives(made, 'test');
    const answers = async (route: string, fields: Partial<Open> = {}) => {
      client.received.length = 0;
      client.send(open('s', { route, ...fields }));
      await made.clock.settle();
      return client.controls('closed').map(({ code, reason }) => [code, reason.replace(route, '…')]);
    };
    await made.clock.settle();
    const denied = [['PERMISSION_DENIED', 'permission open:… is missing (no subject was named)']];
    expect(await answers('chat')).toEqual(denied);
    expect(await answers('nowhere')).toEqual(denied);
    expect(await answers('chat', { overflow: 99 })).toEqual(denied);
    expect(await answers('nowhere', { overflow: 99 })).toEqual(denied);
    // Who may open it is told.
    made.gate.tokens.set('test', identityOf('ann', { opens: ['test', 'nowhere'] }));
    client.authenticate('test');
    await made.clock.settle();
    expect(await answers('nowhere')).toEqual([['UNKNOWN_ROUTE', expect.any(String)]]);
    await expectNothingLeft(made);
  });

  it('a name of a route that is no name is handed to nobody, and told to everybody', async () => {
    const made = world();
    const client = arrives(made, 'test');
    client.send(open('s', { route: 'x'.repeat(129) }), open('t', { route: 'x'.repeat(128) }));
    await made.clock.settle();
    expect([client.words('s'), client.words('t')]).toEqual([
      ['closed INVALID_MESSAGE'],
      ['closed PERMISSION_DENIED'],
    ]);
    expect(client.controls('closed')[0]?.reason.length).toBeLessThan(500);
    await expectNothingLeft(made);
  });

  it('the gate is asked for the default route by its name, and told that nobody named it', async () => {
    const made = world();
    const client = arrives(made, 'all');
    client.send(open('s', { subject: 'tea' }), open('t', { route: 'test', resumeToken: tokenOf(2) }));
    await made.clock.settle();
    expect(made.gate.opens.map(({ about }) => about)).toMatchObject([
      { sessionId: 's', route: 'test', subject: 'tea', named: false, peer: 'memory:1' },
      { sessionId: 't', route: 'test', subject: '', named: true },
    ]);
    await expectNothingLeft(made);
  });

  it('simple sessions are refused one by one, by the route that the connection chose', async () => {
    const made = world();
    const client = arrives(made, 'chat');
    client.send(text('s', 'one'), text('t', 'two'));
    await made.clock.settle();
    expect([client.words('s'), client.words('t'), client.end]).toEqual([
      ['closed PERMISSION_DENIED'],
      ['closed PERMISSION_DENIED'],
      undefined,
    ]);
    expect(made.metrics.up.admitted).toBe(0);
    const other = arrives(made, 'chat', { 'x-route': 'chat', 'x-subject': 'tea' });
    other.send(text('s', 'one'));
    await made.clock.settle();
    expect(other.words('s')).toEqual(['data one']);
    await expectNothingLeft(made);
  });
});

describe('a route that the client names at connect', () => {
  it.each(['chat', 'nowhere'])(
    'and may not open, %s: the same answer whether it exists or not',
    async (route) => {
      const made = world();
      const client = arrives(made, 'test', { 'x-route': route, 'x-subject': 'tea' });
      await made.clock.settle();
      expect([client.end, client.words()]).toEqual(['PERMISSION_DENIED', []]);
      expect(client.endMessage).toBe(`permission open:${route}/tea is missing`);
      expect(leftOf(made)).toEqual(NOTHING_LEFT);
    },
  );

  it('the same when the caller shows later who they are', async () => {
    const made = world();
    const answers = ['chat', 'nowhere'].map((route) => {
      const client = new GatedClient(made, { metadata: { 'x-route': route } });
      client.authenticate('test');
      return client;
    });
    await made.clock.settle();
    expect(answers.map(({ end }) => end)).toEqual(['PERMISSION_DENIED', 'PERMISSION_DENIED']);
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });

  it('and may open, but that does not exist, is told so', async () => {
    const made = world();
    const client = arrives(made, 'secret', { 'x-route': 'secret' });
    await made.clock.settle();
    expect(client.end).toBe('UNKNOWN_ROUTE');
  });

  it('is said back bounded and harmless', async () => {
    const made = world();
    const client = arrives(made, 'test', { 'x-route': `a\u0007${'x'.repeat(5_000)}` });
    await made.clock.settle();
    expect(client.end).toBe('PERMISSION_DENIED');
    expect(client.endMessage.length).toBeLessThan(300);
    expect(client.endMessage).not.toContain('\u0007');
  });
});

describe('a fresh token that allows less', () => {
  it('closes the opened sessions it does not cover, and no other; what they hold is accounted for', async () => {
    const held = new TestRoute();
    const made = world({ routes: { held } });
    const client = arrives(made, 'all');
    held.holds = true;
    client.send(
      open('keeps'),
      open('tea', { route: 'chat', subject: 'tea', resumeToken: tokenOf(2) }),
      open('gin', { route: 'chat', subject: 'gin', resumeToken: tokenOf(3) }),
      open('held', { route: 'held', resumeToken: tokenOf(4) }),
    );
    client.send(...['keeps', 'tea', 'gin', 'held', 'held'].map((id, n) => numbered(id, n === 4 ? 2 : 1)));
    await made.clock.settle();
    client.authenticate('chat/tea,test');
    client.send(numbered('keeps', 2), numbered('tea', 2), numbered('gin', 2), numbered('held', 3));
    await made.clock.settle();
    expect(client.words('keeps')).toEqual(['opened', 'data 1:m1', 'data 2:m2']);
    expect(client.words('tea')).toEqual(['opened', 'data 1:m1', 'data 2:m2']);
    expect(client.words('gin')).toEqual(['opened', 'data 1:m1', 'closed PERMISSION_DENIED']);
    expect(client.words('held')).toEqual(['opened', 'closed PERMISSION_DENIED']);
    expect(client.controls('closed')[0]?.reason).toContain('does not cover');
    // The Welcome says that the token was taken; what came of it follows.
    const order = client.words().filter((word) => /welcome|closed/.test(word));
    expect(order).toEqual(['welcome', 'welcome', 'closed PERMISSION_DENIED', 'closed PERMISSION_DENIED']);
    expect(held.closed).toBe(1);
    expect(made.metrics.sessionsEnded.get('PERMISSION_DENIED')).toBe(2);
    expect(made.metrics.up.droppedBy['session-closed']).toBe(2);
    held.release();
    await expectNothingLeft(made);
  });

  it('closes simple sessions, and opens no new ones', async () => {
    const made = world();
    const client = arrives(made, 'all');
    client.send(text('s', 'one'));
    await made.clock.settle();
    client.authenticate('chat');
    client.send(text('s', 'two'), text('t', 'three'));
    await made.clock.settle();
    expect(client.words('s')).toEqual(['data one', 'closed PERMISSION_DENIED', 'closed PERMISSION_DENIED']);
    expect(client.words('t')).toEqual(['closed PERMISSION_DENIED']);
    client.authenticate('test');
    client.send(text('s', 'four'));
    await made.clock.settle();
    expect(client.words('s').at(-1)).toBe('data four');
    await expectNothingLeft(made);
  });

  it('routes see who is calling now', async () => {
    const route = new TestRoute();
    const made = gatedServer(route);
    made.gate.tokens.set('a', identityOf('ann', { clientClass: 'gold' }));
    made.gate.tokens.set('b', identityOf('ann', { clientClass: 'free' }));
    const client = arrives(made, 'a');
    client.send(open('s'));
    const simple = arrives(made, 'a');
    simple.send(text('t', 'one'));
    await made.clock.settle();
    expect(route.sessions.map(({ identity }) => identity.clientClass)).toEqual(['gold', 'gold']);
    client.authenticate('b');
    simple.authenticate('b');
    await made.clock.settle();
    expect(route.sessions.map(({ identity }) => identity.clientClass)).toEqual(['free', 'free']);
    // Left behind, it keeps the last; resumed, it takes that of its new connection.
    client.connection.break();
    await made.clock.settle();
    expect(route.sessions[0]?.identity.clientClass).toBe('free');
    const back = arrives(made, 'a');
    back.send(open('s', { resume: true, attempt: 2 }));
    await made.clock.settle();
    expect(back.words('s')).toEqual(['opened', 'ack 0']);
    expect(route.sessions[0]?.identity.clientClass).toBe('gold');
    await expectNothingLeft(made);
  });

  it('a session that is waiting for its client is judged when it comes back, and waits on', async () => {
    const made = world();
    const client = arrives(made, 'all');
    client.send(open('s', { route: 'chat' }), numbered('s', 1));
    await made.clock.settle();
    client.connection.break();
    await made.clock.settle();
    const less = arrives(made, 'test');
    less.send(open('s', { resume: true, attempt: 2, route: 'test' }));
    await made.clock.settle();
    expect(less.words('s')).toEqual(['closed PERMISSION_DENIED']);
    expect(less.controls('closed')[0]?.reason).toContain('open:chat');
    expect(made.server.windowed.detached.size).toBe(1);
    const back = arrives(made, 'chat');
    back.send(open('s', { resume: true, attempt: 2 }));
    await made.clock.settle();
    expect(back.words('s')).toEqual(['opened', 'ack 1', 'data 1:m1']);
    expect(back.controls('opened')).toMatchObject([{ resumed: true }]);
    back.send(ack('s', 1), numbered('s', 2));
    await made.clock.settle();
    expect(back.words('s').at(-1)).toBe('data 2:m2');
    await expectNothingLeft(made);
  });

  it('and tries to take the session over: refused, who holds it goes on', async () => {
    const made = world();
    const client = arrives(made, 'all');
    client.send(open('s', { route: 'chat' }));
    await made.clock.settle();
    const less = arrives(made, 'test');
    less.send(open('s', { resume: true, attempt: 2 }));
    await made.clock.settle();
    client.send(numbered('s', 1));
    await made.clock.settle();
    expect(less.words('s')).toEqual(['closed PERMISSION_DENIED']);
    expect(client.words('s')).toEqual(['opened', 'data 1:m1']);
    await expectNothingLeft(made);
  });

  it('who has the wrong resume token learns nothing of the session, permitted or not', async () => {
    const made = world();
    const client = arrives(made, 'all');
    client.send(open('s', { route: 'chat' }));
    await made.clock.settle();
    const reasons = [];
    for (const token of ['all', 'test']) {
      const other = arrives(made, token);
      other.send(open('s', { resume: true, resumeToken: tokenOf(9) }));
      await made.clock.settle();
      reasons.push(other.controls('closed')[0]?.reason ?? other.words('s'));
    }
    // The second finds its token dead.
    expect(reasons).toEqual(['the token is not that of session "s"', ['opened']]);
    await expectNothingLeft(made);
  });
});

describe('the limits of a class', () => {
  it('maxSessions: fewer than others, opened and simple ones together', async () => {
    const made = world();
    const few = { clientClass: 'free', limits: { maxSessions: 2 } };
    made.gate.tokens.set('few', identityOf('zoe', few));
    const [windowed, simple, all] = [arrives(made, 'few'), arrives(made, 'few'), arrives(made, 'all')];
    windowed.send(open('a'));
    await made.clock.settle();
    simple.send(text('b', 'one'), text('c', 'two'));
    await made.clock.settle();
    windowed.send(open('d', { resumeToken: tokenOf(2) }));
    all.send(...[1, 2, 3].map((n) => open(`s${n}`, { resumeToken: tokenOf(n) })));
    await made.clock.settle();
    expect(simple.words('c')).toEqual(['closed SESSION_LIMIT']);
    expect(windowed.words('d')).toEqual(['closed SESSION_LIMIT']);
    expect(windowed.controls('closed')[0]?.reason).toContain('auth.classes.free.maxSessions = 2');
    expect(all.controls('opened')).toHaveLength(3);
    await expectNothingLeft(made);
  });

  it('the throttle: of one connection, over the one for all', async () => {
    const made = world({ settings: { messagesPerSecond: 0 } });
    made.gate.tokens.set('slow', identityOf('zoe', { limits: { messagesPerSecond: 2 } }));
    const [slow, quick] = [arrives(made, 'slow'), arrives(made, 'all')];
    for (const client of [slow, quick]) {
      for (let n = 1; n <= 10; n += 1) client.send(text('s', `${n}`));
    }
    await made.clock.settle();
    expect([slow.words('s').length, quick.words('s').length]).toEqual([2, 10]);
    await made.clock.advanceAsync(2_000);
    expect(slow.words('s')).toHaveLength(6);
    await expectNothingLeft(made);
  });

  it('the throttle: none, where the one for all is slow', async () => {
    const made = world({ settings: { messagesPerSecond: 1 } });
    made.gate.tokens.set('free', identityOf('zoe', { limits: { messagesPerSecond: 0 } }));
    const client = arrives(made, 'free');
    for (let n = 1; n <= 10; n += 1) client.send(text('s', `${n}`));
    await made.clock.settle();
    expect(client.words('s')).toHaveLength(10);
    await expectNothingLeft(made);
  });
});

describe('a client that is ended', () => {
  it('loses its connections and all its sessions, those that wait for it too; others nothing', async () => {
    const made = world();
    made.gate.tokens.set('ben', identityOf('ben'));
    const [attached, left, simple, idle, ben] = [
      arrives(made, 'all'),
      arrives(made, 'all'),
      arrives(made, 'all'),
      arrives(made, 'all'),
      arrives(made, 'ben'),
    ];
    attached.send(open('a'), numbered('a', 1));
    left.send(open('b', { resumeToken: tokenOf(2) }), numbered('b', 1));
    simple.send(text('c', 'one'));
    ben.send(open('a'), numbered('a', 1));
    await made.clock.settle();
    left.connection.break();
    await made.clock.settle();
    const ended = made.server.endClient('ann', new SluiceError('UNAUTHENTICATED', 'it was revoked'));
    expect(ended).toEqual({ connections: 3, sessions: 3 });
    await made.clock.settle();
    for (const client of [attached, simple, idle]) {
      expect([client.end, client.endMessage]).toEqual(['UNAUTHENTICATED', 'it was revoked']);
    }
    expect(attached.words('a')).toEqual(['opened', 'data 1:m1', 'closed UNAUTHENTICATED']);
    expect(simple.words('c')).toEqual(['data one', 'closed UNAUTHENTICATED']);
    expect(made.server.windowed.detached.size).toBe(0);
    expect(made.metrics.sessionsEnded.get('UNAUTHENTICATED')).toBe(2);
    // Its echo was never acknowledged, of either session.
    expect(made.metrics.down.droppedBy['session-closed']).toBe(2);
    ben.send(ack('a', 1), numbered('a', 2));
    await made.clock.settle();
    expect(ben.words('a').at(-1)).toBe('data 2:m2');
    expect(made.server.endClient('ann', new SluiceError('UNAUTHENTICATED', 'again'))).toEqual({
      connections: 0,
      sessions: 0,
    });
    await expectNothingLeft(made);
  });

  it('gives up what it was asking: the answers come to nobody', async () => {
    const made = world();
    const [windowed, simple, renewing] = [arrives(made, 'all'), arrives(made, 'all'), arrives(made, 'all')];
    await made.clock.settle();
    const opens = made.gate.holdOpens();
    const callers = made.gate.holdCallers();
    windowed.send(open('a'), numbered('a', 1));
    simple.send(text('b', 'one'));
    renewing.authenticate('all');
    await made.clock.settle();
    made.server.endClient('ann', new SluiceError('UNAUTHENTICATED', 'it was revoked'));
    await made.clock.settle();
    expect([...made.gate.opens, made.gate.identified.at(-1)].map((asked) => asked?.signal.aborted)).toEqual([
      true,
      true,
      true,
    ]);
    for (const answer of opens) answer.resolve();
    callers[0]?.resolve(identityOf('ann'));
    await made.clock.settle();
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
    expect(made.metrics.messagesRefused.get('not-open')).toBe(2);
  });

  it('comes back to its session, and is told how it ended', async () => {
    const made = world();
    const client = arrives(made, 'all');
    client.send(open('a'));
    await made.clock.settle();
    client.connection.break();
    await made.clock.settle();
    made.server.endClient('ann', new SluiceError('UNAUTHENTICATED', 'it was revoked'));
    const back = arrives(made, 'all');
    back.send(open('a', { resume: true, attempt: 2 }));
    await made.clock.settle();
    expect(back.words('a')).toEqual(['closed UNAUTHENTICATED']);
    await expectNothingLeft(made);
  });
});
