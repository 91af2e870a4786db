/** The HTTP edge: what is published, what is followed, and what is refused, over real sockets. */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { SystemClock } from '../../src/core/clock.js';
import { serveEdge } from '../helpers/edge-server.js';
import { Following, RawHttp, startEdge } from '../helpers/edge-world.js';
import type { GatewayUnderTest } from '../helpers/gateway.js';

interface Said {
  readonly sequence: string;
  readonly subscribers: number;
  readonly duplicate: boolean;
}

interface Refused {
  readonly error: { readonly code: string; readonly message: string; readonly retryAfterMs?: number };
}

/** Time that may jump; its timers do not. */
class SkewedClock extends SystemClock {
  aheadMs = 0;

  override now(): number {
    return super.now() + this.aheadMs;
  }
}

let under: GatewayUnderTest;
let edge: string;
beforeEach(async () => {
  under = await startEdge({ 'server.maxMessageSize': '64KiB', 'edge.origins': 'https://chat.example' });
  ({ edge } = under);
});
afterEach(() => under[Symbol.asyncDispose]());

const post = (path: string, body: string | Uint8Array<ArrayBuffer> = 'x', headers = {}): Promise<Response> =>
  fetch(`${edge}${path}`, { method: 'POST', body, headers });

async function publish(topic: string, body?: string | Uint8Array<ArrayBuffer>, headers = {}): Promise<Said> {
  const response = await post(`/v1/topics/${topic}`, body, headers);
  expect(response.status).toBe(200);
  return (await response.json()) as Said;
}

async function refused(response: Response): Promise<[number, string, string]> {
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  const { error } = (await response.json()) as Refused;
  return [response.status, error.code, error.message];
}

/** A topic of one test alone. */
const fresh = (): string => `news/${randomUUID()}`;

