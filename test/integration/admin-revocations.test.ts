import { request, type IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { AdminServer } from '../../src/admin/admin-server.js';
import type { AdminSources, RevocationSnapshot, Revocations } from '../../src/admin/admin-sources.js';
import { SystemClock } from '../../src/core/clock.js';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

const UNTIL = '2030-01-02T03:04:05.000Z';
const MAX = 2_000;

/** Revocations as the gateway holds them, without the gateway. */
class Held implements Revocations {
  readonly api = new Set<string>();
  readonly file = new Set<string>();
  readonly asked: (readonly [subject: string, reason: string | undefined])[] = [];

  *list(): Iterable<RevocationSnapshot> {
    const issuedBefore = '2029-01-01T00:00:00.000Z';
    for (const subject of this.api) yield { subject, source: 'api', issuedBefore, until: UNTIL };
    for (const subject of this.file) yield { subject, source: 'file', issuedBefore, until: null };
  }

  revoke(subject: string, reason?: string) {
    this.asked.push([subject, reason]);
    if (subject === 'fault') throw new Error('secret detail');
    if (this.api.size >= MAX && !this.api.has(subject)) return { refused: `${MAX} are held already.` };
    this.api.add(subject);
    return { connectionsEnded: 2, sessionsEnded: 3, callsEnded: 4, until: UNTIL };
  }

  pardon(subject: string): boolean {
    return this.api.delete(subject);
  }
}

interface Running {
  readonly server: AdminServer;
  readonly clock: SystemClock;
  readonly port: number;
  readonly held: Held;
  /** Message and fields of every line. */
  readonly logged: (readonly [level: string, message: string, fields: object])[];
}

const running: Running[] = [];

async function start(): Promise<Running> {
  const clock = new SystemClock();
  const held = new Held();
  const logged: Running['logged'] = [];
  const sources: AdminSources = {
    connections: () => [],
    connection: () => undefined,
    sessions: () => [],
    session: () => undefined,
    totals: () => ({}),
    ready: () => ({ ready: true, reasons: [] }),
    metricsText: () => Promise.resolve({ contentType: 'text/plain', body: 'up_total 1\n' }),
    revocations: held,
  };
  const logger = {
    warn: (fields: object, message: string) => logged.push(['warn', message, fields]),
    error: (fields: object, message: string) => logged.push(['error', message, fields]),
  };
  const server = new AdminServer({ clock, logger, listen: '127.0.0.1:0', sources });
  const { port } = await server.start();
  const all = { server, clock, port, held, logged };
  running.push(all);
  return all;
}

interface Asking {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

function ask(port: number, path: string, options: Asking = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, body } = options;
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const JSON_TYPE = { 'content-type': 'application/json' };

function post(port: number, body: unknown, headers: Record<string, string> = JSON_TYPE): Promise<Answer> {
  const bytes = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  return ask(port, '/revocations', { method: 'POST', body: bytes, headers });
}

/** Sends bytes as they are; what came back by the time the server closed. */
function exchange(port: number, bytes: string, then?: (socket: Socket) => void): Promise<string> {
  return new Promise((resolve) => {
    let received = '';
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(bytes);
      then?.(socket);
    });
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve(received);
    });
  });
}

function messageOf({ text }: Answer): string {
  return (JSON.parse(text) as { error: { message: string } }).error.message;
}

afterEach(async () => {
  for (const { server, clock } of running.splice(0)) {
    await server.stop();
    expect(clock.activeTimers).toBe(0);
  }
});

