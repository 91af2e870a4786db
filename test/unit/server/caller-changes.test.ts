import { describe, expect, it } from 'vitest';
import type { Identity } from '../../../src/core/identity.js';
import { echoRoute } from '../../../src/routes/echo.js';
import { controlMessage, dataMessage } from '../../../src/wire/messages.js';
import {
  GatedClient,
  gatedServer,
  Held,
  identityOf,
  leftOf,
  NOTHING_LEFT,
  type GatedWorld,
  type IdentityFields,
} from '../../helpers/gate.js';
import { openOf } from '../../helpers/windowed-world.js';

const HOUR_MS = 3_600_000;
const BEARER = { metadata: { authorization: 'Bearer ann' } };
const QUIET = { heartbeatIntervalMs: 0, firstMessageTimeoutMs: 0, receiveTimeoutMs: 0 };

const text = (sessionId: string, said: string) => dataMessage({ sessionId, data: Buffer.from(said) });

function world(options: Parameters<typeof gatedServer>[1] = {}): GatedWorld {
  const made = gatedServer(echoRoute(), options);
  made.gate.tokens.set('ann', identityOf('ann'));
  return made;
}

async function arrived(made: GatedWorld, options: object = BEARER): Promise<GatedClient> {
  const client = new GatedClient(made, options);
  await made.clock.settle();
  expect(client.words()).toEqual(['welcome']);
  return client;
}

async function expectNothingLeft(made: GatedWorld): Promise<void> {
  made.server.destroy();
  await made.clock.settle();
  expect(leftOf(made)).toEqual(NOTHING_LEFT);
}

describe('who has shown nothing', () => {
  it('takes no place of those who show something', async () => {
    const made = world({ pool: { maxConnections: 1 }, settings: { maxUnidentified: 2 } });
    const silent = [1, 2].map(() => new GatedClient(made));
    await made.clock.settle();
    await arrived(made);
    silent[0]?.authenticate('ann');
    await made.clock.settle();
    expect(silent.map(({ end }) => end)).toEqual(['CONNECTION_LIMIT', undefined]);
    await expectNothingLeft(made);
  });

  it.each([
    [
      'says that it is done',
      (client: GatedClient) => {
        client.connection.halfClose();
      },
    ],
    [
      'says something else',
      (client: GatedClient) => {
        client.send(text('s', 'hello'));
      },
    ],
  ])('and %s is one of those who failed, as one that stays silent is', async (_, acts) => {
    const made = world();
    const client = new GatedClient(made);
    await made.clock.settle();
    acts(client);
    await made.clock.settle();
    expect([client.end, made.gate.silent]).toEqual(['UNAUTHENTICATED', ['memory:1']]);
    await expectNothingLeft(made);
  });

  it('does not show it by control beside data, which says nothing', async () => {
    const made = world();
    const client = new GatedClient(made);
    client.send({ ...text('s', 'hello'), control: { action: 'authenticate', token: 'ann' } });
    await made.clock.settle();
    expect([client.end, made.gate.identified.length]).toEqual(['UNAUTHENTICATED', 1]);
    await expectNothingLeft(made);
  });
});

describe('who leaves while somebody else is asked', () => {
  const untilAborted = (signal: AbortSignal | undefined) =>
    new Promise<never>((_resolve, reject) => {
      signal?.addEventListener('abort', () => {
        reject(signal.reason as Error);
      });
    });

  it('about them: that is no fault, and nothing for the log', async () => {
    const made = world();
    made.gate.identify = (_credentials, signal) => untilAborted(signal);
    const client = new GatedClient(made, BEARER);
    await made.clock.settle();
    client.connection.cancel();
    await made.clock.settle();
    expect(made.logger.lines).toEqual([]);
    await expectNothingLeft(made);
  });

  it('about an Open of theirs: neither', async () => {
    const made = world();
    made.gate.mayOpen = (_question, signal) => untilAborted(signal);
    const client = await arrived(made);
    client.send(text('s', 'one'));
    await made.clock.settle();
    client.connection.cancel();
    await made.clock.settle();
    expect(made.logger.lines).toEqual([]);
    await expectNothingLeft(made);
  });
});

