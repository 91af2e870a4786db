import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../src/core/errors.js';
import { echoRoute } from '../../../src/routes/echo.js';
import type { StreamMethod } from '../../../src/transport/contract.js';
import { controlMessage, dataMessage, MessageType } from '../../../src/wire/messages.js';
import {
  GatedClient,
  gatedServer,
  identityOf,
  leftOf,
  NOTHING_LEFT,
  type GatedWorld,
} from '../../helpers/gate.js';
import { openOf } from '../../helpers/windowed-world.js';

const METHODS: readonly StreamMethod[] = ['StreamData', 'StreamBatches'];
const BEARER = { metadata: { authorization: 'Bearer t' } };

const text = (sessionId: string, said: string) => dataMessage({ sessionId, data: Buffer.from(said) });
const heartbeat = () => dataMessage({ type: MessageType.HEARTBEAT });
const authenticate = (token: string) => controlMessage({ action: 'authenticate', token });

/** Behind a gate that knows the tokens `ann` and `ben`. */
function world(options: Parameters<typeof gatedServer>[1] = {}): GatedWorld {
  const made = gatedServer(echoRoute(), options);
  for (const name of ['ann', 'ben']) made.gate.tokens.set(name, identityOf(name));
  return made;
}

/** Everything is over: nothing may be left, nor be wanted of anybody. */
async function expectNothingLeft(made: GatedWorld): Promise<void> {
  made.server.destroy();
  await made.clock.settle();
  expect(leftOf(made)).toEqual(NOTHING_LEFT);
}

describe('a caller who is known at once', () => {
  it('is welcomed as who they are, in the turn in which they come', async () => {
    const made = world();
    const client = new GatedClient(made, { metadata: { authorization: 'Bearer ann', 'x-client-id': 'zoe' } });
    await made.clock.settle();
    expect(client.controls('welcome')).toMatchObject([{ clientId: 'ann' }]);
    expect(made.gate.identified[0]?.about).toMatchObject({
      token: 'ann',
      claimedId: 'zoe',
      peer: 'memory:1',
      certificate: undefined,
    });
    expect(made.server.arriving).toMatchObject({ size: 0, silent: 0 });
    await expectNothingLeft(made);
  });

  it('and is refused, ends with the status alone', async () => {
    const made = world();
    const client = new GatedClient(made, { metadata: { authorization: 'Bearer nobody' } });
    await made.clock.settle();
    expect([client.end, client.words()]).toEqual(['UNAUTHENTICATED', []]);
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });

  it.each(['Basic YTpi', 'Bearer', 'Bearer one two', 'ann'])(
    'and says %s instead of a bearer token, is told so, in words that repeat none of it',
    async (authorization) => {
      const made = world();
      const client = new GatedClient(made, { metadata: { authorization } });
      await made.clock.settle();
      expect(client.end).toBe('UNAUTHENTICATED');
      expect(client.endMessage).not.toMatch(/YTpi|one two|ann/);
      expect(made.gate.identified).toEqual([]);
    },
  );

  it.each(['bearer ann', 'BEARER  ann', ' Bearer ann '])('"%s" is a bearer token', async (authorization) => {
    const made = world();
    const client = new GatedClient(made, { metadata: { authorization } });
    await made.clock.settle();
    expect(client.words()).toEqual(['welcome']);
    await expectNothingLeft(made);
  });

  it('where no token is taken, a header authorization is none of our business', async () => {
    const made = world();
    made.gate.takesTokens = false;
    const client = new GatedClient(made, {
      metadata: { authorization: 'Basic YTpi', 'x-client-id': 'zoe' },
    });
    await made.clock.settle();
    expect(client.controls('welcome')).toMatchObject([{ clientId: 'zoe' }]);
    expect(made.gate.identified[0]?.about.token).toBeUndefined();
    await expectNothingLeft(made);
  });
});

