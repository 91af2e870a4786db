/** Pushes over HTTP to the sessions of a client: who may, to which, and what becomes of them. */
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { type Client, connect, type ConnectOptions } from '../../src/client/index.js';
import { RawHttp, startEdge } from '../helpers/edge-world.js';
import type { GatewayUnderTest } from '../helpers/gateway.js';
import { TemporaryFile } from '../helpers/temporary-file.js';

interface Answer {
  readonly sent?: number;
  readonly failed?: readonly { readonly session: string; readonly code: string; readonly message: string }[];
  readonly error?: { readonly code: string; readonly message: string };
}

const TOKENS: Readonly<Record<string, readonly string[]>> = {
  backend: ['push:*'],
  echoes: ['push:echo/*'],
  everything: ['*'],
  ann: ['*'],
};

let tokens: TemporaryFile;
let under: GatewayUnderTest;
beforeEach(async () => {
  const entries = Object.entries(TOKENS).map(([subject, permissions]) => ({
    sha256: createHash('sha256').update(`token of ${subject}`.replaceAll(' ', '-')).digest('hex'),
    subject,
    permissions,
  }));
  tokens = new TemporaryFile(JSON.stringify({ tokens: entries }));
  under = await startEdge({
    'auth.methods': 'static',
    'auth.static.file': tokens.path,
    'stream.sendTimeout': '100ms',
    'stream.flowControlDelay': '10ms',
    'session.waitingMessages': 1,
    'session.windowMessages': 64,
  });
});
afterEach(async () => {
  await under[Symbol.asyncDispose]();
  tokens[Symbol.dispose]();
});

const tokenOf = (subject: string): string => `token-of-${subject}`;

function client(options: ConnectOptions = {}): Client {
  return connect(under.address, { token: tokenOf('ann'), ...options });
}

async function push(
  path: string,
  as: string | undefined,
  body = 'hi',
  headers = {},
): Promise<[number, Answer]> {
  const authorization = as === undefined ? {} : { authorization: `Bearer ${tokenOf(as)}` };
  const response = await fetch(`${under.edge}/v1/clients/${path}`, {
    method: 'POST',
    body,
    headers: { ...authorization, ...headers },
  });
  return [response.status, (await response.json()) as Answer];
}

describe('a push', () => {
  it('goes to all sessions of a client, to those of a route, to one', async () => {
    await using ann = client();
    const first = await ann.open('echo', { subject: 'a', id: 'first' });
    const second = await ann.open('news', { subject: 'b', id: 'second' });
    expect(
      await push('ann/messages', 'backend', 'all', { 'x-meta-n': '1', 'content-type': 'text/plain' }),
    ).toEqual([200, { sent: 2, failed: [] }]);
    const heard = await first.receive();
    expect(heard?.text).toBe('all');
    expect(Object.fromEntries(heard?.metadata ?? [])).toMatchObject({ n: '1', 'content-type': 'text/plain' });
    expect((await second.receive())?.text).toBe('all');
    expect(await push('ann/messages?route=echo&subject=a', 'backend')).toEqual([
      200,
      { sent: 1, failed: [] },
    ]);
    expect((await first.receive())?.text).toBe('hi');
    expect(await push('ann/sessions/second/messages', 'backend', 'two')).toEqual([
      200,
      { sent: 1, failed: [] },
    ]);
    expect((await second.receive())?.text).toBe('two');
  });

  it('to nobody is 404, and says that it speaks of this gateway', async () => {
    expect(await push('nobody/messages', 'backend')).toEqual([
      404,
      {
        error: {
          code: 'UNKNOWN_SESSION',
          message: 'client "nobody" has no open session on this gateway that this caller may push to',
        },
      },
    ]);
    const [status, { error }] = await push('a%2fb%20c/sessions/x%2Fy/messages?route=r', 'backend');
    expect([status, error?.message]).toEqual([
      404,
      'client "a/b c" has no open session "x/y" of route "r" on this gateway that this caller may push to',
    ]);
  });

  it('takes no idempotency-key, and no filter that means nothing', async () => {
    expect((await push('ann/messages', 'backend', 'x', { 'idempotency-key': '1' }))[1].error?.message).toBe(
      'a push takes no idempotency-key: sent again it arrives again',
    );
    expect((await push('ann/messages?rout=echo', 'backend'))[0]).toBe(400);
  });

  it('to a session that takes nothing fails for that session, in time', async () => {
    await using ann = client();
    const session = await ann.open('echo', { id: 'slow' });
    session.pause();
    let outcome: Answer = {};
    for (let n = 0; n < 200 && (outcome.failed?.length ?? 0) === 0; n += 1) {
      [, outcome] = await push('ann/messages', 'backend');
    }
    expect(outcome).toMatchObject({ sent: 0, failed: [{ session: 'slow', code: 'SLOW_CONSUMER' }] });
    expect(outcome.failed?.[0]?.message).toContain('stream.sendTimeout');
  });
});

describe('who may not push', () => {
  test.each([
    [undefined, 401, 'UNAUTHENTICATED'],
    ['wrong', 401, 'UNAUTHENTICATED'],
    // Everything is not that: what is let in by default may be anybody.
    ['everything', 403, 'PERMISSION_DENIED'],
  ])('%s: %i', async (as, status, code) => {
    await using ann = client();
    await ann.open('echo');
    for (const path of ['ann/messages', 'nobody/messages', 'ann/sessions/x/messages']) {
      const [got, { error }] = await push(path, as);
      expect([got, error?.code]).toEqual([status, code]);
    }
  });

  it('who may push to some sessions does not learn of others', async () => {
    await using ann = client();
    await ann.open('news', { subject: 'b' });
    const absent = await push('nobody/messages', 'echoes');
    const hidden = await push('ann/messages', 'echoes');
    expect(JSON.stringify(hidden).replace('ann', 'nobody')).toEqual(JSON.stringify(absent));
    expect((await push('ann/messages?route=news&subject=b', 'echoes'))[1].error?.message).toBe(
      'permission push:news/b is missing',
    );
    await ann.open('echo', { subject: 'a' });
    expect(await push('ann/messages', 'echoes')).toEqual([200, { sent: 1, failed: [] }]);
  });

  it('the body of who may not is not read', async () => {
    await using raw = new RawHttp(under.edge);
    raw.say(
      'POST /v1/clients/ann/messages HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 99999\r\n\r\n',
    );
    const answer = await raw.closed;
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(answer).toMatch(/www-authenticate: Bearer/i);
  });
});
