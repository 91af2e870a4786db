import { describe, expect, it } from 'vitest';
import type { ClientCertificate } from '../../../src/core/credentials.js';
import { SluiceError } from '../../../src/core/errors.js';
import { echoRoute } from '../../../src/routes/echo.js';
import { controlMessage, dataMessage } from '../../../src/wire/messages.js';
import {
  GatedClient,
  gatedServer,
  identityOf,
  leftOf,
  NOTHING_LEFT,
  type GatedWorld,
  type IdentityFields,
} from '../../helpers/gate.js';
import { openOf } from '../../helpers/windowed-world.js';

const NOTICE_MS = 60_000;
const GRACE_MS = 30_000;
const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;

const text = (sessionId: string, said: string) => dataMessage({ sessionId, data: Buffer.from(said) });

function world(options: Parameters<typeof gatedServer>[1] = {}): GatedWorld {
  return gatedServer(echoRoute(), {
    ...options,
    settings: {
      expiryNoticeMs: NOTICE_MS,
      expiryGraceMs: GRACE_MS,
      heartbeatIntervalMs: 0,
      firstMessageTimeoutMs: 0,
      receiveTimeoutMs: 0,
      ...options.settings,
    },
  });
}

/** A token `name` of ann's that lives so long from now; undefined: for ever. */
function mint(made: GatedWorld, name: string, livesMs?: number, fields: IdentityFields = {}): string {
  const expiresAtMs = livesMs === undefined ? undefined : made.clock.wallNow() + livesMs;
  made.gate.tokens.set(name, identityOf('ann', { expiresAtMs, ...fields }));
  return name;
}

async function arrived(made: GatedWorld, token: string): Promise<GatedClient> {
  const client = new GatedClient(made, { metadata: { authorization: `Bearer ${token}` } });
  await made.clock.settle();
  expect(client.words()).toEqual(['welcome']);
  return client;
}

async function expectNothingLeft(made: GatedWorld): Promise<void> {
  made.server.destroy();
  await made.clock.settle();
  expect(leftOf(made)).toEqual(NOTHING_LEFT);
}

