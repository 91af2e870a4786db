import { connect } from 'node:net';
import { request, type IncomingHttpHeaders } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { AdminServer } from '../../src/admin/admin-server.js';
import type {
  AdminSources,
  ConnectionLoad,
  ConnectionSnapshot,
  InspectedConnection,
  InspectedSession,
  Readiness,
  SessionSnapshot,
} from '../../src/admin/admin-sources.js';
import { SystemClock } from '../../src/core/clock.js';
import { StartError } from '../../src/core/start-error.js';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: () => Record<string, unknown>;
}

class Pool implements AdminSources {
  readonly #connections = new Map<string, InspectedConnection & { clientId: string }>();
  readonly #sessions: InspectedSession[] = [];
  readiness: Readiness = { ready: true, reasons: [] };
  snapshots = 0;
  metrics: () => Promise<{ contentType: string; body: string }> = () =>
    Promise.resolve({ contentType: 'text/plain; version=0.0.4; charset=utf-8', body: 'up_total 1\n' });

  addConnection(id: string, clientId: string, shown: Partial<ConnectionSnapshot> = {}): void {
    const full = { ...connectionSnapshot(id, clientId), ...shown };
    const snapshot = (): ConnectionSnapshot => {
      this.snapshots += 1;
      return full;
    };
    const load = (of: ConnectionLoad): number => {
      const shown = full[of];
      return typeof shown === 'number' ? shown : shown.messages;
    };
    this.#connections.set(id, { id, clientId, snapshot, load, slowBecause: () => full.slowBecause });
  }

  addSession(clientId: string, sessionId: string): void {
    const snapshot = (): SessionSnapshot => {
      this.snapshots += 1;
      return sessionSnapshot(clientId, sessionId);
    };
    this.#sessions.push({ clientId, sessionId, snapshot });
  }

  *connections(clientId?: string): Iterable<InspectedConnection> {
    for (const connection of this.#connections.values()) {
      if (clientId === undefined || connection.clientId === clientId) yield connection;
    }
  }

  connection(id: string): InspectedConnection | undefined {
    return this.#connections.get(id);
  }

  sessions(clientId?: string): Iterable<InspectedSession> {
    return this.#sessions.filter((session) => clientId === undefined || session.clientId === clientId);
  }

  session(clientId: string, sessionId: string): InspectedSession | undefined {
    return this.#sessions.find((session) => session.clientId === clientId && session.sessionId === sessionId);
  }

  totals(): object {
    return { messages: { received: 1, sent: 2 } };
  }

  ready(): Readiness {
    return this.readiness;
  }

  metricsText(): Promise<{ contentType: string; body: string }> {
    return this.metrics();
  }
}

function connectionSnapshot(id: string, clientId: string): ConnectionSnapshot {
  return {
    id,
    clientId,
    peer: '127.0.0.1:50000',
    carrier: 'grpc',
    state: 'open',
    method: 'StreamData',
    ageMs: 1_000,
    idleMs: 10,
    sessions: 1,
    receiveQueue: { messages: 1, bytes: 100, most: 4, capacity: 512 },
    sendQueue: { messages: 2, bytes: 200, most: 4, capacity: 512 },
    bytesInFlight: 0,
    messagesReceived: 10,
    messagesSent: 10,
    bytesReceived: 1_000,
    bytesSent: 1_000,
    receiveRate: 1.5,
    sendRate: 1.5,
    throttled: false,
    throttledMs: 0,
    paused: false,
    readingStopped: false,
    readingStops: 0,
    readingStoppedMs: 0,
    slowBecause: null,
    identity: { method: 'jwt', class: 'partners', expiresAt: '2030-01-01T00:00:00.000Z' },
  };
}