describe('publish and follow', () => {
  it('what is published is an event of those who follow, and nothing is missed between two of them', async () => {
    const topic = fresh();
    let lastEventId: string;
    {
      await using first = await Following.at(`${edge}/v1/topics/${topic}/tennis`);
      expect(first.response.headers.get('content-type')).toBe('text/event-stream');
      expect(first.response.headers.get('cache-control')).toBe('no-store');
      expect(first.response.headers.get('x-accel-buffering')).toBe('no');
      expect(first.parser.retryMs).toBe(3_000);
      const said = await publish(`${topic}/tennis`, 'one\ntwo');
      expect(said).toEqual({ sequence: expect.any(String) as string, subscribers: 1, duplicate: false });
      expect(await first.next()).toEqual({ event: 'message', data: 'one\ntwo', lastEventId: said.sequence });
      ({ lastEventId } = first.parser);
    }
    await publish(`${topic}%2Ftennis`, 'three', {
      'content-type': 'text/plain',
      'x-meta-who': Buffer.from('Zoë').toString('latin1'),
      'x-key': 'k',
    });
    await using second = await Following.at(`${edge}/v1/topics/${topic}/tennis?encoding=json`, {
      'last-event-id': lastEventId,
    });
    expect(JSON.parse((await second.next()).data)).toMatchObject({
      data: 'three',
      key: 'k',
      metadata: { 'content-type': 'text/plain', who: 'Zoë' },
    });
  });

  it('who has followed a topic where nothing was said misses nothing either', async () => {
    const topic = fresh();
    // A topic that nobody follows, and that holds nothing, is forgotten.
    await using _other = await Following.at(`${edge}/v1/topics/${topic}`);
    let lastEventId: string;
    {
      await using quiet = await Following.at(`${edge}/v1/topics/${topic}`);
      ({ lastEventId } = quiet.parser);
    }
    await publish(topic, 'first');
    await using again = await Following.at(`${edge}/v1/topics/${topic}?after=${lastEventId}`);
    expect((await again.next()).data).toBe('first');
  });

  it('bytes that are no text are an event of their own, or base64 where that is asked for; history', async () => {
    const topic = fresh();
    await publish(topic, new Uint8Array([0xff, 0, 1]));
    await using text = await Following.at(`${edge}/v1/topics/${topic}?history=1`);
    expect(await text.next()).toMatchObject({ event: 'binary', data: '/wAB' });
    await using base64 = await Following.at(`${edge}/v1/topics/${topic}?history=1&encoding=base64`);
    expect(await base64.next()).toMatchObject({ event: 'message', data: '/wAB' });
  });

  it('an empty body is a message without data', async () => {
    const topic = fresh();
    await publish(topic, '');
    await using following = await Following.at(`${edge}/v1/topics/${topic}?history=1`);
    expect(await following.next()).toMatchObject({ event: 'message', data: '' });
  });

  it.each(['key-1', '"key-1"'])('idempotency-key %s: the second time has no effect', async (key) => {
    const topic = fresh();
    const headers = { 'idempotency-key': key, 'x-client-id': 'ann' };
    const first = await publish(topic, 'once', headers);
    expect(await publish(topic, 'once', headers)).toEqual({ ...first, duplicate: true });
    const other = await refused(await post(`/v1/topics/${topic}`, 'other', headers));
    expect(other.slice(0, 2)).toEqual([400, 'INVALID_MESSAGE']);
  });

  test.each([
    ['a subject with everything in it', 'a b+c&d?e#f%g/..//h\\"<>\u00e9\u{1f600}'],
    ['a subject of dots', '..'],
    ['a subject that is a slash', '/'],
    ['a subject that looks encoded', '%2F%25'],
  ])('%s', async (_what, subject) => {
    const topic = `news/${encodeURIComponent(subject)}`.replace(/\/\.\.$/, '%2F%2E%2E');
    await using raw = new RawHttp(edge);
    raw.say(`GET /v1/topics/${topic}?encoding=json HTTP/1.1\r\nhost: x\r\n\r\n`);
    await raw.heard(/id: \d+\n\n/);
    await using other = new RawHttp(edge);
    other.say(`POST /v1/topics/${topic} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi`);
    expect(await other.heard(/duplicate":false\}/)).toContain('"subscribers":1');
    await raw.heard(/"data":"hi"/);
  });
});

describe('what is refused says why', () => {
  test.each([
    [
      'GET',
      '/nothing',
      404,
      'UNKNOWN_METHOD',
      'there is nothing at GET "/nothing"; /v1/openapi.json lists what there is',
    ],
    ['GET', '/v1/topics/nope/x', 404, 'UNKNOWN_ROUTE', 'no route "nope" is configured (routes)'],
    ['POST', '/v1/topics/nope/x', 404, 'UNKNOWN_ROUTE', 'no route "nope" is configured (routes)'],
    [
      'POST',
      '/v1/topics/echo/x',
      400,
      'INVALID_MESSAGE',
      /^route "echo" is of kind "echo", which has no topics/,
    ],
    ['POST', '/v1/topics/news', 400, 'INVALID_MESSAGE', /^topic "news" is not "route\/subject"/],
    ['POST', '/v1/topics/news/', 400, 'INVALID_MESSAGE', /^topic "news\/" has a subject/],
    ['POST', '/v1/topics/', 400, 'INVALID_MESSAGE', /^topic "" is not/],
    ['POST', '/v1/topics/news/%00', 400, 'INVALID_MESSAGE', /is not 1 to 128 printable characters$/],
    [
      'POST',
      `/v1/topics/news/${'a'.repeat(129)}`,
      400,
      'INVALID_MESSAGE',
      /is not 1 to 128 printable characters$/,
    ],
    ['GET', '/v1/topics/news/x?histry=1', 400, 'INVALID_MESSAGE', /histry|additional/],
    ['GET', '/v1/topics/news/x?history=-1', 400, 'INVALID_MESSAGE', /history must be >= 0/],
    ['GET', '/v1/topics/news/x?after=x', 400, 'INVALID_MESSAGE', /after must match/],
    ['GET', '/v1/topics/news/x?after=9999999999999999', 400, 'INVALID_MESSAGE', /2\^53 - 1/],
    [
      'GET',
      '/v1/topics/news/x?after=9007199254740991',
      400,
      'INVALID_MESSAGE',
      /is above \d+, the last of the topic/,
    ],
    ['GET', '/v1/topics/news/x?overflow=never', 400, 'INVALID_MESSAGE', /overflow/],
    ['GET', '/v1/topics/news/x?access_token=secret', 400, 'INVALID_MESSAGE', /edge\.queryToken/],
    ['GET', '/v1/topics/news/x?client_id=%01', 400, 'INVALID_MESSAGE', /client_id must match/],
    [
      'DELETE',
      '/v1/topics/news/x',
      405,
      'UNKNOWN_METHOD',
      'DELETE is not served here: GET, POST, OPTIONS are',
    ],
    ['HEAD', '/v1/topics/news/x', 405, '', ''],
    ['POST', '/v1/openapi.json', 405, 'UNKNOWN_METHOD', 'POST is not served here: GET, HEAD, OPTIONS are'],
    ['POST', '/v1/clients/ann/messages', 403, 'PERMISSION_DENIED', 'permission push:*/* is missing'],
  ] as const)('%s %s: %i', async (method, path, status, code, message) => {
    const response = await fetch(`${edge}${path}`, { method });
    if (method === 'HEAD') {
      expect(response.status).toBe(status);
      return;
    }
    const [gotStatus, gotCode, gotMessage] = await refused(response);
    expect([gotStatus, gotCode]).toEqual([status, code]);
    if (typeof message === 'string') expect(gotMessage).toBe(message);
    else expect(gotMessage).toMatch(message);
    expect(gotMessage).not.toContain('secret');
    if (status === 405) expect(response.headers.get('allow')).toMatch(/OPTIONS/);
  });

  test.each([
    ['x-ttl-ms', '-1', /x-ttl-ms is "-1"/],
    ['x-ttl-ms', '4294967296', /x-ttl-ms/],
    ['x-key', '\u00ff', /header x-key is not UTF-8/],
    ['x-client-id', '\u0000'.repeat(0) + 'a'.repeat(129), /not 1 to 128 printable/],
    ['idempotency-key', 'a'.repeat(129), /idempotency key .* is not 1 to 128/],
  ])('header %s: %s', async (name, value, message) => {
    const [status, code, said] = await refused(await post('/v1/topics/news/x', 'x', { [name]: value }));
    expect([status, code]).toEqual([400, 'INVALID_MESSAGE']);
    expect(said).toMatch(message);
  });

  it('more metadata than a message may have', async () => {
    const headers = Object.fromEntries(Array.from({ length: 70 }, (_, n) => [`x-meta-${n}`, 'x']));
    expect(await refused(await post('/v1/topics/news/x', 'x', headers))).toMatchObject([
      400,
      'INVALID_MESSAGE',
      expect.stringMatching(/metadata entries: it may have 64/),
    ]);
  });

  it('a body that is too large: before all of it has come, and the answer arrives', async () => {
    await using announced = new RawHttp(edge);
    announced.say('POST /v1/topics/news/x HTTP/1.1\r\nhost: x\r\ncontent-length: 10000000\r\n\r\n');
    expect(await announced.heard(/server\.maxMessageSize/)).toContain('413 Payload Too Large');
    await using chunked = new RawHttp(edge);
    chunked.say('POST /v1/topics/news/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n');
    chunked.say(`${(70_000).toString(16)}\r\n${'x'.repeat(70_000)}\r\n`);
    expect(await chunked.heard(/server\.maxMessageSize/)).toContain('413 Payload Too Large');
    await using expecting = new RawHttp(edge);
    expecting.say(
      'POST /v1/topics/news/x HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 10000000\r\n\r\n',
    );
    const answer = await expecting.closed;
    expect(answer).toMatch(/^HTTP\/1\.1 413/);
    expect(answer).not.toContain('100 Continue');
  });

  it('a body that was asked for, and gets too large: the rest is taken too, or the answer might not arrive', async () => {
    await using own = await serveEdge({ maxMessageBytes: 1_000 });
    await using raw = new RawHttp(own.base);
    raw.say(
      'POST /v1/topics/news/x HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n',
    );
    await raw.heard(/100 Continue/);
    raw.say(`${(2_000).toString(16)}\r\n${'x'.repeat(2_000)}\r\n`);
    await raw.heard(/413 Payload Too Large[^]*server\.maxMessageSize/);
    // For so long at most.
    expect(own.clock.activeTimers).toBe(1);
    raw.say('0\r\n\r\n');
    await raw.closed;
    // Nothing comes of one that was not asked for, and time stands still.
    await using unasked = new RawHttp(own.base);
    unasked.say(
      'POST /v1/topics/news/x HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2000\r\n\r\n',
    );
    expect(await unasked.closed).toMatch(/^HTTP\/1\.1 413/);
  });

  it('100-continue is said when the body is wanted', async () => {
    await using raw = new RawHttp(edge);
    raw.say(
      'POST /v1/topics/news/x HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n',
    );
    await raw.heard(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
    raw.say('hi');
    await raw.heard(/200 OK[^]*duplicate":false/);
  });

  it('an EventSource, which gives up at anything but 200, is told within the events where waiting helps', async () => {
    await using full = await startEdge({ 'pool.maxConnections': 1 });
    await using first = await Following.at(`${full.edge}/v1/topics/news/x`);
    expect(first.response.status).toBe(200);
    const plain = await fetch(`${full.edge}/v1/topics/news/x`);
    expect([plain.status, plain.headers.get('retry-after')]).toEqual([503, '5']);
    await plain.text();
    const told = await fetch(`${full.edge}/v1/topics/news/x`, { headers: { accept: 'text/event-stream' } });
    expect([told.status, told.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    expect(await told.text()).toMatch(
      /^retry: 5000\nevent: error\ndata: \{"code":"CONNECTION_LIMIT",.*\}\n\n$/,
    );
    const never = await fetch(`${edge}/v1/topics/nope/x`, { headers: { accept: 'text/event-stream' } });
    expect((await refused(never)).slice(0, 2)).toEqual([404, 'UNKNOWN_ROUTE']);
  });
});

describe('pages of other origins', () => {
  it('one that is listed may, and may read the answer', async () => {
    const response = await post('/v1/topics/news/x', 'x', { origin: 'https://chat.example' });
    expect(response.status).toBe(200);
    expect(response.headers.get('access-control-allow-origin')).toBe('https://chat.example');
    expect(response.headers.get('vary')).toBe('Origin');
    const preflight = await fetch(`${edge}/v1/topics/news/x`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://chat.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'X-Meta-A, x-evil, content-type',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-methods')).toBe('GET, POST, OPTIONS');
    const allowed = preflight.headers.get('access-control-allow-headers');
    expect(allowed).toMatch(/idempotency-key.*, x-meta-a$/);
    expect(allowed).not.toContain('x-evil');
  });

  it.each(['https://evil.example', 'null'])('%s may not, whatever it asks for', async (origin) => {
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      const response = await fetch(`${edge}/v1/topics/news/x`, { method, headers: { origin } });
      expect(response.headers.get('access-control-allow-origin')).toBeNull();
      expect(await refused(response)).toEqual([
        403,
        'PERMISSION_DENIED',
        `pages of origin "${origin}" may not use this gateway: edge.origins does not list it`,
      ]);
    }
  });
});

it('the operator hears of pages and callers that are not let in, not of mistakes', async () => {
  await using own = await startEdge();
  const headers = { origin: 'https://evil.example' };
  await fetch(`${own.edge}/v1/topics/news/x`, { headers });
  await using upgrade = new RawHttp(own.edge);
  upgrade.say(
    'GET /v1/stream HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\norigin: null\r\n\r\n',
  );
  await upgrade.closed;
  expect((await fetch(`${own.edge}/v1/clients/ann/messages`, { method: 'POST', body: 'x' })).status).toBe(
    403,
  );
  expect((await fetch(`${own.edge}/nothing`)).status).toBe(404);
  // By the call itself, which counts it.
  expect((await fetch(`${own.edge}/v1/topics/nope/x`, { method: 'POST', body: 'x' })).status).toBe(404);
  expect(Object.fromEntries(own.gateway.metrics.connectionsRejected)).toEqual({
    PERMISSION_DENIED: 3,
    UNKNOWN_ROUTE: 1,
  });
  expect(own.log.filter(({ message }) => message === 'requests refused')).toEqual([
    {
      level: 'info',
      message: 'requests refused',
      fields: {
        code: 'PERMISSION_DENIED',
        count: 1,
        peer: expect.stringMatching(/^127\.0\.0\.1:/) as string,
        reason:
          'pages of origin "https://evil.example" may not use this gateway: edge.origins does not list it',
      },
    },
  ]);
});

it('the counts of its log lines add up when it has stopped, whatever of a minute they were gathered in', async () => {
  const clock = new SkewedClock();
  const own = await startEdge({}, clock);
  const counts = (): unknown[] =>
    own.log.flatMap(({ message, fields }) =>
      message === 'requests refused' && 'count' in fields ? [fields.count] : [],
    );
  const refuse = async (times: number): Promise<void> => {
    const headers = { origin: 'https://evil.example' };
    for (let n = 0; n < times; n++) expect((await fetch(own.edge, { headers })).status).toBe(403);
  };
  try {
    await refuse(3);
    expect(counts()).toEqual([1]);
    clock.aheadMs = 60_001;
    expect((await fetch(`${own.edge}/v1/topics/news/x`, { method: 'POST', body: 'x' })).status).toBe(200);
    expect(counts()).toEqual([1, 2]);
    await refuse(4);
    expect(counts()).toEqual([1, 2]);
  } finally {
    await own[Symbol.asyncDispose]();
  }
  expect(counts()).toEqual([1, 2, 4]);
});

describe('what is no HTTP', () => {
  test.each([
    ['garbage', '\x16\x03\x01\x02\x00\x01\r\n\r\n', 400],
    ['no host', 'GET / HTTP/1.1\r\nconnection: close\r\n\r\n', 400],
    [
      'two lengths',
      'POST /v1/topics/news/x HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx',
      400,
    ],
    [
      'length and chunks',
      'POST /v1/topics/news/x HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['a header with LF in it', 'GET / HTTP/1.1\r\nhost: x\r\nx-meta-a: b\nc: d\r\n\r\n', 400],
    ['a header with CR in it', 'GET / HTTP/1.1\r\nhost: x\r\nx-meta-a: b\rc\r\n\r\n', 400],
    [
      'a bad chunk',
      'POST /v1/topics/news/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
      400,
    ],
    ['bad percent-encoding', 'GET /v1/topics/news/%zz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 400],
    [
      'percent-encoding that is no UTF-8',
      'GET /v1/topics/news/%ff HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
      400,
    ],
    [
      'an expectation that nobody here knows',
      'GET / HTTP/1.1\r\nhost: x\r\nexpect: 200-ok\r\nconnection: close\r\n\r\n',
      417,
    ],
    [
      'an expectation too many',
      'GET / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue, 200-ok\r\nconnection: close\r\n\r\n',
      417,
    ],
    ['headers that are too large', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(17_000)}\r\n\r\n`, 431],
    ['HTTP/2 where HTTP/1.1 is spoken', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ])('%s', async (_what, request, status) => {
    await using raw = new RawHttp(edge);
    raw.say(request);
    const answer = await raw.closed;
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as Refused;
    expect(body.error.code).toBe('INVALID_MESSAGE');
  });

  it('a topic with line ends can not add headers or events', async () => {
    const [, , message] = await refused(await post('/v1/topics/news/a%0d%0aset-cookie:%20x', 'x'));
    expect(message).toContain('a\\r\\nset-cookie');
    const topic = fresh();
    await publish(topic, 'x\r\nevent: evil\r\rid: 1\n\ndata: y');
    await using following = await Following.at(`${edge}/v1/topics/${topic}?history=1`);
    expect(await following.next()).toMatchObject({
      event: 'message',
      data: 'x\nevent: evil\n\nid: 1\n\ndata: y',
    });
  });

  it('an upgrade where nothing is upgraded, and one of another origin', async () => {
    await using raw = new RawHttp(edge);
    raw.say('GET /nothing HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    expect(await raw.closed).toMatch(/^HTTP\/1\.1 404 [^]*"UNKNOWN_METHOD"/);
    await using evil = new RawHttp(edge);
    evil.say(
      'GET /v1/stream HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\norigin: https://evil.example\r\n\r\n',
    );
    expect(await evil.closed).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n[^]*edge\.origins/);
  });

  it('a WebSocket whose upgrade got lost on the way is told so', async () => {
    const response = await fetch(`${edge}/v1/stream`);
    expect(response.headers.get('upgrade')).toBe('websocket');
    const [status, code, message] = await refused(response);
    expect([status, code]).toEqual([426, 'INVALID_MESSAGE']);
    expect(message).toContain('a proxy in between has to pass the headers Upgrade and Connection on');
  });

  it('who would rather speak HTTP/2 is answered as if it had not said so, again and again', async () => {
    await using raw = new RawHttp(edge);
    const wish =
      'host: x\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n';
    raw.say(`POST /v1/topics/news/h2c HTTP/1.1\r\n${wish}content-length: 2\r\n\r\nh`);
    raw.say('i');
    await raw.heard(/200 OK[^]*"duplicate":false/);
    raw.say(`GET /nothing HTTP/1.1\r\n${wish}\r\n`);
    await raw.heard(/404 Not Found[^]*lists what there is/);
    raw.say(`POST http://x/v1/topics/news/h2c HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi`);
    await raw.heard(/404 Not Found[^]*200 OK[^]*"duplicate":false/);
    raw.say(`GET /v1/topics/news/h2c?history=2 HTTP/1.1\r\n${wish}\r\n`);
    await raw.heard(/data: hi\n[^]*data: hi\n/);
  });

  it('an upgrade behind a request that is still being answered ends the connection', async () => {
    await using raw = new RawHttp(edge);
    raw.say('GET /v1/topics/news/x HTTP/1.1\r\nhost: x\r\n\r\n');
    const answer = await raw.heard(/200 OK[^]*id: \d+\n\n\r\n$/);
    raw.say(
      'GET /v1/stream HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n' +
        'sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
        'sec-websocket-protocol: sluice.v1.json\r\n\r\n',
    );
    expect(await raw.closed).toBe(answer);
  });

  it('a body in pieces of one byte costs no more than its bytes', async () => {
    await using raw = new RawHttp(edge);
    raw.say('POST /v1/topics/news/bytes HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n');
    raw.say(`${'1\r\nx\r\n'.repeat(1_000)}1\r\ny\r\n0\r\n\r\n`);
    await raw.heard(/200 OK/);
    await using following = await Following.at(`${edge}/v1/topics/news/bytes?history=1`);
    expect((await following.next()).data).toBe(`${'x'.repeat(1_000)}y`);
  });

  it('a page that has its own name resolved to this machine can not read', async () => {
    await using raw = new RawHttp(edge);
    raw.say('GET /v1/topics/news/x HTTP/1.1\r\nhost: rebound.example\r\n\r\n');
    await raw.heard(/403 Forbidden[^]*edge\.origins/);
  });

  it('pipelined requests are answered in their order, a flood of them ends the connection', async () => {
    await using raw = new RawHttp(edge);
    raw.say('GET / HTTP/1.1\r\nhost: x\r\n\r\nGET /nothing HTTP/1.1\r\nhost: x\r\n\r\n');
    await raw.heard(/200 OK[^]*404 Not Found[^]*UNKNOWN_METHOD/);
    await using flood = new RawHttp(edge);
    flood.say(
      `GET /v1/topics/news/x HTTP/1.1\r\nhost: x\r\n\r\n${'GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(100)}`,
    );
    await flood.closed;
  });

  it('of requests that wait for their turn to be answered nothing is left when their connection is gone', async () => {
    await using raw = new RawHttp(edge);
    raw.say('GET /v1/topics/news/x HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(5));
    await expect.poll(() => under.gateway.connections).toBe(5);
    raw.socket.destroy();
    await expect.poll(() => under.gateway.connections).toBe(0);
  });

  it('a publisher that hangs up in the middle leaves nothing', async () => {
    await using raw = new RawHttp(edge);
    raw.say('POST /v1/topics/news/x HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n');
    raw.say('x'.repeat(30_000));
    await expect.poll(() => under.gateway.calls.publishes.underWay).toBe(1);
    raw.socket.destroy();
    await expect.poll(() => under.gateway.calls.publishes.underWay).toBe(0);
  });

  it('HTTP/1.0 gets its answer, events without chunks too', async () => {
    await using raw = new RawHttp(edge);
    raw.say('GET /v1/topics/news/x HTTP/1.0\r\n\r\n');
    const text = await raw.heard(/retry: 3000\nid: \d+\n\n/);
    expect(text).not.toMatch(/transfer-encoding/i);
    await using publishing = new RawHttp(edge);
    publishing.say('POST /v1/topics/news/y HTTP/1.0\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\nhi');
    // It knows no answers that are not the last (RFC 9110 section 10.1.1).
    expect(await publishing.closed).toMatch(/^HTTP\/1\.1 200 OK/);
  });
});

it('says what it is, and describes itself', async () => {
  const about = await fetch(`${edge}/`);
  expect(await about.json()).toMatchObject({ name: 'sluice', description: '/v1/openapi.json' });
  const description = (await (await fetch(`${edge}/v1/openapi.json`)).json()) as { readonly paths: object };
  expect(Object.keys(description.paths)).toEqual([
    '/v1/topics/{topic}',
    '/v1/clients/{client}/messages',
    '/v1/clients/{client}/sessions/{session}/messages',
    '/v1/openapi.json',
    '/',
  ]);
  const head = await fetch(`${edge}/v1/openapi.json`, { method: 'HEAD' });
  expect([head.status, await head.text()]).toEqual([200, '']);
});