describe('Authenticate within the stream', () => {
  it('of the same subject: a second Welcome, the same connection, and nothing else happens', async () => {
    const made = world();
    mint(made, 'a', HOUR_MS);
    mint(made, 'b', 2 * HOUR_MS);
    const client = await arrived(made, 'a');
    client.send(text('s', 'one'));
    client.authenticate('b');
    client.send(text('s', 'two'));
    await made.clock.settle();
    expect(client.words('s')).toEqual(['data one', 'data two']);
    const [first, second] = client.controls('welcome');
    expect(second).toEqual(first);
    expect(made.gate.identified[1]?.about).toMatchObject({ token: 'b', claimedId: 'ann', peer: 'memory:1' });
    expect(made.metrics.auth.tokensRefreshed).toBe(1);
    await expectNothingLeft(made);
  });

  it.each([
    ['another subject', 'ben', /another subject/],
    ['nobody', 'nobody', /not known/],
    ['nothing', '', /without a token/],
  ])('of %s: UNAUTHENTICATED, what was said before is answered', async (_, token, words) => {
    const made = world();
    mint(made, 'a');
    made.gate.tokens.set('ben', identityOf('ben'));
    const client = await arrived(made, 'a');
    client.send(text('s', 'one'));
    await made.clock.settle();
    client.authenticate(token);
    client.send(text('s', 'two'));
    await made.clock.settle();
    expect([client.end, client.words()]).toEqual(['UNAUTHENTICATED', ['welcome', 'data one']]);
    expect(client.endMessage).toMatch(words);
    expect(made.metrics.auth.tokensRefreshed).toBe(0);
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });

  it.each(['AUTH_UNAVAILABLE', 'RATE_LIMITED'] as const)(
    '%s says nothing of the token: an Error, the connection goes on, and the next may do',
    async (code) => {
      const made = world();
      mint(made, 'a', HOUR_MS);
      mint(made, 'b', 2 * HOUR_MS);
      const client = await arrived(made, 'a');
      const { onIdentify } = made.gate;
      made.gate.onIdentify = () => new SluiceError(code, 'later');
      client.authenticate('b');
      await made.clock.settle();
      made.gate.onIdentify = () => Promise.reject(new SluiceError(code, 'later'));
      client.authenticate('b');
      await made.clock.settle();
      expect(client.words()).toEqual(['welcome', `error ${code}`, `error ${code}`]);
      made.gate.onIdentify = onIdentify;
      client.authenticate('b');
      await made.clock.settle();
      expect(client.words().at(-1)).toBe('welcome');
      await expectNothingLeft(made);
    },
  );

  it('a fault in the gate is AUTH_UNAVAILABLE, in no detail, and in the log', async () => {
    const made = world();
    mint(made, 'a');
    const client = await arrived(made, 'a');
    made.gate.onIdentify = () => Promise.reject(new Error('the secret is xyzzy'));
    client.authenticate('b');
    await made.clock.settle();
    expect(client.words()).toEqual(['welcome', 'error AUTH_UNAVAILABLE']);
    expect(JSON.stringify(client.received)).not.toContain('xyzzy');
    expect(made.logger.messages('error')).toHaveLength(1);
    await expectNothingLeft(made);
  });

  it('of several while one is asked the newest is asked next, and no other', async () => {
    const made = world();
    mint(made, 'a', HOUR_MS);
    const client = await arrived(made, 'a');
    const held = made.gate.holdCallers();
    for (let n = 1; n <= 100; n += 1) client.authenticate(`t${n}`);
    client.send(text('s', 'meanwhile'));
    await made.clock.settle();
    expect(client.words()).toEqual(['welcome', 'data meanwhile']);
    held[0]?.resolve(identityOf('ann', { expiresAtMs: made.clock.wallNow() + 2 * HOUR_MS }));
    await made.clock.settle();
    held[1]?.resolve(identityOf('ann', { expiresAtMs: made.clock.wallNow() + 3 * HOUR_MS }));
    await made.clock.settle();
    expect(made.gate.identified.map(({ about }) => about.token)).toEqual(['a', 't1', 't100']);
    expect(client.controls('welcome')).toHaveLength(3);
    expect(made.metrics.auth.tokensRefreshed).toBe(2);
    const [connection] = made.pool;
    expect(connection?.identity.expiresAtMs).toBe(made.clock.wallNow() + 3 * HOUR_MS);
    await expectNothingLeft(made);
  });

  it('of many in one turn, each of which could be answered at once, the first and the newest are looked at', async () => {
    const made = world();
    const client = await arrived(made, mint(made, 'a', HOUR_MS));
    for (let n = 1; n <= 100; n += 1) client.authenticate(mint(made, `t${n}`, (n + 1) * HOUR_MS));
    client.send(text('s', 'behind'));
    await made.clock.settle();
    expect(made.gate.identified.map(({ about }) => about.token)).toEqual(['a', 't1', 't100']);
    expect(client.words()).toEqual(['welcome', 'welcome', 'welcome', 'data behind']);
    const [connection] = made.pool;
    expect(connection?.identity.expiresAtMs).toBe(made.clock.wallNow() + 101 * HOUR_MS);
    await expectNothingLeft(made);
  });

  it('what waits for the end of the turn is forgotten with its connection', async () => {
    const made = world();
    const client = await arrived(made, mint(made, 'a', HOUR_MS));
    client.authenticate(mint(made, 'b', HOUR_MS));
    client.authenticate(mint(made, 'c', HOUR_MS));
    client.connection.break();
    await made.clock.settle();
    expect(made.gate.identified.map(({ about }) => about.token)).not.toContain('c');
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });

  it.each(['cancel', 'break', 'destroy'] as const)(
    'a connection that ends meanwhile (%s) waits for no answer',
    async (how) => {
      const made = world();
      mint(made, 'a', HOUR_MS);
      const client = await arrived(made, 'a');
      const held = made.gate.holdCallers();
      client.authenticate('b');
      client.authenticate('c');
      await made.clock.settle();
      if (how === 'destroy') made.server.destroy();
      else client.connection[how]();
      await made.clock.settle();
      expect(made.gate.identified[1]?.signal.aborted).toBe(true);
      expect(leftOf(made)).toEqual(NOTHING_LEFT);
      held[0]?.resolve(identityOf('ann', { expiresAtMs: made.clock.wallNow() + HOUR_MS }));
      await made.clock.settle();
      expect(made.gate.identified).toHaveLength(2);
      expect(leftOf(made)).toEqual(NOTHING_LEFT);
      expect(made.metrics.auth.tokensRefreshed).toBe(0);
    },
  );

  it('where the first answer is no, what came behind it is not asked', async () => {
    const made = world();
    mint(made, 'a');
    const client = await arrived(made, 'a');
    const held = made.gate.holdCallers();
    client.authenticate('b');
    client.authenticate('c');
    await made.clock.settle();
    held[0]?.reject(new SluiceError('TOKEN_EXPIRED', 'it expired at noon'));
    await made.clock.settle();
    expect(client.end).toBe('TOKEN_EXPIRED');
    expect(made.gate.identified).toHaveLength(2);
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });

  it('is not served where no tokens are taken: an Error', async () => {
    const made = world();
    made.gate.takesTokens = false;
    const client = new GatedClient(made, { metadata: { 'x-client-id': 'ann' } });
    client.authenticate('b');
    await made.clock.settle();
    expect(client.words()).toEqual(['welcome', 'error INVALID_MESSAGE']);
    expect(made.gate.identified).toHaveLength(1);
    await expectNothingLeft(made);
  });

  it('of a client that showed no token before: it may, where it is the same', async () => {
    const made = world();
    mint(made, 'a', 2 * NOTICE_MS);
    const client = new GatedClient(made, { metadata: { 'x-client-id': 'ann' } });
    client.authenticate('a');
    await made.clock.settle();
    expect(client.words()).toEqual(['welcome', 'welcome']);
    await made.clock.advanceAsync(NOTICE_MS);
    expect(client.words().at(-1)).toBe('throttle');
    await expectNothingLeft(made);
  });
});