describe.each(METHODS)('a caller whose token is looked at (%s)', (method) => {
  it('is not read meanwhile; what they said comes after the Welcome, in order', async () => {
    const made = world();
    const [held] = [made.gate.holdCallers()];
    const client = new GatedClient(made, { ...BEARER, method });
    client.send(...['one', 'two', 'three'].map((said) => text('s', said)));
    client.send(text('s', 'four'));
    await made.clock.settle();
    expect(client.connection.bytesInFlight).toBeGreaterThan(0);
    expect(client.words()).toEqual([]);
    expect(made.server.arriving).toMatchObject({ size: 1, silent: 0 });
    held[0]?.resolve(identityOf('ann'));
    await made.clock.settle();
    expect(client.words()).toEqual(['welcome', 'data one', 'data two', 'data three', 'data four']);
    expect(made.server.arriving).toMatchObject({ size: 0, silent: 0 });
    expect(made.gate.identified[0]?.signal.aborted).toBe(false);
    expect(made.metrics.messagesReceived).toBe(4);
    await expectNothingLeft(made);
  });

  it('and half-closes, is answered and ends well', async () => {
    const made = world();
    const held = made.gate.holdCallers();
    const client = new GatedClient(made, { ...BEARER, method });
    client.send(text('s', 'one'));
    client.connection.halfClose();
    await made.clock.settle();
    held[0]?.resolve(identityOf('ann'));
    await made.clock.settle();
    expect([client.words(), client.end]).toEqual([['welcome', 'data one'], 'OK']);
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });

  it.each(['cancelled', 'lost'] as const)('and %s, is not waited for any more', async (how) => {
    const made = world();
    const held = made.gate.holdCallers();
    const client = new GatedClient(made, { ...BEARER, method });
    client.send(text('s', 'one'));
    await made.clock.settle();
    if (how === 'lost') client.connection.break();
    else client.connection.cancel();
    await made.clock.settle();
    expect(client.end).toBe(how);
    expect(made.gate.identified[0]?.signal.aborted).toBe(true);
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
    // The answer comes all the same, and finds nobody.
    held[0]?.resolve(identityOf('ann'));
    await made.clock.settle();
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
    expect(made.metrics.messagesReceived).toBe(0);
  });

  it('and is refused, is told why; what they said is never read', async () => {
    const made = world();
    const held = made.gate.holdCallers();
    const client = new GatedClient(made, { ...BEARER, method });
    client.send(text('s', 'one'));
    await made.clock.settle();
    held[0]?.reject(new SluiceError('TOKEN_EXPIRED', 'it expired at noon'));
    await made.clock.settle();
    expect([client.end, client.endMessage, client.words()]).toEqual([
      'TOKEN_EXPIRED',
      'it expired at noon',
      [],
    ]);
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });
});

describe('a caller whose token is looked at for too long', () => {
  it('is sent away when the time is over, and the question given up: not their fault', async () => {
    const made = world({ settings: { identifyTimeoutMs: 3_000 } });
    const held = made.gate.holdCallers();
    const client = new GatedClient(made, BEARER);
    await made.clock.advanceAsync(2_999);
    expect(client.end).toBeUndefined();
    await made.clock.advanceAsync(1);
    expect(client.end).toBe('AUTH_UNAVAILABLE');
    expect((await client.connection.ended).error?.retryAfterMs).toBeGreaterThan(0);
    expect(made.gate.identified[0]?.signal.aborted).toBe(true);
    expect(made.gate.silent).toEqual([]);
    held[0]?.reject(new Error('aborted'));
    await made.clock.settle();
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });

  it('a fault in the gate is no UNAUTHENTICATED, is logged, and told in no detail', async () => {
    const made = world();
    made.gate.onIdentify = () => Promise.reject(new Error('the secret is 42'));
    const later = new GatedClient(made, BEARER);
    await made.clock.settle();
    made.gate.onIdentify = () => new Error('the secret is 42');
    const atOnce = new GatedClient(made, BEARER);
    await made.clock.settle();
    for (const client of [later, atOnce]) {
      expect(client.end).toBe('AUTH_UNAVAILABLE');
      expect(client.endMessage).not.toContain('42');
    }
    expect(made.logger.messages('error')).toHaveLength(1);
    expect(made.logger.messages('debug')).toHaveLength(1);
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });
});

