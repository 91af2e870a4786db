import { getEventListeners, once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { JsonRequestError, JsonRequests, type RequestFault } from '../../../src/auth/json-request.js';
import { SystemClock } from '../../../src/core/clock.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { TestAuthority } from '../../helpers/certificates.js';

const LIMIT = 1_000;
let clock: FakeClock;
let requests: JsonRequests;

beforeEach(() => {
  clock = new FakeClock();
  requests = new JsonRequests({ clock, timeoutMs: 5_000, maxResponseBytes: LIMIT, maxSockets: 4 });
  return () => {
    requests.close();
    expect(clock.activeTimers).toBe(0);
    expect(requests.size).toBe(0);
  };
});

/** Its origin; the server and every connection of its end with the test. */
async function listening(server: Server, scheme = 'http'): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    const closed = once(server, 'close');
    server.close();
    await closed;
  });
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const serving = (listener: RequestListener): Promise<string> => listening(createServer(listener));

/** A server that answers whatever comes with these bytes, and `end`s or not. */
const talking = (answer: string, end = true): Promise<string> =>
  listening(
    createTcpServer((socket) => {
      socket.once('data', () => (end ? socket.end(answer) : socket.write(answer)));
    }),
  );

async function faultOf(promise: Promise<unknown>): Promise<{ fault: RequestFault; message: string }> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(JsonRequestError);
  const { fault, message } = error as JsonRequestError;
  return { fault, message };
}

describe('an answer', () => {
  test('of success is parsed', async () => {
    const origin = await serving((_, response) => response.end('{"keys":["ü"]}'));
    expect(await requests.request(origin)).toEqual({ status: 200, json: { keys: ['ü'] } });
  });

  test('to a POST: the body is JSON, its length is in bytes, and headers go along', async () => {
    let seen: unknown;
    const origin = await serving((request, response) => {
      void request.toArray().then((chunks) => {
        const { method, url, headers } = request;
        seen = { method, url, headers, body: Buffer.concat(chunks as Buffer[]).toString() };
        response.end('true');
      });
    });
    const headers = { authorization: 'Bearer s' };
    const answer = requests.request(`${origin}/ask?a=b`, { method: 'POST', headers, body: { name: 'ü' } });
    expect(await answer).toEqual({ status: 200, json: true });
    expect(seen).toMatchObject({
      method: 'POST',
      url: '/ask?a=b',
      body: '{"name":"ü"}',
      headers: { 'content-type': 'application/json', 'content-length': '13', authorization: 'Bearer s' },
    });
  });

  test.each([302, 307, 403, 500, 304])(
    'of status %i is that status, and nothing else is asked',
    async (status) => {
      let count = 0;
      const origin = await serving((_, response) => {
        count += 1;
        response
          .writeHead(status, { location: '/elsewhere' })
          .end(status === 304 ? undefined : '{"allow":true}');
      });
      expect(await requests.request(origin)).toEqual({ status, json: undefined });
      expect(count).toBe(1);
    },
  );

  test('that ends with its connection is whole', async () => {
    const origin = await talking('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{"a":1}');
    expect(await requests.request(origin)).toEqual({ status: 200, json: { a: 1 } });
  });

  test('of just the limit is taken', async () => {
    const origin = await serving((_, response) => response.end(JSON.stringify('x'.repeat(LIMIT - 2))));
    expect((await requests.request(origin)).json).toHaveLength(LIMIT - 2);
  });
});

