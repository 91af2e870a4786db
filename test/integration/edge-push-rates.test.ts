/** Pushes over HTTP under the rate limits of the configuration, and what operators see of both. */
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { connect } from '../../src/client/index.js';
import { startEdge } from '../helpers/edge-world.js';
import type { GatewayUnderTest, Settings } from '../helpers/gateway.js';
import { TemporaryFile } from '../helpers/temporary-file.js';

interface Totals {
  readonly pushes: object;
  readonly rateLimits: readonly object[];
}

const SUBJECTS = ['backend', 'other', 'ann'];

let left: (Disposable | AsyncDisposable)[] = [];
afterEach(async () => {
  for (const each of left) {
    if (Symbol.dispose in each) each[Symbol.dispose]();
    else await each[Symbol.asyncDispose]();
  }
  left = [];
});

const tokenOf = (subject: string): string => `token-of-${subject}`;

async function start(rateLimits: object, settings: Settings = {}): Promise<GatewayUnderTest> {
  const tokens = new TemporaryFile(
    JSON.stringify({
      tokens: SUBJECTS.map((subject) => ({
        sha256: createHash('sha256').update(tokenOf(subject)).digest('hex'),
        subject,
        permissions: ['*', 'push:*'],
      })),
    }),
  );
  left.unshift(tokens);
  const under = await startEdge({
    'auth.methods': 'static',
    'auth.static.file': tokens.path,
    rateLimits: JSON.stringify(rateLimits),
    ...settings,
  });
  left.unshift(under);
  return under;
}

function post({ edge }: GatewayUnderTest, path: string, as: string, body = 'x'): Promise<Response> {
  return fetch(`${edge}/v1/${path}`, {
    method: 'POST',
    body,
    headers: { authorization: `Bearer ${tokenOf(as)}` },
  });
}

async function statusOf(answer: Promise<Response>): Promise<number> {
  const { status, body } = await answer;
  await body?.cancel();
  return status;
}

describe('a push under a rate limit', () => {
  it('is counted with what its caller publishes, answers how it stands, and is refused over the rate', async () => {
    const under = await start({
      few: { messages: 3, bytes: '1KiB', per: '1h' },
      // It is for publications alone.
      news: { messages: 1, per: '1h', routes: ['news'] },
    });
    await using ann = connect(under.address, { token: tokenOf('ann') });
    const session = await ann.open('echo');
    expect(await statusOf(post(under, 'topics/news/tea', 'backend'))).toBe(200);
    expect(await statusOf(post(under, 'clients/nobody/messages', 'backend'))).toBe(404);
    const last = await post(under, 'clients/ann/messages', 'backend', 'x'.repeat(100));
    expect(last.status).toBe(200);
    expect(last.headers.get('ratelimit-policy')).toBe(
      '"few";q=3;w=3600, "few-bytes";q=1024;qu="content-bytes";w=3600',
    );
    expect(last.headers.get('ratelimit')).toMatch(/^"few";r=0;t=\d+, "few-bytes";r=8\d\d;t=\d+$/);
    expect(await last.json()).toEqual({ sent: 1, failed: [] });
    expect((await session.receive())?.text.length).toBe(100);

    const refused = await post(under, 'clients/ann/messages', 'backend');
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(1_000);
    expect(refused.headers.get('ratelimit')).toMatch(/^"few";r=0;t=\d+, "few-bytes";r=8\d\d;t=\d+$/);
    const { error } = (await refused.json()) as { readonly error: { code: string; message: string } };
    expect(error.code).toBe('RATE_LIMITED');
    expect(error.message).toMatch(/^client "backend" is over rate limit "few", 3 messages and 1024 bytes/);
    expect(await statusOf(post(under, 'clients/ann/messages', 'other'))).toBe(200);

    const totals = (await (await fetch(`${under.admin}/totals`)).json()) as Totals;
    expect(totals.pushes).toEqual({
      underWay: 0,
      ended: { UNKNOWN_SESSION: 1, OK: 2, RATE_LIMITED: 1 },
      sessions: { OK: 2 },
    });
    expect(totals.rateLimits).toMatchObject([
      { limit: 'few', allowed: 4, refused: 1, keys: 2 },
      { limit: 'news', allowed: 1, refused: 0 },
    ]);
    const exposition = await (await fetch(`${under.admin}/metrics`)).text();
    for (const line of [
      'sluice_pushes 0',
      'sluice_pushes_total{code="OK"} 2',
      'sluice_pushes_total{code="RATE_LIMITED"} 1',
      'sluice_push_sessions_total{code="OK"} 2',
      'sluice_push_sessions_total{code="SLOW_CONSUMER"} 0',
      'sluice_rate_limit_total{limit="few",result="refused"} 1',
      'sluice_connections_rejected_total{code="RATE_LIMITED"} 1',
    ]) {
      expect(exposition.split('\n')).toContain(line);
    }
    expect(under.log.filter(({ message }) => message === 'requests refused')).toMatchObject([
      { fields: { code: 'RATE_LIMITED' } },
    ]);
  });

  it.each([[['address']], [[]]])('holds all callers together by %j', async (by) => {
    const under = await start({ few: { messages: 1, per: '1h', by } });
    expect(await statusOf(post(under, 'clients/nobody/messages', 'backend'))).toBe(404);
    expect(await statusOf(post(under, 'clients/nobody/messages', 'other'))).toBe(429);
  });

  it('is counted apart from publications where routes are', async () => {
    const under = await start({ few: { messages: 1, per: '1h', by: ['route'] } });
    expect(await statusOf(post(under, 'topics/news/tea', 'backend'))).toBe(200);
    expect(await statusOf(post(under, 'clients/nobody/messages', 'backend'))).toBe(404);
    expect(await statusOf(post(under, 'topics/news/tea', 'backend'))).toBe(429);
    const refused = await post(under, 'clients/nobody/messages', 'backend');
    expect(await refused.json()).toMatchObject({
      error: { code: 'RATE_LIMITED', message: expect.stringMatching(/^what is pushed is over/) as string },
    });
  });

  it('ends with its caller, and makes room where there is none, while it is held', async () => {
    const under = await start(
      { few: { messages: 1, per: '1h', callDelay: '1h' } },
      { 'memory.budget': '64KiB', 'memory.shedAfter': '100ms' },
    );
    await using ann = connect(under.address, { token: tokenOf('ann') });
    const session = await ann.open('echo');
    for (const as of ['backend', 'other']) {
      expect(await statusOf(post(under, 'clients/ann/messages', as, `first of ${as}`))).toBe(200);
      expect((await session.receive())?.text).toBe(`first of ${as}`);
    }
    const large = await post(under, 'clients/ann/messages', 'other', 'x'.repeat(70_000));
    expect(large.status).toBe(503);
    expect(await large.json()).toMatchObject({ error: { code: 'OVERLOADED' } });

    const held = post(under, 'clients/ann/messages', 'backend', 'held');
    const totals = async () => (await (await fetch(`${under.admin}/totals`)).json()) as Totals;
    await expect.poll(totals).toMatchObject({ rateLimits: [{ waiting: 1 }] });
    const revoked = await fetch(`${under.admin}/revocations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ subject: 'backend' }),
    });
    expect(await revoked.json()).toMatchObject({ connectionsEnded: 0, callsEnded: 1 });
    const refused = await held;
    expect(refused.status).toBe(401);
    expect(await refused.json()).toMatchObject({ error: { code: 'UNAUTHENTICATED' } });
    expect(await statusOf(post(under, 'clients/ann/messages', 'ann', 'last'))).toBe(200);
    expect((await session.receive())?.text).toBe('last');
  });
});