describe('a token that expires', () => {
  it('is told of before, holds through the grace, and then ends its connection', async () => {
    const made = world();
    mint(made, 'a', HOUR_MS);
    const client = await arrived(made, 'a');
    await made.clock.advanceAsync(HOUR_MS - NOTICE_MS - 1);
    expect(client.words()).toEqual(['welcome']);
    await made.clock.advanceAsync(1);
    expect(client.controls('throttle')).toMatchObject([{ scope: 'token', retryAfterMs: NOTICE_MS }]);
    await made.clock.advanceAsync(NOTICE_MS + GRACE_MS - 1);
    client.send(text('s', 'still here'));
    await made.clock.settle();
    expect(client.words()).toEqual(['welcome', 'throttle', 'data still here']);
    await made.clock.advanceAsync(1);
    expect(client.end).toBe('TOKEN_EXPIRED');
    expect(client.endMessage).toContain('auth.expiryGrace');
    expect(made.metrics.auth.tokensExpired).toBe(1);
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });

  it('and lives shorter than the notice, is told of when half of it is over', async () => {
    const made = world();
    mint(made, 'a', 10_000);
    const client = new GatedClient(made, { metadata: { authorization: 'Bearer a' } });
    await made.clock.advanceAsync(4_999);
    expect(client.words()).toEqual(['welcome']);
    await made.clock.advanceAsync(1);
    expect(client.words()).toEqual(['welcome', 'throttle']);
    expect(client.controls('throttle')[0]?.retryAfterMs).toBe(5_000);
    await made.clock.advanceAsync(5_000 + GRACE_MS);
    expect(client.end).toBe('TOKEN_EXPIRED');
  });

  it('without a notice, where that is off', async () => {
    const made = world({ settings: { expiryNoticeMs: 0 } });
    mint(made, 'a', HOUR_MS);
    const client = await arrived(made, 'a');
    await made.clock.advanceAsync(HOUR_MS + GRACE_MS - 1);
    expect([client.words(), client.end]).toEqual([['welcome'], undefined]);
    await made.clock.advanceAsync(1);
    expect(client.end).toBe('TOKEN_EXPIRED');
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });

  it('and is renewed, in its grace too, begins anew: notice, grace, end', async () => {
    const made = world();
    mint(made, 'a', HOUR_MS);
    const client = await arrived(made, 'a');
    await made.clock.advanceAsync(HOUR_MS + GRACE_MS - 1);
    mint(made, 'b', HOUR_MS);
    client.authenticate('b');
    await made.clock.settle();
    expect(client.words()).toEqual(['welcome', 'throttle', 'welcome']);
    await made.clock.advanceAsync(HOUR_MS - NOTICE_MS);
    expect(client.controls('throttle')).toHaveLength(2);
    await made.clock.advanceAsync(NOTICE_MS + GRACE_MS - 1);
    expect(client.end).toBeUndefined();
    await made.clock.advanceAsync(1);
    expect(client.end).toBe('TOKEN_EXPIRED');
    expect(made.metrics.auth).toMatchObject({ tokensRefreshed: 1, tokensExpired: 1 });
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });

  it('and is renewed by one that holds for good, is watched no more', async () => {
    const made = world();
    mint(made, 'a', HOUR_MS);
    mint(made, 'b');
    const client = await arrived(made, 'a');
    client.authenticate('b');
    await made.clock.advanceAsync(2 * HOUR_MS);
    expect(made.clock.activeTimers).toBe(0);
    expect([client.words(), client.end]).toEqual([['welcome', 'welcome'], undefined]);
    await expectNothingLeft(made);
  });

  it('in years, is not told of today', async () => {
    const made = world();
    mint(made, 'a', 100 * YEAR_MS);
    const client = await arrived(made, 'a');
    await made.clock.advanceAsync(3 * 24 * HOUR_MS);
    expect([client.words(), client.end]).toEqual([['welcome'], undefined]);
    await expectNothingLeft(made);
  });

  it('by a wall clock that was set back, ends no sooner', async () => {
    const made = world();
    mint(made, 'a', HOUR_MS);
    const client = await arrived(made, 'a');
    await made.clock.advanceAsync(HOUR_MS / 2);
    made.clock.setWallBy(-HOUR_MS / 2);
    await made.clock.advanceAsync(HOUR_MS / 2 + GRACE_MS);
    expect([client.words(), client.end]).toEqual([['welcome'], undefined]);
    await made.clock.advanceAsync(HOUR_MS / 2 - GRACE_MS - NOTICE_MS);
    expect(client.words()).toEqual(['welcome', 'throttle']);
    await made.clock.advanceAsync(NOTICE_MS + GRACE_MS);
    expect(client.end).toBe('TOKEN_EXPIRED');
  });

  it('by a wall clock that was set forward, or went on while the machine slept, is noticed within minutes', async () => {
    const made = world();
    mint(made, 'a', 10 * HOUR_MS);
    const client = await arrived(made, 'a');
    made.clock.setWallBy(12 * HOUR_MS);
    await made.clock.advanceAsync(2 * 60_000);
    expect(client.words()).toEqual(['welcome', 'throttle']);
    expect(client.controls('throttle')[0]?.retryAfterMs).toBe(0);
    expect(client.end).toBe('TOKEN_EXPIRED');
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });
});

