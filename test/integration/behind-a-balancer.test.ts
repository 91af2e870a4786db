import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it, type TestContext } from 'vitest';
import { CertificateDirectory, TestAuthority } from '../helpers/certificates.js';
import { binaryHeader, connectBehind, headerLine, http2Over, ipv4Block } from '../helpers/balancer.js';
import { startEdge } from '../helpers/edge-world.js';
import type { GatewayUnderTest, Settings } from '../helpers/gateway.js';
import { WebSocketCall } from '../helpers/websocket-client.js';
import { framedMessage } from '../helpers/wire-client.js';

const PROXY_PROTOCOL: Settings = {
  'server.proxyProtocol': true,
  'edge.proxyProtocol': true,
  'balancers.trusted': '127.0.0.1',
};
const BELIEVING: Settings = {
  'balancers.trusted': '127.0.0.1,10.0.0.0/8',
  'balancers.forwardedHeader': 'x-forwarded-for',
};
const CLIENT = '203.0.113.7:4711';
const LINE = headerLine('203.0.113.7', 4_711);
const BINARY = binaryHeader(0x21, 0x11, Buffer.concat([ipv4Block('203.0.113.7', 4_711), Buffer.alloc(9)]));
const STREAM_DATA = '/sluice.v1.StreamService/StreamData';

/** Cut at its end: nobody here leaves when told to. */
async function startBehind(settings: Settings): Promise<GatewayUnderTest> {
  const under = await startEdge(settings);
  return {
    ...under,
    async [Symbol.asyncDispose]() {
      await under.gateway.destroy();
      await under[Symbol.asyncDispose]();
    },
  };
}

/** The peers of all connections, as the admin address shows them. */
async function peers({ admin }: GatewayUnderTest): Promise<string[]> {
  const page = (await (await fetch(`${admin}/connections`)).json()) as {
    connections: { peer: string }[];
  };
  return page.connections.map(({ peer }) => peer);
}