describe.each(METHODS)('a caller who has shown nothing (%s)', (method) => {
  it('hears nothing until their Authenticate; what follows it is not lost', async () => {
    const made = world();
    const client = new GatedClient(made, { method });
    await made.clock.settle();
    expect(client.words()).toEqual([]);
    expect(made.server.arriving).toMatchObject({ size: 1, silent: 1 });
    client.send(authenticate('ann'), text('s', 'one'), text('t', 'two'), text('s', 'three'));
    await made.clock.settle();
    expect(client.words()[0]).toBe('welcome');
    expect([client.words('s'), client.words('t')]).toEqual([['data one', 'data three'], ['data two']]);
    expect(client.controls('welcome')[0]?.clientId).toBe('ann');
    expect(made.server.arriving).toMatchObject({ size: 0, silent: 0 });
    expect(made.metrics.messagesReceived).toBe(4);
    await expectNothingLeft(made);
  });

  it('the same when it takes time to look at the token', async () => {
    const made = world();
    const client = new GatedClient(made, { method });
    await made.clock.settle();
    const held = made.gate.holdCallers();
    client.send(authenticate('ann'), controlMessage(openOf(), 's'));
    client.send(dataMessage({ sessionId: 's', sequence: 1, data: Buffer.from('one') }));
    await made.clock.settle();
    expect(client.words()).toEqual([]);
    // It has said who it is: it is not silent any more.
    expect(made.server.arriving).toMatchObject({ size: 1, silent: 0 });
    held[0]?.resolve(identityOf('ann'));
    await made.clock.settle();
    expect(client.words()).toEqual(['welcome', 'opened', 'data 1:one']);
    await expectNothingLeft(made);
  });

  it('may send heartbeats before, and is not let in for them', async () => {
    const made = world();
    const client = new GatedClient(made, { method });
    client.send(heartbeat(), heartbeat());
    client.send(heartbeat());
    await made.clock.settle();
    expect([client.words(), client.end]).toEqual([[], undefined]);
    client.send(heartbeat(), authenticate('ann'), heartbeat(), text('s', 'one'));
    await made.clock.settle();
    expect(client.words()).toEqual(['welcome', 'data one']);
    await expectNothingLeft(made);
  });

  it.each([
    ['data', text('s', 'one')],
    ['an Open', controlMessage(openOf(), 's')],
    ['a probe', dataMessage({ type: MessageType.HEALTH_CHECK, sequence: 1 })],
    ['an ACK', dataMessage({ type: MessageType.ACK, sessionId: 's', ack: 1 })],
    ['control without an action', dataMessage({ type: MessageType.CONTROL })],
    ['an unknown type', dataMessage({ type: 77 })],
  ])('%s first is UNAUTHENTICATED', async (_, message) => {
    const made = world();
    const client = new GatedClient(made, { method });
    client.send(message, authenticate('ann'));
    await made.clock.settle();
    expect([client.end, client.words()]).toEqual(['UNAUTHENTICATED', []]);
    expect(made.gate.identified).toHaveLength(1);
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });

  it('an Authenticate of a token that does not hold is refused, and what followed it never read', async () => {
    const made = world();
    const client = new GatedClient(made, { method });
    client.send(authenticate('nobody'), text('s', 'one'), authenticate('ann'));
    await made.clock.settle();
    expect([client.end, client.words()]).toEqual(['UNAUTHENTICATED', []]);
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });

  it('bytes that are no message are told as such', async () => {
    const made = world();
    const client = new GatedClient(made, { method });
    client.connection.sendBytes(Buffer.from([0xff, 0xff]));
    await made.clock.settle();
    expect(client.end).toBe('INVALID_MESSAGE');
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });

  it.each(['cancelled', 'lost'] as const)('and %s, leaves nothing', async (how) => {
    const made = world();
    const client = new GatedClient(made, { method });
    await made.clock.settle();
    if (how === 'lost') client.connection.break();
    else client.connection.cancel();
    await made.clock.settle();
    expect(client.end).toBe(how);
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });
});

describe('a caller who has shown nothing', () => {
  it('is sent away when the time is over: a failed attempt of that address', async () => {
    const made = world({ settings: { identifyTimeoutMs: 3_000 } });
    const client = new GatedClient(made, { peer: '10.0.0.1:5' });
    client.send(heartbeat());
    await made.clock.advanceAsync(2_999);
    expect(client.end).toBeUndefined();
    client.send(heartbeat());
    await made.clock.advanceAsync(1);
    expect([client.end, made.gate.silent]).toEqual(['UNAUTHENTICATED', ['10.0.0.1:5']]);
    expect(client.endMessage).toContain('auth.identifyTimeout');
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });

  it('an empty Authenticate shows nothing', async () => {
    const made = world();
    made.gate.onIdentify = () => undefined;
    const client = new GatedClient(made);
    client.send(authenticate(''));
    await made.clock.settle();
    expect(client.end).toBe('UNAUTHENTICATED');
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });

  it('and half-closes, has nothing more to show', async () => {
    const made = world();
    const client = new GatedClient(made);
    client.connection.halfClose();
    await made.clock.settle();
    expect(client.end).toBe('UNAUTHENTICATED');
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });

  it('Authenticate and half-close in one: it is welcomed, and ends well', async () => {
    const made = world();
    const client = new GatedClient(made);
    client.send(authenticate('ann'));
    client.connection.halfClose();
    await made.clock.settle();
    expect([client.words(), client.end]).toEqual([['welcome'], 'OK']);
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });

  it('the time that an Authenticate is looked at is part of the time there is', async () => {
    const made = world({ settings: { identifyTimeoutMs: 3_000 } });
    const client = new GatedClient(made);
    await made.clock.advanceAsync(2_000);
    made.gate.holdCallers();
    client.send(authenticate('ann'));
    await made.clock.advanceAsync(1_000);
    expect(client.end).toBe('AUTH_UNAVAILABLE');
    expect(made.gate.identified.at(-1)?.signal.aborted).toBe(true);
    expect(made.gate.silent).toEqual([]);
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });

  it('its first word has been heard when its connection begins: no second time-out is owed', async () => {
    const made = world({ settings: { firstMessageTimeoutMs: 1_000, heartbeatIntervalMs: 0 } });
    const client = new GatedClient(made);
    client.send(authenticate('ann'));
    await made.clock.advanceAsync(5_000);
    expect(client.end).toBeUndefined();
    await expectNothingLeft(made);
  });
});