function sessionSnapshot(clientId: string, sessionId: string): SessionSnapshot {
  const flow = { admitted: 3, delivered: 2, dropped: 0, pending: 1 };
  return {
    id: `${clientId}:${sessionId}`,
    clientId,
    sessionId,
    connectionId: 'c-1',
    route: 'echo',
    subject: '',
    state: 'open',
    ageMs: 1_000,
    idleMs: 10,
    inbox: 1,
    outbox: 0,
    kind: 'simple' as const,
    up: flow,
    down: flow,
  };
}

const running: { server: AdminServer; clock: SystemClock }[] = [];

function create(listen: string, sources: AdminSources, logged: string[] = []): AdminServer {
  const clock = new SystemClock();
  const logger = {
    warn: () => undefined,
    error: (_: object, message: string) => {
      logged.push(message);
    },
  };
  const server = new AdminServer({ clock, logger, listen, sources });
  running.push({ server, clock });
  return server;
}

async function start(sources: AdminSources, logged: string[] = []): Promise<number> {
  const { port } = await create('127.0.0.1:0', sources, logged).start();
  return port;
}

function ask(port: number, path: string, options: { method?: string; body?: string } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ port, path, method: options.method ?? 'GET', agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const json = (): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(options.body);
  });
}

/** Sends bytes as they are and reads until the server closes. */
function exchange(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    socket.on('error', reject);
    socket.on('close', () => {
      resolve(received);
    });
  });
}

afterEach(async () => {
  for (const { server, clock } of running.splice(0)) {
    await server.stop();
    expect(clock.activeTimers).toBe(0);
  }
});

