/** Tokens: asked for before each connection, and renewed within it. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ClientError } from '../../../../src/client/client-error.js';
import type { ClientEvent } from '../../../../src/client/client-event.js';
import type { ClientOptions } from '../../../../src/client/client-options.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { AuthFiles, staticTokens } from '../../../helpers/auth-calls.js';
import { ClientWorld } from '../../../helpers/client-world.js';

const LIFETIME_S = 60;

/** The latest end of a token, in seconds of the test's time. */
const LAST_S = 600;

/**
 * A world whose gateway believes tokens of a file, one for each second in which
 * one may end. (Signed ones are verified on other threads, whose time no test moves.)
 */
class TokenWorld {
  readonly #files = new AuthFiles();
  readonly #startMs = new FakeClock().wallNow();
  readonly #tokens = Array.from({ length: LAST_S }, () => randomBytes(32).toString('base64url'));
  readonly world = new ClientWorld({
    settings: {
      'auth.methods': 'static',
      'auth.static.file': this.#files.write('tokens.json', this.#file()),
      'auth.expiryNotice': '20s',
      'auth.expiryGrace': '5s',
      'session.idleTimeout': 0,
    },
  });
  /** How many were given. */
  made = 0;

  #file(): string {
    return staticTokens(
      ...this.#tokens.map((token, second) => ({
        token,
        subject: 'ann',
        expires: new Date(this.#startMs + second * 1_000).toISOString(),
      })),
    );
  }

  token(lifetimeS = LIFETIME_S): string {
    this.made += 1;
    const end = Math.floor((this.world.clock.wallNow() - this.#startMs) / 1_000) + lifetimeS;
    return this.#tokens[end]!;
  }

  client(options: ClientOptions): ReturnType<ClientWorld['client']> {
    return this.world.client(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
    this.#files[Symbol.dispose]();
  }
}

const count = (events: readonly ClientEvent[], kind: ClientEvent['kind']): number =>
  events.filter((event) => event.kind === kind).length;

describe('a token', () => {
  it('from a function is renewed over five lifetimes, and nothing stops', async () => {
    await using tokens = new TokenWorld();
    const { world } = tokens;
    const { client, events } = tokens.client({ token: async () => tokens.token(), sessionsPerStream: 1 });
    const sessions = [await world.run(client.open('echo')), await world.run(client.open('echo'))];
    expect(client.clientId).toBe('ann');
    const begin = world.clock.now();
    let sent = 0;
    while (world.clock.now() - begin < 5 * LIFETIME_S * 1_000) {
      for (const session of sessions) {
        await world.run(session.send(String(sent)));
        expect((await world.run(session.receive()))?.text).toBe(String(sent));
      }
      sent += 1;
      await world.clock.advanceAsync(500);
    }
    expect(count(events, 'connected')).toBe(2);
    expect(count(events, 'disconnected')).toBe(0);
    // Both streams, with one token for both.
    expect(count(events, 'token-renewed')).toBeGreaterThanOrEqual(2 * 5);
    expect(tokens.made).toBeLessThanOrEqual(8);
    expect(world.place.gateway.metrics.auth.tokensExpired).toBe(0);
  });

  it('is renewed when three quarters of the notice are over, not at once', async () => {
    await using tokens = new TokenWorld();
    const { world } = tokens;
    const askedAt: number[] = [];
    const { client } = tokens.client({
      token: () => {
        askedAt.push(world.clock.now());
        return tokens.token();
      },
    });
    await world.run(client.open('echo'));
    await world.clock.advanceAsync((LIFETIME_S - 20) * 1_000 + 15_000 - 1_000);
    expect(askedAt).toHaveLength(1);
    await world.clock.advanceAsync(2_000);
    expect(askedAt).toHaveLength(2);
  });

  it('that can not be had for a while is asked for again, and told', async () => {
    await using tokens = new TokenWorld();
    const { world } = tokens;
    let isDown = false;
    const { client, events } = tokens.client({
      token: async () => {
        if (isDown) throw new Error('the issuer is down');
        return tokens.token();
      },
    });
    const session = await world.run(client.open('echo'));
    isDown = true;
    await world.clock.advanceAsync((LIFETIME_S - 5 + 3) * 1_000);
    expect(count(events, 'token-failed')).toBeGreaterThan(2);
    const failed = events.find((event) => event.kind === 'token-failed');
    expect(failed).toMatchObject({
      error: { code: 'TOKEN_SOURCE', cause: { message: 'the issuer is down' } },
    });
    isDown = false;
    await world.clock.advanceAsync(10_000);
    expect(count(events, 'token-renewed')).toBe(1);
    expect(count(events, 'disconnected')).toBe(0);
    await world.run(session.sendAndWait('still here'));
  });

  it('that expires ends the connection, not the session, where a fresh one can be had later', async () => {
    await using tokens = new TokenWorld();
    const { world } = tokens;
    let isDown = false;
    const { client, events } = tokens.client({
      token: async () => {
        if (isDown) throw new Error('the issuer is down');
        return tokens.token();
      },
    });
    const session = await world.run(client.open('echo'));
    isDown = true;
    await world.until(() => count(events, 'disconnected') > 0, 100_000);
    expect(events.find(({ kind }) => kind === 'disconnected')).toMatchObject({
      error: { code: 'TOKEN_EXPIRED' },
    });
    isDown = false;
    await world.run(session.sendAndWait('back'));
    expect(client.sessions).toBe(1);
  });

  it('that is refused ends everything, where it is a text', async () => {
    await using tokens = new TokenWorld();
    const { world } = tokens;
    const wrong = 'wrong-and-a-secret';
    const { client, events } = tokens.client({ token: wrong });
    const error: unknown = await world.run(client.open('echo').catch((reason: unknown) => reason));
    expect(error).toBeInstanceOf(ClientError);
    expect(error).toMatchObject({ code: 'UNAUTHENTICATED', retry: 'never' });
    expect(count(events, 'connecting')).toBe(1);
    expect(JSON.stringify([events, error, String(error)])).not.toContain(wrong);
  });

  it('that is refused is asked for once more, where it is a function', async () => {
    await using tokens = new TokenWorld();
    const { world } = tokens;
    let asked = 0;
    const { client } = tokens.client({
      token: () => {
        asked += 1;
        return asked === 1 ? 'stale' : tokens.token();
      },
    });
    await world.run(client.open('echo'));
    expect(asked).toBe(2);
    const other = tokens.client({ token: () => 'stale' });
    await expect(world.run(other.client.open('echo'))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(count(other.events, 'connecting')).toBe(2);
  });

  it('that is none is a failure of the function, told without it', async () => {
    await using tokens = new TokenWorld();
    const { world } = tokens;
    const tellTale = 'my secret\nwith a line';
    for (const given of [undefined, null, 7, '', tellTale]) {
      const { client, events } = tokens.client({ token: () => given as string, openTimeoutMs: 0 });
      const error: unknown = await world.run(client.open('echo').catch((reason: unknown) => reason));
      expect(error).toMatchObject({ code: 'TOKEN_SOURCE', retry: 'backoff' });
      expect(JSON.stringify([events, String(error)])).not.toContain('my secret');
    }
  });

  it('that takes too long is given up, and the function is told', async () => {
    await using tokens = new TokenWorld();
    const { world } = tokens;
    const reasons: unknown[] = [];
    const { client } = tokens.client({
      token: (signal) =>
        new Promise(() => {
          signal.addEventListener('abort', () => reasons.push(signal.reason));
        }),
      connectTimeoutMs: 1_000,
      openTimeoutMs: 0,
    });
    await expect(world.run(client.open('echo'))).rejects.toMatchObject({
      code: 'TOKEN_SOURCE',
      message: 'The function that gives the token took longer than 1000 ms.',
    });
    expect(reasons).toHaveLength(1);
    // Closed while it is asked: it is told as well.
    const opening = client.open('echo').catch((error: unknown) => error);
    await world.clock.advanceAsync(100);
    await world.run(client.close());
    expect(reasons).toHaveLength(2);
    expect(await opening).toMatchObject({ code: 'CLOSED' });
  });

  it('that is missing is said to be, soon', async () => {
    await using tokens = new TokenWorld();
    const { world } = tokens;
    const { client } = tokens.client({});
    const begin = world.clock.now();
    await expect(world.run(client.open('echo'))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(world.clock.now() - begin).toBeLessThan(2_000);
  });

  it('of a lifetime shorter than the notice does not make a mill of it', async () => {
    await using tokens = new TokenWorld();
    const { world } = tokens;
    const { client, events } = tokens.client({ token: () => tokens.token(8) });
    await world.run(client.open('echo'));
    await world.clock.advanceAsync(80_000);
    expect(tokens.made).toBeLessThan(20);
    expect(count(events, 'disconnected')).toBe(0);
  });
});