describe('limits on who is not known yet', () => {
  it('so many may be silent, and one more is refused, with nothing left of it', async () => {
    const made = world({ settings: { maxUnidentified: 2, identifyTimeoutMs: 3_000 } });
    const [one, two, three] = [new GatedClient(made), new GatedClient(made), new GatedClient(made)];
    await made.clock.settle();
    expect([one.end, two.end, three.end]).toEqual([undefined, undefined, 'CONNECTION_LIMIT']);
    expect(three.endMessage).toContain('auth.maxUnidentified = 2');
    expect(made.server.arriving).toMatchObject({ size: 2, silent: 2 });
    expect(made.clock.activeTimers).toBe(2);
    // Who shows something at once is none of them.
    const shown = new GatedClient(made, { metadata: { authorization: 'Bearer ben' } });
    // Who has shown something is one less.
    one.authenticate('ann');
    await made.clock.settle();
    expect([shown.words(), one.words()]).toEqual([['welcome'], ['welcome']]);
    await made.clock.advanceAsync(1);
    const four = new GatedClient(made);
    await made.clock.advanceAsync(2_999);
    expect([two.end, three.end, four.end]).toEqual(['UNAUTHENTICATED', 'CONNECTION_LIMIT', undefined]);
    expect(made.gate.silent).toHaveLength(1);
    await expectNothingLeft(made);
  });

  it('as many may be asked about as there may be connections, beside those: who needs no answer is not kept out', async () => {
    const made = world({ pool: { maxConnections: 3 } });
    const held = made.gate.holdCallers();
    const clients = [1, 2, 3, 4].map(() => new GatedClient(made, BEARER));
    await made.clock.settle();
    expect(clients.map(({ end }) => end)).toEqual([undefined, undefined, undefined, 'CONNECTION_LIMIT']);
    // The fourth is not asked about any more.
    expect(made.gate.identified.map(({ signal }) => signal.aborted)).toEqual([false, false, false, true]);
    expect(made.server.arriving.size).toBe(3);
    held[3]?.reject(new SluiceError('UNAUTHENTICATED', 'nobody waits for this'));
    for (const asked of held.slice(0, 2)) asked.resolve(identityOf('ann'));
    await made.clock.settle();
    const next = [5, 6].map(() => new GatedClient(made, BEARER));
    await made.clock.settle();
    for (const asked of [held[2], held[4], held[5]]) asked?.resolve(identityOf('ann'));
    await made.clock.settle();
    expect(clients.slice(0, 3).map((client) => client.words())).toEqual([
      ['welcome'],
      ['welcome'],
      ['welcome'],
    ]);
    // Admitted last, they find the places taken.
    expect(next.map(({ end }) => end)).toEqual(['CONNECTION_LIMIT', 'CONNECTION_LIMIT']);
    // Where the places are taken, nobody is asked about.
    const asked = made.gate.identified.length;
    const late = new GatedClient(made, BEARER);
    await made.clock.settle();
    expect([late.end, made.gate.identified.length]).toEqual(['CONNECTION_LIMIT', asked]);
    await expectNothingLeft(made);
  });

  it('a class may have fewer connections: judged when the caller is known', async () => {
    const made = world();
    made.gate.tokens.set('few', identityOf('few', { clientClass: 'free', limits: { maxConnections: 1 } }));
    const [one, two] = [1, 2].map(() => new GatedClient(made));
    one?.authenticate('few');
    two?.authenticate('few');
    await made.clock.settle();
    expect([one?.end, two?.end]).toEqual([undefined, 'CLIENT_LIMIT']);
    expect(two?.endMessage).toContain('auth.classes.free.maxConnections = 1');
    const other = new GatedClient(made, { metadata: { authorization: 'Bearer ben' } });
    await made.clock.settle();
    expect(other.words()).toEqual(['welcome']);
    await expectNothingLeft(made);
  });

  it('a class may have more of them than others', async () => {
    const made = world({ pool: { maxConnectionsPerClient: 1 } });
    made.gate.tokens.set('many', identityOf('many', { limits: { maxConnections: 2 } }));
    const ends = await Promise.all(
      ['many', 'many', 'ann', 'ann'].map(async (token) => {
        const client = new GatedClient(made, { metadata: { authorization: `Bearer ${token}` } });
        await made.clock.settle();
        return client.end;
      }),
    );
    expect(ends).toEqual([undefined, undefined, undefined, 'CLIENT_LIMIT']);
    await expectNothingLeft(made);
  });
});