describe('the admin address', () => {
  it('says that the process is alive, what there is, and never to cache it', async () => {
    const port = await start(new Pool());
    const health = await ask(port, '/healthz');
    expect([health.status, health.json()]).toEqual([200, { status: 'ok' }]);
    expect(health.headers['cache-control']).toBe('no-store');
    const { endpoints } = (await ask(port, '/')).json();
    expect(endpoints).toContain('GET /connections');
  });

  it('answers readiness with 200 or 503 and the reasons', async () => {
    const pool = new Pool();
    const port = await start(pool);
    expect((await ask(port, '/readyz')).status).toBe(200);
    pool.readiness = { ready: false, reasons: ['draining'] };
    const answer = await ask(port, '/readyz');
    expect([answer.status, answer.json()]).toEqual([503, { ready: false, reasons: ['draining'] }]);
  });

  it('passes the metrics on with their content type, and the totals', async () => {
    const port = await start(new Pool());
    const metrics = await ask(port, '/metrics');
    expect(metrics.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(metrics.text).toBe('up_total 1\n');
    expect((await ask(port, '/totals')).json()).toEqual({ messages: { received: 1, sent: 2 } });
  });

  it('pages through connections by ID and takes snapshots of the page alone', async () => {
    const pool = new Pool();
    for (let index = 249; index >= 0; index -= 1) {
      pool.addConnection(`c-${String(index).padStart(3, '0')}`, `client ${index % 2}`);
    }
    const port = await start(pool);
    const ids: unknown[] = [];
    let path: string | null = '/connections';
    const sizes: number[] = [];
    while (path !== null) {
      const page: Record<string, unknown> = (await ask(port, path)).json();
      const connections = page['connections'] as ConnectionSnapshot[];
      sizes.push(connections.length);
      ids.push(...connections.map((connection) => connection.id));
      expect(page['total']).toBe(250);
      path = page['next'] as string | null;
    }
    expect(sizes).toEqual([100, 100, 50]);
    expect(new Set(ids).size).toBe(250);
    expect(ids).toEqual([...ids].sort());
    expect(pool.snapshots).toBe(250);

    const some = (await ask(port, '/connections?client=client%201&limit=2&after=c-100')).json();
    expect(some['total']).toBe(125);
    expect((some['connections'] as ConnectionSnapshot[]).map(({ id }) => id)).toEqual(['c-101', 'c-103']);
    const following = (await ask(port, some['next'] as string)).json();
    expect((following['connections'] as ConnectionSnapshot[]).map(({ id }) => id)).toEqual([
      'c-105',
      'c-107',
    ]);
  });

  it('finds the slow ones and the fullest of many, and takes snapshots of what it shows alone', async () => {
    const pool = new Pool();
    const queue = (messages: number) => ({ messages, bytes: 0, most: messages, capacity: 512 });
    for (let index = 0; index < 2_000; index += 1) {
      pool.addConnection(`c-${String(index).padStart(4, '0')}`, `client ${index % 2}`, {
        sendQueue: queue((index * 7) % 2_000),
        receiveQueue: queue(index),
        bytesInFlight: 2_000 - index,
        slowBecause: index % 500 === 7 ? 'client' : null,
      });
    }
    const port = await start(pool);
    const shown = async (path: string): Promise<unknown[]> => {
      const { connections, total, next } = (await ask(port, path)).json();
      return [(connections as ConnectionSnapshot[]).map(({ id }) => id), total, next];
    };
    expect(await shown('/connections?slow')).toEqual([['c-0007', 'c-0507', 'c-1007', 'c-1507'], 4, null]);
    const first = await shown('/connections?slow=true&limit=3');
    expect(first.slice(0, 2)).toEqual([['c-0007', 'c-0507', 'c-1007'], 4]);
    expect(await shown(first[2] as string)).toEqual([['c-1507'], 4, null]);
    expect(await shown('/connections?sort=sendQueue&limit=2')).toEqual([['c-0857', 'c-1714'], 2_000, null]);
    expect(await shown('/connections?sort=receiveQueue&limit=1')).toEqual([['c-1999'], 2_000, null]);
    expect(await shown('/connections?sort=bytesInFlight&limit=1&client=client%201')).toEqual([
      ['c-0001'],
      1_000,
      null,
    ]);
    expect(await shown('/connections?sort=bytesInFlight&slow&limit=1')).toEqual([['c-0007'], 4, null]);
    expect(pool.snapshots).toBe(4 + 3 + 1 + 2 + 1 + 1 + 1);
    expect(await shown('/connections?match=IENT%201&limit=1')).toEqual([
      ['c-0001'],
      1_000,
      '/connections?match=IENT+1&limit=1&after=c-0001',
    ]);
    expect(await shown('/connections?match=nobody')).toEqual([[], 0, null]);
    expect(await shown('/connections?match=&slow')).toMatchObject([{ length: 4 }, 4, null]);
    pool.addConnection('c-fast', 'client 1', { sendRate: 7_000.5, receiveRate: 1 });
    pool.addConnection('c-loud', 'client 1', { sendRate: 1, receiveRate: 7_000.5 });
    expect(await shown('/connections?sort=sendRate&limit=1')).toEqual([['c-fast'], 2_002, null]);
    expect(await shown('/connections?sort=receiveRate&limit=1')).toEqual([['c-loud'], 2_002, null]);
  });

  it('is indented for people, with a newline at the end', async () => {
    const port = await start(new Pool());
    expect((await ask(port, '/healthz')).text).toBe('{\n  "status": "ok"\n}\n');
  });

  it('shows one connection with every field, or 404', async () => {
    const pool = new Pool();
    pool.addConnection('c/1', 'alice');
    const port = await start(pool);
    expect((await ask(port, '/connections/c%2F1')).json()).toEqual(connectionSnapshot('c/1', 'alice'));
    const missing = await ask(port, '/connections/nobody');
    expect(missing.status).toBe(404);
    expect(missing.json()['error']).toEqual({
      code: 'NOT_FOUND',
      message: 'There is no connection "nobody".',
    });
  });

  it('tells sessions apart whose IDs hold colons, dots and slashes', async () => {
    const pool = new Pool();
    pool.addSession('a:b', 'c');
    pool.addSession('a', 'b:c');
    pool.addSession('..', '.');
    pool.addSession('é/?', '%');
    const port = await start(pool);
    const ids = async (path: string): Promise<unknown> =>
      ((await ask(port, path)).json()['sessions'] as SessionSnapshot[]).map(({ clientId, sessionId }) => [
        clientId,
        sessionId,
      ]);
    expect(await ids('/sessions')).toHaveLength(4);
    expect(await ids('/sessions?client=a')).toEqual([['a', 'b:c']]);
    for (const [clientId, sessionId] of [
      ['a:b', 'c'],
      ['a', 'b:c'],
      ['..', '.'],
      ['é/?', '%'],
    ] as const) {
      const path = `/sessions/${encodeURIComponent(clientId)}/${encodeURIComponent(sessionId)}`;
      expect((await ask(port, path)).json()).toMatchObject({ clientId, sessionId });
    }
    const seen: unknown[] = [];
    let path: string | null = '/sessions?limit=1';
    while (path !== null) {
      seen.push(...((await ids(path)) as unknown[]));
      path = (await ask(port, path)).json()['next'] as string | null;
    }
    expect(seen).toHaveLength(4);
    expect((await ask(port, '/sessions/a/nothing')).status).toBe(404);
    expect((await ask(port, '/sessions/a')).status).toBe(404);
  });

  it.each([
    ['/connections?sort=age', /sort is "age": sendQueue, receiveQueue, bytesInFlight/],
    ['/connections?slow=no', /slow is "no": it takes no value, or true/],
    ['/connections?sort=sendQueue&after=c', /leave out after/],
    ['/connections?limt=5', /limit, after, client, match, slow and sort are known/],
    ['/sessions?slow', /Unknown parameter "slow"/],
    ['/connections?limit=0', /limit is "0": an integer from 1 to 1000/],
    ['/connections?limit=1001', /limit is "1001"/],
    ['/connections?limit=1e2', /limit is "1e2"/],
    ['/sessions?limit=', /limit is ""/],
    ['/sessions?limt=5', /Unknown parameter "limt": limit, after and client/],
    ['/sessions?client=a&client=b', /client is given more than once/],
    ['/connections/%ff', /not percent-encoded UTF-8/],
  ])('refuses %s and says what is allowed', async (path, message) => {
    const answer = await ask(await start(new Pool()), path);
    expect(answer.status).toBe(400);
    const { code, message: text } = answer.json()['error'] as { code: string; message: string };
    expect(code).toBe('BAD_REQUEST');
    expect(text).toMatch(message);
  });

  it.each(['/nothing', '//', '/healthz/', '/metrics/x', '/connections/a/b', '/sessions/a/b/c', '/__proto__'])(
    'answers %s with 404 as JSON',
    async (path) => {
      const answer = await ask(await start(new Pool()), path);
      expect(answer.status).toBe(404);
      expect(answer.json()).toMatchObject({ error: { code: 'NOT_FOUND' } });
    },
  );

  it('changes none of what is to be read: every method but GET and HEAD is refused, and the body is not read', async () => {
    const port = await start(new Pool());
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      const answer = await ask(port, '/totals', { method, body: method === 'POST' ? 'x'.repeat(1_000) : '' });
      expect(answer.status, method).toBe(405);
      expect(answer.headers.allow).toBe('GET, HEAD');
      expect(answer.json()).toMatchObject({ error: { code: 'METHOD_NOT_ALLOWED' } });
    }
    const endless = await exchange(
      port,
      'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n',
    );
    expect(endless).toMatch(/^HTTP\/1\.1 405 (?:.+\r\n)*connection: close\r\n/i);
  });

  it('answers HEAD as GET without the body', async () => {
    const port = await start(new Pool());
    const [head, get] = [await ask(port, '/totals', { method: 'HEAD' }), await ask(port, '/totals')];
    expect(head.status).toBe(200);
    expect(head.text).toBe('');
    expect(head.headers['content-length']).toBe(String(Buffer.byteLength(get.text)));
    expect((await ask(port, '/nothing', { method: 'HEAD' })).status).toBe(404);
  });

  it('answers a fault of its own with 500, logs it and goes on', async () => {
    const pool = new Pool();
    const logged: string[] = [];
    pool.metrics = () => Promise.reject(new Error('secret detail'));
    const port = await start(pool, logged);
    const answer = await ask(port, '/metrics');
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain('secret');
    expect(logged).toEqual(['admin request failed']);
    expect((await ask(port, '/healthz')).status).toBe(200);
  });

  it('survives garbage, headers without end and targets that are no path', async () => {
    const port = await start(new Pool());
    expect(await exchange(port, '\x00\x01garbage\r\n\r\n')).toMatch(/^HTTP\/1\.1 400/);
    expect(await exchange(port, `GET / HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431/,
    );
    const absolute = await exchange(
      port,
      'GET http://a/healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n',
    );
    expect(absolute).toMatch(/^HTTP\/1\.1 400 [\s\S]*not a path/);
    expect((await ask(port, '/healthz')).status).toBe(200);
  });

  it('names admin.listen when it can not listen, and leaves nothing', async () => {
    const port = await start(new Pool());
    const second = create(`127.0.0.1:${port}`, new Pool());
    const error: unknown = await second.start().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StartError);
    expect(error).toMatchObject({ setting: 'admin.listen' });
    expect((error as StartError).message).toBe(
      `admin.listen: "127.0.0.1:${port}" is in use; stop whoever listens there or choose another.`,
    );
    await expect(create('nonsense', new Pool()).start()).rejects.toThrow(
      /admin\.listen is "nonsense": host:port/,
    );
    await expect(create('203.0.113.1:0', new Pool()).start()).rejects.toThrow(/no such address/);
  });

  it('stops twice, with connections kept alive and a request half sent, and before it was started', async () => {
    const server = create('127.0.0.1:0', new Pool());
    const { port } = await server.start();
    const idle = connect(port, '127.0.0.1');
    const answered = new Promise((resolve) => idle.once('data', resolve));
    const idleClosed = new Promise((resolve) => idle.once('close', resolve));
    idle.write('GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n');
    await answered;
    const half = exchange(port, 'GET /healthz HTTP/1.1\r\nhost:');
    await ask(port, '/healthz');
    await Promise.all([server.stop(), server.stop()]);
    await Promise.all([idleClosed, half]);
    await expect(ask(port, '/healthz')).rejects.toThrow(/ECONNREFUSED/);

    const early = create('127.0.0.1:0', new Pool());
    await early.stop();
    expect(() => early.start()).toThrow('stopped');
    const hasty = create('127.0.0.1:0', new Pool());
    const started = hasty.start();
    await hasty.stop();
    await expect(ask((await started).port, '/healthz')).rejects.toThrow(/ECONNREFUSED/);
  });

  it('lets an answer under way go out before it stops', async () => {
    const pool = new Pool();
    let release: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => {
      pool.metrics = () => {
        resolve();
        return new Promise((answer) => {
          release = () => {
            answer({ contentType: 'text/plain', body: 'late_total 1\n' });
          };
        });
      };
    });
    const server = create('127.0.0.1:0', pool);
    const { port } = await server.start();
    const answer = ask(port, '/metrics');
    await asked;
    const stopped = server.stop();
    release();
    expect((await answer).text).toBe('late_total 1\n');
    await stopped;
  });

  it('answers one request of a connection at a time: who asks for many at once is cut off', async () => {
    const pool = new Pool();
    let asked = 0;
    pool.metrics = () => {
      asked += 1;
      return new Promise(() => undefined);
    };
    const server = create('127.0.0.1:0', pool);
    const { port } = await server.start();
    const socket = connect(port, '127.0.0.1', () => {
      socket.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(500));
    });
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.once('close', resolve));
    expect(asked).toBe(1);
    expect((await ask(port, '/healthz')).status).toBe(200);
    await server.stop();
  });
});