/** Opens a stream over gRPC and waits for its Welcome. */
async function openStream(context: TestContext, socket: Socket, headers = {}): Promise<void> {
  const session = http2Over(socket);
  context.onTestFinished(() => {
    session.destroy();
  });
  const stream = session.request({
    ':method': 'POST',
    ':path': STREAM_DATA,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  stream.on('error', () => undefined);
  stream.write(framedMessage({ sessionId: 'a', data: Buffer.from('hello') }));
  await once(stream, 'data');
}

/** Follows a topic over HTTP and waits for the answer's first bytes. */
async function follow(context: TestContext, socket: Socket, headers = ''): Promise<string> {
  context.onTestFinished(() => {
    socket.destroy();
  });
  socket.write(`GET /v1/topics/news/a HTTP/1.1\r\nhost: localhost\r\n${headers}\r\n`);
  const [first] = (await once(socket, 'data')) as [Buffer];
  return first.toString();
}

function edgeOf({ edge }: GatewayUnderTest): string {
  return edge.slice('http://'.length);
}

async function tlsFiles(context: TestContext): Promise<{ settings: Settings; ca: string }> {
  const directory = new CertificateDirectory();
  context.onTestFinished(() => {
    directory.remove();
  });
  const authority = await TestAuthority.create();
  const pair = await authority.issue({ name: 'server' });
  const settings = {
    'server.tls.certificateFile': directory.write('server.pem', pair.cert),
    'server.tls.keyFile': directory.write('server.key', pair.key),
  };
  return { settings, ca: authority.cert };
}

describe('the PROXY protocol', () => {
  it('names the client of a connection, in either version, at both doors', async (context) => {
    await using under = await startBehind(PROXY_PROTOCOL);
    // Header and request in one packet, as balancers send them, and apart.
    await openStream(context, await connectBehind(under.address, LINE));
    await openStream(context, await connectBehind(under.address, BINARY));
    await follow(context, await connectBehind(edgeOf(under), LINE));
    const request = 'GET /v1/topics/news/a HTTP/1.1\r\nhost: localhost\r\n\r\n';
    const together = await connectBehind(edgeOf(under), Buffer.concat([BINARY, Buffer.from(request)]));
    context.onTestFinished(() => {
      together.destroy();
    });
    await once(together, 'data');
    expect(await peers(under)).toEqual([CLIENT, CLIENT, CLIENT, CLIENT]);
  });

  it('stands in front of TLS', async (context) => {
    const { settings, ca } = await tlsFiles(context);
    await using under = await startBehind({ ...PROXY_PROTOCOL, ...settings });
    await openStream(context, await connectBehind(under.address, LINE, { ca, protocol: 'h2' }));
    await openStream(context, await connectBehind(under.address, BINARY, { ca, protocol: 'h2' }));
    await follow(context, await connectBehind(edgeOf(under), BINARY, { ca, protocol: 'http/1.1' }));
    expect(await peers(under)).toEqual([CLIENT, CLIENT, CLIENT]);
  });

  it('leaves the connection its own address where the balancer speaks for itself', async (context) => {
    await using under = await startBehind(PROXY_PROTOCOL);
    await openStream(context, await connectBehind(under.address, binaryHeader(0x20, 0, new Uint8Array(0))));
    await follow(context, await connectBehind(edgeOf(under), Buffer.from('PROXY UNKNOWN\r\n')));
    for (const peer of await peers(under)) expect(peer).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  it('is asked of every connection: others are closed, counted and logged', async () => {
    await using under = await startBehind(PROXY_PROTOCOL);
    for (const address of [under.address, edgeOf(under)]) {
      const socket = await connectBehind(address, Buffer.from('GET / HTTP/1.1\r\n\r\n'));
      await once(socket, 'close');
    }
    expect(under.gateway.metrics.handshakeFailures).toBe(2);
    expect(under.log.filter(({ level }) => level === 'warn')).toMatchObject([
      {
        fields: {
          reason: 'PROXY protocol header expected: it begins with something else (server.proxyProtocol)',
        },
      },
      {
        fields: {
          reason: 'PROXY protocol header expected: it begins with something else (edge.proxyProtocol)',
        },
      },
    ]);
  });

  it('is awaited no longer than a handshake', async () => {
    await using under = await startBehind({
      ...PROXY_PROTOCOL,
      'server.handshakeTimeout': '50ms',
      'edge.handshakeTimeout': '50ms',
    });
    for (const address of [under.address, edgeOf(under)]) {
      const socket = await connectBehind(address, LINE.subarray(0, -1));
      await once(socket, 'close');
    }
    expect(under.gateway.metrics.handshakeTimeouts).toBe(2);
  });

  it('is believed of the balancers alone', async () => {
    await using under = await startBehind({ ...PROXY_PROTOCOL, 'balancers.trusted': '10.0.0.0/8' });
    const socket = await connectBehind(under.address, LINE);
    if (!socket.destroyed) await once(socket, 'close');
    expect(under.log).toContainEqual({
      level: 'warn',
      message: 'a connection was refused',
      fields: {
        peer: expect.stringMatching(/^127\.0\.0\.1:/) as string,
        reason: 'balancers.trusted does not name its address (server.proxyProtocol)',
      },
    });
  });
});

describe('a forwarded header', () => {
  it.for(['direct', 'grpc-js'])(
    'names the client of a call and of a request (%s)',
    async (handler, context) => {
      await using under = await startBehind({ ...BELIEVING, 'server.streamHandler': handler });
      const list = '198.51.100.1, 203.0.113.7, 10.0.0.4';
      await openStream(context, await connectBehind(under.address, Buffer.alloc(0)), {
        'x-forwarded-for': list,
      });
      await follow(
        context,
        await connectBehind(edgeOf(under), Buffer.alloc(0)),
        `x-forwarded-for: ${list}\r\n`,
      );
      expect(await peers(under)).toEqual(['203.0.113.7', '203.0.113.7']);
    },
  );

  it('names the client of a WebSocket', async (context) => {
    await using under = await startBehind({ ...BELIEVING, 'stream.firstMessageTimeout': '9s' });
    const call = new WebSocketCall(edgeOf(under), {
      metadata: { 'x-forwarded-for': '198.51.100.1, 203.0.113.7, 10.0.0.4' },
    });
    context.onTestFinished(() => {
      call.break();
    });
    await new Promise((welcomed) => {
      call.onMessage = welcomed;
    });
    expect(await peers(under)).toEqual(['203.0.113.7']);
  });

  it('is what limits by address go by, and a claim in it is not', async () => {
    await using under = await startBehind({
      ...BELIEVING,
      rateLimits: JSON.stringify({ few: { messages: 1, per: '1h', by: ['address'] } }),
    });
    const publish = async (way: string): Promise<number> => {
      const headers = { 'x-forwarded-for': way };
      const url = `${under.edge}/v1/topics/news/a`;
      return (await fetch(url, { method: 'POST', body: 'x', headers })).status;
    };
    expect(await publish('203.0.113.7')).toBe(200);
    expect(await publish('203.0.113.7')).toBe(429);
    expect(await publish('198.51.100.1, 203.0.113.7')).toBe(429);
    expect(await publish('198.51.100.1')).toBe(200);
  });
});