describe('a gateway that leaves while somebody arrives', () => {
  it('tells those who are not known yet, for nothing is left to come for', async () => {
    const made = world();
    const held = made.gate.holdCallers();
    const asked = new GatedClient(made, BEARER);
    made.gate.onIdentify = () => undefined;
    const silent = new GatedClient(made);
    await made.clock.settle();
    let left = false;
    void made.server.drain(1_000).then(() => {
      left = true;
    });
    await made.clock.settle();
    expect([asked.end, silent.end, left]).toEqual(['DRAINING', 'DRAINING', true]);
    expect(made.gate.identified[0]?.signal.aborted).toBe(true);
    held[0]?.resolve(identityOf('ann'));
    await made.clock.settle();
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });

  it('lets those in who come to resume, and nobody who comes for anything else', async () => {
    const made = world();
    const first = new GatedClient(made, { metadata: { authorization: 'Bearer ann' } });
    first.send(controlMessage(openOf(), 's'), dataMessage({ sessionId: 's', sequence: 1 }));
    await made.clock.settle();
    const held = made.gate.holdCallers();
    const [back, fresh] = [new GatedClient(made, BEARER), new GatedClient(made, BEARER)];
    await made.clock.settle();
    first.connection.break();
    const drained = made.server.drain(5_000);
    await made.clock.settle();
    held[0]?.resolve(identityOf('ann'));
    held[1]?.resolve(identityOf('ben'));
    await made.clock.settle();
    back.send(controlMessage(openOf({ resume: true, attempt: 2 }), 's'));
    fresh.send(text('t', 'one'));
    await made.clock.settle();
    expect(back.words()).toEqual(['welcome', 'drain', 'opened', 'ack 1', 'data 1:']);
    expect(fresh.end).toBe('DRAINING');
    back.send(dataMessage({ type: MessageType.ACK, sessionId: 's', ack: 1 }));
    await made.clock.advanceAsync(2_000);
    await drained;
    expect(back.words().at(-1)).toBe('closed DRAINING');
    await expectNothingLeft(made);
  });

  it('and when the last session is gone, tells who has not said yet why it came', async () => {
    const made = world();
    const first = new GatedClient(made, { metadata: { authorization: 'Bearer ann' } });
    first.send(controlMessage(openOf(), 's'), dataMessage({ sessionId: 's', sequence: 1 }));
    await made.clock.settle();
    const drained = made.server.drain(5_000);
    const silent = new GatedClient(made);
    await made.clock.settle();
    expect(silent.end).toBeUndefined();
    await made.clock.advanceAsync(5_000);
    await drained;
    await made.clock.settle();
    expect(silent.end).toBe('DRAINING');
    await expectNothingLeft(made);
  });

  it('destroyed, it resets them and asks nobody any more', async () => {
    const made = world();
    const held = made.gate.holdCallers();
    const asked = new GatedClient(made, BEARER);
    made.gate.onIdentify = () => undefined;
    const silent = new GatedClient(made);
    await made.clock.settle();
    made.server.destroy();
    await made.clock.settle();
    expect([asked.end, silent.end]).toEqual(['reset', 'reset']);
    expect(made.gate.identified[0]?.signal.aborted).toBe(true);
    held[0]?.reject(new Error('too late'));
    await made.clock.settle();
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });
});
