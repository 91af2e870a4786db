import { once } from 'node:events';
import { constants, createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { describe, expect, test, type TestContext } from 'vitest';
import { SystemClock } from '../../src/core/clock.js';
import type {
  BackendConnector,
  RelayCall,
  RelayEnd,
  RelayEvents,
} from '../../src/transport/client-contract.js';
import { type BackendDialOptions, backendDial } from '../../src/transport/grpc/backend-channel.js';
import type { RelayedHeaders } from '../../src/transport/proxy-contract.js';
import { until } from '../helpers/settled.js';

function dial(
  context: TestContext,
  address: string,
  own: Partial<BackendDialOptions> = {},
): BackendConnector {
  const { clock = new SystemClock() } = own;
  const connector = backendDial({
    maxMessageBytes: 1_000,
    flowControlWindowBytes: 65_535,
    streamsPerConnection: 100,
    connectTimeoutMs: 2_000,
    userAgent: 'sluice/test',
    ...own,
    clock,
  })(address);
  context.onTestFinished(async () => {
    connector.close();
    await until(() => (clock as SystemClock).activeTimers === 0);
  });
  return connector;
}

/** What a call says, as it says it. */
class Heard implements RelayEvents {
  readonly call: RelayCall;
  readonly chunks: Uint8Array[] = [];
  opened = false;
  headers: RelayedHeaders | undefined;
  end: RelayEnd | undefined;

  constructor(connector: BackendConnector, path = '/test.Shapes/Chat') {
    this.call = connector.relay({ path, headers: [], contentType: 'application/grpc' }, this);
  }

  onOpen(): void {
    this.opened = true;
  }

  onHeaders(headers: RelayedHeaders): void {
    this.headers = headers;
  }

  onChunk(chunk: Uint8Array): void {
    this.chunks.push(chunk);
  }

  onWritten(): void {
    // Not asked for here.
  }

  onHeld(): void {
    // Not asked for here.
  }

  onEnd(end: RelayEnd): void {
    this.end = end;
  }

  ended(): Promise<RelayEnd> {
    return until(() => this.end);
  }
}

type Serve = (stream: ServerHttp2Stream, session: ServerHttp2Session, path: string) => void;

async function backendOf(context: TestContext, serve: Serve, options = {}): Promise<string> {
  const server = createServer(options);
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => undefined);
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    serve(stream, stream.session as ServerHttp2Session, headers[':path'] ?? '');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.onTestFinished(async () => {
    const closed = once(server, 'close');
    for (const session of sessions) session.destroy();
    server.close();
    await closed;
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const GRPC = { ':status': 200, 'content-type': 'application/grpc' };

describe('whether anybody has seen a call', () => {
  test('not where nobody listens', async (context) => {
    const server = createTcpServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    const heard = new Heard(dial(context, `127.0.0.1:${port}`));
    const end = await heard.ended();
    expect(end).toMatchObject({ status: 14, unprocessed: true, failure: { failure: 'unreachable' } });
    expect(heard.opened).toBe(false);
  });

  test('not where it was refused', async (context) => {
    const address = await backendOf(context, (stream) => {
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
    });
    const heard = new Heard(dial(context, address));
    expect(await heard.ended()).toMatchObject({ status: 14, unprocessed: true });
    expect(heard.opened).toBe(true);
  });

  test.for([
    ['in peace', constants.NGHTTP2_NO_ERROR],
    ['in anger', constants.NGHTTP2_ENHANCE_YOUR_CALM],
  ] as const)('not where the backend left %s, and had not come to it', async ([, code], context) => {
    let count = 0;
    const address = await backendOf(context, (stream, session) => {
      count += 1;
      if (count === 1) stream.respond(GRPC);
      else session.goaway(code, 1);
    });
    const connector = dial(context, address);
    const first = new Heard(connector);
    await until(() => first.headers);
    const second = new Heard(connector);
    expect(await second.ended()).toMatchObject({ unprocessed: true });
    // The one before it was seen, whatever becomes of it.
    first.call.cancel();
    expect(await first.ended()).toMatchObject({ unprocessed: false });
  });

  test.for([
    [
      'reset',
      (stream: ServerHttp2Stream) => {
        stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      },
    ],
    [
      'lost',
      (_stream: ServerHttp2Stream, session: ServerHttp2Session) => {
        session.destroy();
      },
    ],
    [
      'refused after the answer had begun',
      (stream: ServerHttp2Stream) => {
        stream.respond(GRPC);
        stream.write('x', () => {
          stream.close(constants.NGHTTP2_REFUSED_STREAM);
        });
      },
    ],
    [
      'answered without gRPC',
      (stream: ServerHttp2Stream) => {
        stream.respond({ ':status': 404 }, { endStream: true });
      },
    ],
  ] as const)('perhaps, where it was %s', async ([, serve], context) => {
    const heard = new Heard(dial(context, await backendOf(context, serve)));
    expect(await heard.ended()).toMatchObject({ unprocessed: false });
    expect(heard.end?.failure).toBeDefined();
  });
});

describe('what a paused call is told', () => {
  test('what came before the end is read first, however late', async (context) => {
    const address = await backendOf(context, (stream) => {
      stream.respond(GRPC, { waitForTrailers: true });
      stream.on('wantTrailers', () => {
        stream.sendTrailers({ 'grpc-status': '0' });
      });
      stream.end(Buffer.alloc(40_000, 1));
    });
    const heard = new Heard(dial(context, address));
    heard.call.pause();
    heard.call.halfClose();
    await until(() => heard.call.bytesHeld === 40_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect([heard.chunks.length, heard.end]).toEqual([0, undefined]);
    heard.call.resume();
    expect(await heard.ended()).toMatchObject({ status: 0 });
    expect(Buffer.concat(heard.chunks)).toHaveLength(40_000);
    expect(heard.call.bytesHeld).toBe(0);
  });
});

describe('keepalive', () => {
  /** A backend whose machine is gone once it has answered: nothing comes of it any more, and no end either. */
  async function vanishing(context: TestContext, address: string) {
    const [host = '', port = ''] = address.split(':');
    const sockets = new Set<Socket>();
    let gone = false;
    const server = createTcpServer((socket) => {
      const onward = import('node:net').then(({ connect }) => connect({ host, port: Number(port) }));
      void onward.then((to) => {
        sockets.add(socket).add(to);
        socket.on('data', (chunk) => gone || to.write(chunk));
        to.on('data', (chunk) => gone || socket.write(chunk));
        for (const each of [socket, to]) each.on('error', () => undefined);
        socket.on('close', () => to.destroy());
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    context.onTestFinished(async () => {
      const closed = once(server, 'close');
      for (const socket of sockets) socket.destroy();
      server.close();
      await closed;
    });
    return {
      address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
      vanish: () => {
        gone = true;
      },
    };
  }

  test('a backend that is gone without a word is given up: its calls are broken', async (context) => {
    const backend = await backendOf(context, (stream) => {
      stream.respond(GRPC);
    });
    const { address, vanish } = await vanishing(context, backend);
    const keepalive = { keepaliveIntervalMs: 30, keepaliveTimeoutMs: 30 };
    const heard = new Heard(dial(context, address, { keepalive }));
    await until(() => heard.headers);
    vanish();
    expect(await heard.ended()).toMatchObject({ status: 14, unprocessed: false, failure: { broken: true } });
  });

  test('one that answers is kept, and is not asked while there is no call', async (context) => {
    let pings = 0;
    const address = await backendOf(context, (stream, session) => {
      session.on('ping', () => (pings += 1));
      stream.respond(GRPC);
    });
    const keepalive = { keepaliveIntervalMs: 10, keepaliveTimeoutMs: 300 };
    const clock = new SystemClock();
    const connector = dial(context, address, { clock, keepalive });
    const heard = new Heard(connector);
    await until(() => pings >= 2);
    expect(heard.end).toBeUndefined();
    heard.call.cancel();
    await heard.ended();
    expect(clock.activeTimers).toBe(0);
  });
});