describe('a client certificate that expires', () => {
  const certificate = (made: GatedWorld, livesMs: number): ClientCertificate => ({
    commonName: 'ann',
    dnsNames: [],
    uris: [],
    expiresAtMs: made.clock.wallNow() + livesMs,
    thumbprint: 'x',
  });

  async function shown(livesMs: number) {
    const made = world();
    made.gate.onIdentify = ({ certificate: of }) =>
      identityOf('ann', { method: 'certificate', expiresAtMs: of?.expiresAtMs });
    const client = new GatedClient(made, { certificate: certificate(made, livesMs) });
    await made.clock.settle();
    return { made, client };
  }

  it('its client is told to connect anew, and is served until it does', async () => {
    const { made, client } = await shown(HOUR_MS);
    client.send(controlMessage(openOf(), 's'), dataMessage({ sessionId: 's', sequence: 1 }));
    await made.clock.advanceAsync(HOUR_MS - NOTICE_MS);
    expect(client.controls('drain')).toMatchObject([{ deadlineMs: NOTICE_MS + GRACE_MS }]);
    expect(client.controls('drain')[0]?.reason).toMatch(/^connection: /);
    // It has not acknowledged what came: nobody is sent away over that.
    client.send(dataMessage({ sessionId: 's', sequence: 2 }));
    await made.clock.advanceAsync(NOTICE_MS + GRACE_MS - 1);
    expect(client.end).toBeUndefined();
    expect(client.words('s')).toEqual(['opened', 'data 1:', 'data 2:']);
    await made.clock.advanceAsync(1);
    expect(client.end).toBe('TOKEN_EXPIRED');
    expect(made.server.windowed.detached.size).toBe(1);
    await expectNothingLeft(made);
  });

  it('a client that is quiet is let go sooner, and is told what is wrong', async () => {
    const { made, client } = await shown(HOUR_MS);
    await made.clock.advanceAsync(HOUR_MS - NOTICE_MS);
    expect(client.words()).toEqual(['welcome', 'drain']);
    await made.clock.advanceAsync(5_000);
    expect(client.end).toBe('TOKEN_EXPIRED');
    expect(client.endMessage).toContain('expires at');
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });

  it('who comes back with the same certificate is not sent round in circles', async () => {
    const { made, client } = await shown(NOTICE_MS);
    await made.clock.advanceAsync(NOTICE_MS + GRACE_MS - 1);
    expect([client.words(), client.end]).toEqual([['welcome'], undefined]);
    await made.clock.advanceAsync(1);
    expect(client.end).toBe('TOKEN_EXPIRED');
    expect(leftOf(made)).toEqual(NOTHING_LEFT);
  });
});