describe('a fresh token of another class', () => {
  const limited = (fields: IdentityFields['limits']): Identity => identityOf('ann', { limits: fields ?? {} });

  it('has the throttle of its class, and one of the same class no second burst', async () => {
    const made = world({ settings: { messagesPerSecond: 0, ...QUIET } });
    made.gate.tokens.set('slow', limited({ messagesPerSecond: 2 }));
    const client = await arrived(made);
    for (const token of ['slow', 'slow']) {
      client.authenticate(token);
      for (let n = 1; n <= 5; n += 1) client.send(text('s', `${n}`));
      await made.clock.settle();
    }
    expect(client.words('s')).toHaveLength(2);
    await made.clock.advanceAsync(1_000);
    expect(client.words('s')).toHaveLength(4);
    await expectNothingLeft(made);
  });

  it('without one lets go what the throttle held', async () => {
    const made = world({ settings: { messagesPerSecond: 0, ...QUIET } });
    made.gate.tokens.set('slow', limited({ messagesPerSecond: 1 }));
    const client = await arrived(made, { metadata: { authorization: 'Bearer slow' } });
    for (let n = 1; n <= 10; n += 1) client.send(text('s', `${n}`));
    await made.clock.settle();
    expect(client.words('s')).toHaveLength(1);
    client.authenticate('ann');
    await made.clock.advanceAsync(1_000);
    expect(client.words('s')).toHaveLength(10);
    expect([...made.server.supervisors()].map(({ connection }) => connection.throttled)).toEqual([false]);
    await expectNothingLeft(made);
  });

  it('that came while somebody was asked about the one before: sessions that follow are asked about anew', async () => {
    const made = world();
    const { onIdentify } = made.gate;
    const client = await arrived(made);
    const opens = made.gate.holdOpens();
    const fresh = new Held<Identity>();
    made.gate.onIdentify = () => fresh.promise;
    client.send(controlMessage({ action: 'authenticate', token: 'low' }), text('a', 'one'));
    await made.clock.settle();
    fresh.resolve(identityOf('ann', { clientClass: 'low' }));
    await made.clock.settle();
    opens[0]?.resolve();
    await made.clock.settle();
    client.send(text('b', 'two'));
    await made.clock.settle();
    expect(made.gate.opens.map(({ about }) => about.identity.clientClass)).toEqual(['default', 'low']);
    opens[1]?.resolve();
    await made.clock.settle();
    client.send(text('c', 'three'));
    await made.clock.settle();
    expect(made.gate.opens).toHaveLength(2);
    expect([...client.words('a'), ...client.words('b'), ...client.words('c')]).toEqual([
      'data one',
      'data two',
      'data three',
    ]);
    made.gate.onIdentify = onIdentify;
    await expectNothingLeft(made);
  });
});

describe('an anonymous client whom somebody lets in for a while', () => {
  const NOTICE_MS = 60_000;
  const GRACE_MS = 30_000;

  async function letIn(forMs: number): Promise<[GatedWorld, GatedClient]> {
    const made = world({ settings: { ...QUIET, expiryNoticeMs: NOTICE_MS, expiryGraceMs: GRACE_MS } });
    made.gate.takesTokens = false;
    const expiresAtMs = made.clock.wallNow() + forMs;
    made.gate.onIdentify = () => identityOf('ann', { method: 'anonymous', expiresAtMs });
    return [made, await arrived(made, {})];
  }

  it('is told to connect anew, for it has no token to renew', async () => {
    const [made, client] = await letIn(HOUR_MS);
    await made.clock.advanceAsync(HOUR_MS - NOTICE_MS);
    expect(client.words()).toEqual(['welcome', 'drain']);
    await made.clock.advanceAsync(NOTICE_MS + GRACE_MS);
    expect(client.end).toBe('TOKEN_EXPIRED');
    expect(client.endMessage).toMatch(/^the leave to be here expire[sd] at /);
    await expectNothingLeft(made);
  });

  it('for less than the notice: is not sent round in a circle at once', async () => {
    const [made, client] = await letIn(NOTICE_MS / 2);
    await made.clock.advanceAsync(NOTICE_MS / 2 + GRACE_MS - 1);
    expect([client.words(), client.end]).toEqual([['welcome'], undefined]);
    await made.clock.advanceAsync(1);
    expect(client.end).toBe('TOKEN_EXPIRED');
    await expectNothingLeft(made);
  });
});

describe('a fault of the gateway, once somebody has answered', () => {
  /** As a mistake in the gateway would: the next bytes that are accounted for throw. */
  function breakAccount(made: GatedWorld): void {
    const account = made.account as { add(bytes: number): void };
    const add = account.add.bind(account);
    account.add = (bytes) => {
      account.add = add;
      add(bytes);
      throw new TypeError('a mistake');
    };
  }

  it.each([
    ['an Open', [controlMessage(openOf(), 's'), { ...text('s', 'one'), sequence: 1 }]],
    ['simple sessions', [text('s', 'one')]],
  ])('about %s: its connection pays, the log says more, and nobody else hears of it', async (_, sent) => {
    const made = world();
    const client = await arrived(made);
    const opens = made.gate.holdOpens();
    client.send(...sent);
    await made.clock.settle();
    breakAccount(made);
    opens[0]?.resolve();
    await made.clock.settle();
    expect(client.end).toBe('reset');
    expect(made.logger.messages('error')).toEqual(['a fault ended a connection']);
    made.server.destroy();
    await made.clock.settle();
    // But for the account, which is what broke.
    expect({ ...leftOf(made), bytes: 0 }).toEqual(NOTHING_LEFT);
  });

  it('about a fresh token: the same', async () => {
    const made = world();
    const client = await arrived(made);
    const limits = {
      get messagesPerSecond(): number {
        throw new TypeError('a mistake');
      },
    };
    made.gate.onIdentify = () => Promise.resolve(identityOf('ann', { limits }));
    client.authenticate('b');
    await made.clock.settle();
    expect(client.end).toBe('reset');
    expect(made.logger.messages('error')).toEqual(['a fault ended a connection']);
    await expectNothingLeft(made);
  });
});