describe('revocations at the admin address', () => {
  it('throws a subject out, says what that ended, and writes one line of it', async () => {
    const { port, held, logged } = await start();
    const answer = await post(port, { subject: 'alice', reason: 'lost her laptop' });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toEqual({
      subject: 'alice',
      connectionsEnded: 2,
      sessionsEnded: 3,
      callsEnded: 4,
      until: UNTIL,
    });
    expect(held.asked).toEqual([['alice', 'lost her laptop']]);
    expect(logged).toEqual([
      [
        'warn',
        'a subject was revoked',
        {
          subject: 'alice',
          reason: 'lost her laptop',
          operator: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string,
          connectionsEnded: 2,
          sessionsEnded: 3,
          callsEnded: 4,
          until: UNTIL,
        },
      ],
    ]);
    await post(port, { subject: 'bob' }, { 'content-type': 'Application/JSON; charset=utf-8' });
    expect(held.asked.at(-1)).toEqual(['bob', undefined]);
    expect(logged).toHaveLength(2);
  });

  it('shows them, a page at a time and one alone, and names the methods', async () => {
    const { port, held } = await start();
    for (let index = 0; index < 25; index += 1) held.api.add(`s ${String(index).padStart(2, '0')}`);
    held.file.add('from/file');
    const subjects: string[] = [];
    let path: string | null = '/revocations?limit=10';
    while (path !== null) {
      const page = JSON.parse((await ask(port, path)).text) as {
        revocations: RevocationSnapshot[];
        total: number;
        next: string | null;
      };
      expect(page.total).toBe(26);
      subjects.push(...page.revocations.map(({ subject }) => subject));
      path = page.next;
    }
    expect(subjects).toEqual([...held.file, ...held.api]);
    expect(JSON.parse((await ask(port, '/revocations/from%2Ffile')).text)).toEqual({
      subject: 'from/file',
      source: 'file',
      issuedBefore: '2029-01-01T00:00:00.000Z',
      until: null,
    });
    held.api.add('from/file');
    expect((await ask(port, '/revocations/from%2Ffile')).text).toContain('"source": "file"');
    expect((await ask(port, '/revocations', { method: 'HEAD' })).text).toBe('');
    expect((await ask(port, '/revocations/nobody')).status).toBe(404);
    expect((await ask(port, '/revocations/a/b')).status).toBe(404);
    expect((await ask(port, '/revocations?client=a')).status).toBe(400);
    expect((await ask(port, '/')).text).toContain('"DELETE /revocations/{subject}"');
    const put = await ask(port, '/revocations', { method: 'PUT' });
    expect([put.status, put.headers.allow]).toEqual([405, 'GET, HEAD, POST']);
    const patch = await ask(port, '/revocations/a', { method: 'PATCH' });
    expect([patch.status, patch.headers.allow]).toEqual([405, 'GET, HEAD, DELETE']);
    expect((await ask(port, '/revocations/a', { method: 'POST' })).status).toBe(405);
  });

  it('takes one back: 204, and 404 for who was not revoked', async () => {
    const { port, held, logged } = await start();
    held.api.add('a/é ?');
    const path = `/revocations/${encodeURIComponent('a/é ?')}`;
    const answer = await ask(port, path, { method: 'DELETE' });
    expect([answer.status, answer.text, answer.headers['content-type']]).toEqual([204, '', undefined]);
    expect(held.api.size).toBe(0);
    expect(logged.map(([level, message]) => [level, message])).toEqual([
      ['warn', 'a revocation was taken back'],
    ]);
    expect(logged[0]?.[2]).toMatchObject({ subject: 'a/é ?' });
    expect((await ask(port, path, { method: 'DELETE' })).status).toBe(404);
    expect(logged).toHaveLength(1);
  });

  it('does not let anybody believe that who stands in the file is let in again', async () => {
    const { port, held } = await start();
    held.file.add('carol').add('dave');
    held.api.add('dave');
    for (const subject of ['carol', 'dave']) {
      const answer = await ask(port, `/revocations/${subject}`, { method: 'DELETE' });
      expect(answer.status).toBe(409);
      expect(messageOf(answer)).toMatch(/stands in the file/);
    }
    expect(held.api.size).toBe(0);
  });

  it('keeps the connection for the next change', async () => {
    const { port, held } = await start();
    const body = '{"subject":"alice"}';
    const post = `POST /revocations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    const requests = [
      'DELETE /revocations/alice HTTP/1.1\r\nhost: localhost\r\n\r\n',
      post.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'),
    ];
    const answers = await exchange(port, post, (socket) => {
      // Each when the answer before it is there.
      socket.on('data', () => {
        const next = requests.shift();
        if (next !== undefined) socket.write(next);
      });
    });
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 204', 'HTTP/1.1 200']);
    expect(held.asked).toHaveLength(2);
  });

  it('says that no more can be held, and hides a fault of its own', async () => {
    const { port, held, logged } = await start();
    for (let index = 0; index < MAX; index += 1) held.api.add(`s${index}`);
    const full = await post(port, { subject: 'one more' });
    expect([full.status, messageOf(full)]).toEqual([409, '2000 are held already.']);
    expect(logged).toEqual([]);
    const fault = await post(port, { subject: 'fault' });
    expect(fault.status).toBe(500);
    expect(fault.text).not.toContain('secret');
    expect(logged.map(([level]) => level)).toEqual(['error']);
  });
});

describe('a change that nobody at the gateway asked for', () => {
  it.each([
    ['a page of a browser', { origin: 'https://evil.example' }],
    ['a page of the same machine', { origin: 'http://localhost:3000', 'sec-fetch-site': 'same-site' }],
    ['a form without an origin', { 'sec-fetch-site': 'cross-site' }],
    ['a name that was made to mean this address', { host: 'evil.example:9464' }],
  ])('is refused to %s', async (_, headers) => {
    const { port, held, logged } = await start();
    held.api.add('mallory');
    const made = await post(port, { subject: 'alice' }, { ...JSON_TYPE, ...headers });
    const taken = await ask(port, '/revocations/mallory', { method: 'DELETE', headers });
    expect([made.status, taken.status]).toEqual([403, 403]);
    expect(held.asked).toEqual([]);
    expect([...held.api]).toEqual(['mallory']);
    expect(logged).toEqual([]);
    // To look is free, as ever.
    expect((await ask(port, '/revocations', { headers })).status).toBe(200);
  });

  it('is refused where the content is of a type that a form can send, or of none', async () => {
    const { port, held } = await start();
    const body = { subject: 'alice' };
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/json-patch+json',
      '',
    ]) {
      expect((await post(port, body, { 'content-type': type })).status, type).toBe(415);
    }
    expect((await post(port, body, {})).status).toBe(415);
    expect(held.asked).toEqual([]);
  });

  it('is not allowed by a preflight', async () => {
    const { port } = await start();
    const answer = await ask(port, '/revocations', {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
    });
    expect(answer.status).toBe(405);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it('is refused with parameters, or with a body for a DELETE', async () => {
    const { port, held } = await start();
    held.api.add('alice');
    const body = JSON.stringify({ subject: 'bob' });
    const headers = { ...JSON_TYPE, 'content-length': String(body.length) };
    const dry = await ask(port, '/revocations?dryRun=true', { method: 'POST', headers, body });
    expect(dry.status).toBe(400);
    expect((await ask(port, '/revocations/alice', { method: 'DELETE', headers, body })).status).toBe(400);
    expect((await ask(port, '/revocations/alice?x', { method: 'DELETE' })).status).toBe(400);
    expect(held.asked).toEqual([]);
    expect([...held.api]).toEqual(['alice']);
  });
});

describe('a body that is not what it should be', () => {
  it.each<readonly [string, unknown, RegExp]>([
    ['nothing', '', /not JSON/],
    ['half an object', '{"subject":"alice"', /not JSON/],
    ['two objects', '{"subject":"a"}{"subject":"b"}', /not JSON/],
    ['bytes that are no UTF-8', Buffer.from([...Buffer.from('{"subject":"a'), 0xff, 0x22, 0x7d]), /not JSON/],
    ['a deep nest', '['.repeat(4_000), /not JSON/],
    ['null', 'null', /JSON object/],
    ['a list', '["alice"]', /JSON object/],
    ['a text', '"alice"', /JSON object/],
    ['an empty object', '{}', /subject has to be/],
    ['a number for a subject', '{"subject":5}', /subject has to be/],
    ['null for a subject', '{"subject":null}', /subject has to be/],
    ['an empty subject', '{"subject":""}', /subject has to be/],
    ['a subject with a line end', '{"subject":"a\\nb"}', /subject has to be/],
    ['a subject with half a character', '{"subject":"\\ud800"}', /subject has to be/],
    ['a long subject', { subject: 'x'.repeat(129) }, /1 to 128/],
    ['another member', '{"subject":"a","until":"2030"}', /Unknown member "until"/],
    ['a prototype', '{"subject":"a","__proto__":{}}', /Unknown member "__proto__"/],
    ['a member that moves the cursor', '{"\\u001b[2J":1}', /Unknown member "\\/],
    ['a number for a reason', '{"subject":"a","reason":1}', /reason has to be/],
    ['null for a reason', '{"subject":"a","reason":null}', /reason has to be/],
    ['a reason with a line end', '{"subject":"a","reason":"x\\ny"}', /reason has to be/],
    ['a long reason', { subject: 'a', reason: 'x'.repeat(201) }, /1 to 200/],
  ])('is refused: %s', async (_, body, message) => {
    const { port, held, logged } = await start();
    const answer = await post(port, body);
    expect(answer.status).toBe(400);
    expect(messageOf(answer)).toMatch(message);
    expect(answer.text).not.toContain('\u001b');
    expect(held.asked).toEqual([]);
    expect(logged).toEqual([]);
  });

  it('takes 128 characters, also those that are two units long, and a reason of 200', async () => {
    const { port, held } = await start();
    const [subject, reason] = ['😀'.repeat(128), 'é'.repeat(200)];
    expect((await post(port, { subject, reason })).status).toBe(200);
    expect(held.asked).toEqual([[subject, reason]]);
  });

  it('is not taken beyond 4 KiB, whatever it says of its length', async () => {
    const { port, held } = await start();
    const full = JSON.stringify({ subject: 'alice' }).padEnd(4_096);
    expect((await post(port, full)).status).toBe(200);
    const told = await post(port, full + ' ');
    expect(told.status).toBe(413);
    const chunk = `1000\r\n${'x'.repeat(4_096)}\r\n`;
    const head =
      'POST /revocations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n';
    // Sent for as long as somebody takes it.
    const endless = await exchange(port, head, (socket) => {
      // Where the other side has ended, each write would fail at once, and so on without end.
      const more = (): void => {
        if (socket.writable) socket.write(chunk, more);
      };
      more();
    });
    // The answer is there, unless the close overtook it: what is still under way then resets the connection.
    expect(endless).toMatch(/^(HTTP\/1\.1 413 [\s\S]*connection: close[\s\S]*)?$/i);
    const once = await exchange(port, `${head}${chunk}1\r\nx\r\n`);
    expect(once).toMatch(/^HTTP\/1\.1 413 (?:.+\r\n)*connection: close\r\n/i);
    // Told beforehand, none of it is waited for.
    const announced = head.replace('transfer-encoding: chunked', 'content-length: 4097');
    expect(await exchange(port, announced)).toMatch(/^HTTP\/1\.1 413 (?:.+\r\n)*connection: close\r\n/i);
    expect(held.asked).toHaveLength(1);
    expect((await ask(port, '/healthz')).status).toBe(200);
  });

  it('changes nothing when it breaks off, and holds up neither others nor the stop', async () => {
    const { port, held, logged, server } = await start();
    const half =
      'POST /revocations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 19\r\n\r\n{"subject":"al';
    const reset = exchange(port, half, (socket) => socket.resetAndDestroy());
    const ended = exchange(port, half, (socket) => socket.end());
    const waiting = exchange(port, half);
    await Promise.all([reset, ended]);
    expect((await post(port, { subject: 'bob' })).status).toBe(200);
    await server.stop();
    await waiting;
    expect(held.asked.map(([subject]) => subject)).toEqual(['bob']);
    expect(logged.map(([level]) => level)).toEqual(['warn']);
  });

  it('that comes in two pieces is one', async () => {
    const { port, held } = await start();
    const head =
      'POST /revocations HTTP/1.1\r\nhost: [::1]:9464\r\ncontent-type: application/json\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n';
    const answer = await exchange(port, `${head}e\r\n{"subject":"al\r\n`, (socket) => {
      socket.write('5\r\nice"}\r\n0\r\n\r\n');
    });
    expect(answer).toMatch(/^HTTP\/1\.1 200/);
    expect(held.asked).toEqual([['alice', undefined]]);
  });
});