describe('what is no answer', () => {
  test.each([
    ['html', '<html>welcome</html>'],
    ['nothing', ''],
    ['half of it', '{"keys":['],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['nesting without end', '['.repeat(LIMIT)],
  ])('is %s', async (_, content) => {
    const origin = await serving((__, response) => response.end(content));
    expect(await faultOf(requests.request(`${origin}/path?secret=1`))).toEqual({
      fault: 'not-json',
      message: `${origin} answered 200 with something that is not JSON.`,
    });
  });

  test('is too much, announced', async () => {
    const origin = await serving((_, response) =>
      response.writeHead(200, { 'content-length': LIMIT + 1 }).write('1'),
    );
    const message = `${origin} answered with more than ${LIMIT} bytes.`;
    expect(await faultOf(requests.request(origin))).toEqual({ fault: 'too-large', message });
  });

  test('is without end', async () => {
    const origin = await serving((request, response) => {
      const more = (): void => {
        while (!request.socket.destroyed && response.write('1'.repeat(100)));
      };
      response.on('drain', more);
      more();
    });
    expect((await faultOf(requests.request(origin))).fault).toBe('too-large');
  });

  test('is too much with a status that is not looked into', async () => {
    const origin = await serving((_, response) => response.writeHead(500).end('1'.repeat(LIMIT + 1)));
    expect((await faultOf(requests.request(origin))).fault).toBe('too-large');
  });

  test.each([
    ['something else than HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['a header without end', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}`],
    ['a connection that is closed', ''],
    ['half an answer', 'HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{"a":1}'],
    ['half an answer in chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{}'],
    ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'],
  ])('is %s', async (_, answer) => {
    const origin = await talking(answer);
    const { fault, message } = await faultOf(requests.request(`${origin}/path?secret=1`));
    expect(fault).toBe('unreachable');
    expect(message).toContain(origin);
    expect(message).not.toContain('secret');
  });

  test('is that nobody listens', async () => {
    const server = createTcpServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const { fault, message } = await faultOf(
      requests.request(`http://user:password@127.0.0.1:${port}/?secret`),
    );
    expect(fault).toBe('unreachable');
    expect(message).toBe(
      `http://127.0.0.1:${port} can't be reached: connect ECONNREFUSED 127.0.0.1:${port}.`,
    );
  });

  test('is a certificate that nobody trusted signed', async () => {
    const { cert, key } = await (await TestAuthority.create()).issue({ name: 'localhost' });
    const origin = await listening(
      createTlsServer({ cert, key }, (_, response) => response.end('1')),
      'https',
    );
    const { fault, message } = await faultOf(requests.request(origin));
    expect(fault).toBe('unreachable');
    expect(message).toMatch(/certificate/);
  });
});

describe('time', () => {
  test('ends an exchange without an answer, and its connection', async () => {
    const server = createTcpServer();
    const origin = await listening(server);
    const connected = once(server, 'connection');
    const fault = faultOf(requests.request(origin));
    const [socket] = (await connected) as [Socket];
    socket.resume();
    clock.advance(4_999);
    expect(requests.size).toBe(1);
    clock.advance(1);
    expect(await fault).toEqual({ fault: 'timeout', message: `${origin} did not answer within 5000 ms.` });
    if (!socket.closed) await once(socket, 'close');
  });

  test('ends an answer that comes a drop at a time', async () => {
    let wrote = (): void => {};
    const writing = new Promise<void>((resolve) => (wrote = resolve));
    const origin = await serving((_, response) => response.write('[', () => wrote()));
    const fault = faultOf(requests.request(origin));
    await writing;
    clock.advance(5_000);
    expect((await fault).fault).toBe('timeout');
  });

  test('by the clock of the platform too', async () => {
    const system = new SystemClock();
    const impatient = new JsonRequests({ clock: system, timeoutMs: 20, maxResponseBytes: 10, maxSockets: 1 });
    const origin = await listening(createTcpServer((socket) => socket.resume()));
    expect((await faultOf(impatient.request(origin))).fault).toBe('timeout');
    impatient.close();
    expect(system.activeTimers).toBe(0);
  });
});

describe('connections', () => {
  test('are kept for the next exchange, after whatever answer', async () => {
    const sockets = new Set<Socket>();
    const statuses = [200, 403, 500, 200];
    const origin = await serving((request, response) => {
      sockets.add(request.socket);
      response.writeHead(statuses.shift() ?? 200).end('1');
    });
    for (const status of [200, 403, 500, 200]) {
      expect((await requests.request(origin)).status).toBe(status);
    }
    expect(sockets.size).toBe(1);
  });

  test('that were kept and turn out dead are replaced, once', async () => {
    let connections = 0;
    const origin = await listening(
      createTcpServer((socket) => {
        connections += 1;
        socket.once('data', () => {
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1');
          // The next request on it meets a connection that is reset.
          socket.once('data', () => socket.resetAndDestroy());
        });
      }),
    );
    expect(await requests.request(origin)).toEqual({ status: 200, json: 1 });
    expect(await requests.request(origin)).toEqual({ status: 200, json: 1 });
    expect(connections).toBe(2);
  });

  test('a new one that is reset is a failure, and is not tried again', async () => {
    let connections = 0;
    const origin = await listening(
      createTcpServer((socket) => {
        connections += 1;
        socket.once('data', () => socket.resetAndDestroy());
      }),
    );
    expect((await faultOf(requests.request(origin))).fault).toBe('unreachable');
    expect(connections).toBe(1);
  });

  test('beyond the bound are refused, and room is there again after an answer', async () => {
    const answers: (() => void)[] = [];
    let come = (): void => {};
    const all = new Promise<void>((resolve) => (come = resolve));
    const origin = await serving((_, response) => {
      answers.push(() => response.end('1'));
      if (answers.length === 4) come();
    });
    const underWay = Array.from({ length: 4 }, () => requests.request(origin));
    expect(await faultOf(requests.request(origin))).toEqual({
      fault: 'busy',
      message: `${origin} is asked 4 things already.`,
    });
    await all;
    for (const answer of answers) answer();
    await Promise.all(underWay);
    const fifth = requests.request(origin);
    expect(requests.size).toBe(1);
    requests.close();
    await faultOf(fifth);
  });
});

describe('whoever asks', () => {
  test('may go away', async () => {
    const server = createTcpServer((socket) => socket.resume());
    const origin = await listening(server);
    const connected = once(server, 'connection');
    const gone = new AbortController();
    const fault = faultOf(requests.request(origin, { signal: gone.signal }));
    const [socket] = (await connected) as [Socket];
    gone.abort();
    expect((await fault).fault).toBe('aborted');
    if (!socket.closed) await once(socket, 'close');
  });

  test('is not listened to after an answer', async () => {
    const origin = await serving((_, response) => response.end('1'));
    const { signal } = new AbortController();
    await requests.request(origin, { signal });
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  test('may be gone already', async () => {
    const signal = AbortSignal.abort();
    expect((await faultOf(requests.request('http://127.0.0.1:1', { signal }))).fault).toBe('aborted');
  });
});

describe('close', () => {
  test('ends what is under way and every connection, used or kept', async () => {
    const closings: Promise<unknown>[] = [];
    const server = createServer((request, response) => {
      if (request.url === '/') response.end('1');
    });
    // Only this side closes a connection.
    server.keepAliveTimeout = 0;
    server.on('connection', (socket: Socket) => closings.push(once(socket, 'close')));
    const origin = await listening(server);
    await Promise.all([requests.request(origin), requests.request(origin)]);
    const connected = once(server, 'request');
    const faults = [
      faultOf(requests.request(`${origin}/never`)),
      faultOf(requests.request(`http://localhost:${new URL(origin).port}/never`)),
    ];
    await connected;
    requests.close();
    requests.close();
    for (const fault of await Promise.all(faults)) {
      expect(fault).toMatchObject({
        fault: 'closed',
        message: expect.stringMatching(/is not asked any more\.$/),
      });
    }
    expect((await faultOf(requests.request(origin))).fault).toBe('closed');
    expect(closings.length).toBeGreaterThanOrEqual(2);
    await Promise.all(closings);
  });
});