describe('many changes', () => {
  it('are cut off where one connection asks for several at once, each made wholly or not at all', async () => {
    const { port, held, logged } = await start();
    const body = (index: number): string => JSON.stringify({ subject: `s${index}` });
    const pipelined = Array.from(
      { length: 50 },
      (_, index) =>
        `POST /revocations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body(index).length}\r\n\r\n${body(index)}`,
    );
    await exchange(port, pipelined.join(''));
    expect(held.asked.length).toBeLessThanOrEqual(1);
    expect(logged).toHaveLength(held.asked.length);
    // What lies in a body that was not read is not a request.
    const smuggled = 'DELETE /revocations/s0 HTTP/1.1\r\nhost: localhost\r\n\r\n';
    held.api.add('s0');
    const answer = await exchange(
      port,
      `POST /totals HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${smuggled.length}\r\n\r\n${smuggled}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 405/);
    expect(held.api.has('s0')).toBe(true);
    expect((await ask(port, '/healthz')).status).toBe(200);
  });

  it('are all made: 1,000 of them, 40 at a time', async () => {
    const { port, held, logged } = await start();
    const statuses: number[] = [];
    let made = 0;
    const one = async (): Promise<void> => {
      while (made < 1_000) statuses.push((await post(port, { subject: `s${made++}` })).status);
    };
    await Promise.all(Array.from({ length: 40 }, one));
    expect(statuses).toEqual(Array.from({ length: 1_000 }, () => 200));
    expect(held.api.size).toBe(1_000);
    expect(logged).toHaveLength(1_000);
  });

  it('over 1,000 connections are made as far as there is room, and none twice', async () => {
    const { port, held } = await start();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 1_000 }, (_, index) => post(port, { subject: `s${index}` })),
    );
    const answered = outcomes.filter(({ status }) => status === 'fulfilled').length;
    expect(answered).toBeGreaterThan(0);
    expect(held.asked.length).toBeGreaterThanOrEqual(answered);
    expect(held.api.size).toBe(held.asked.length);
    expect((await ask(port, '/healthz')).status).toBe(200);
  });
});
