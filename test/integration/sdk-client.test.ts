/** The client as users have it, against whole gateways on loopback. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { type Client, type ClientEvent, connect, type ConnectOptions } from '../../src/client/index.js';
import { type GatewayUnderTest, startGateway } from '../helpers/gateway.js';
import { NumberExchange } from '../helpers/number-exchange.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';

/** A client, and what it was told. */
function listening(
  address: string | readonly string[],
  options: ConnectOptions = {},
): { readonly client: Client; readonly events: ClientEvent[] } {
  const events: ClientEvent[] = [];
  return { client: connect(address, { onEvent: (event) => void events.push(event), ...options }), events };
}

const count = (events: readonly ClientEvent[], kind: ClientEvent['kind']): number =>
  events.filter((event) => event.kind === kind).length;

/** A port on which nobody listens now. */
async function deadAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${address.port}`;
}

const settingsOf = (streamHandler: string): Record<string, string | number> => ({
  'server.streamHandler': streamHandler,
});

describe.each(STREAM_HANDLERS)('through the %s handler', (streamHandler) => {
  it.each([true, false])(
    'sends and receives over many streams and sessions (batches: %s)',
    async (batches) => {
      await using server = await startGateway(settingsOf(streamHandler));
      await using client = connect(server.address, {
        batches,
        sessionsPerStream: 5,
        streamsPerConnection: 2,
      });
      const sessions = await Promise.all(Array.from({ length: 20 }, () => client.open('echo')));
      expect(server.gateway.connections).toBe(4);
      const exchanges = sessions.map((session) => new NumberExchange(session, 500));
      await Promise.all(exchanges.map(({ work }) => work));
      expect(exchanges.every(({ isExact }) => isExact)).toBe(true);
      expect(await client.ping()).toBeGreaterThan(0);
      expect(client.sessions).toBe(20);
    },
  );

  it('moves off network connections that are too old, and loses nothing', async () => {
    await using server = await startGateway({
      ...settingsOf(streamHandler),
      'server.maxConnectionAge': '600ms',
      'server.ageJitter': 0.2,
      // No matter how busy the machine is: whoever is asked to leave leaves in time.
      'server.ageGrace': '30s',
    });
    const { client, events } = listening(server.address, { sessionsPerStream: 2 });
    await using _closing = client;
    const sessions = await Promise.all(Array.from({ length: 6 }, () => client.open('echo')));
    const exchanges: NumberExchange[] = [];
    // Until each has moved some times, whatever the machine's pace.
    while (count(events, 'draining') < 9) {
      const round = sessions.map((session) => new NumberExchange(session, 200));
      await Promise.all(round.map(({ work }) => work));
      exchanges.push(...round);
    }
    expect(exchanges.every(({ isExact }) => isExact)).toBe(true);
    expect(count(events, 'disconnected')).toBe(0);
  });
});

it('finds the gateway that is there, and comes back to one that is back', async () => {
  const dead = await deadAddress();
  await using server = await startGateway();
  const { client, events } = listening([dead, server.address]);
  await using _closing = client;
  const session = await client.open('echo');
  await session.sendAndWait('1');
  expect(events[1]).toMatchObject({
    kind: 'disconnected',
    address: dead,
    error: { code: 'UNREACHABLE', message: expect.stringContaining(dead) as string },
  });
  expect(events.at(-1)).toMatchObject({ kind: 'connected', address: server.address });
});

it('goes on with a gateway that was restarted, where that is wanted', async () => {
  let server: GatewayUnderTest = await startGateway();
  const { address } = server;
  const { client } = listening(address, { openTimeoutMs: 60_000 });
  await using _closing = client;
  const resets: string[] = [];
  const session = await client.open('echo', {
    onReset: ({ error, resend }) => {
      resets.push(error.code);
      resend();
    },
  });
  await session.sendAndWait('1');
  expect((await session.receive())?.text).toBe('1');
  await server[Symbol.asyncDispose]();
  const sent = session.sendAndWait('2');
  server = await startGateway({ 'server.listen': address });
  try {
    await sent;
    expect((await session.receive())?.text).toBe('2');
    expect(resets).toHaveLength(1);
  } finally {
    await client.close();
    await server[Symbol.asyncDispose]();
  }
});

describe('what is wrong is one sentence', () => {
  it('nobody there', async () => {
    const dead = await deadAddress();
    await using client = connect(dead, { openTimeoutMs: 0 });
    await expect(client.open()).rejects.toMatchObject({
      name: 'ClientError',
      code: 'UNREACHABLE',
      retry: 'backoff',
      message: expect.stringContaining(dead) as string,
    });
    await expect(client.ping()).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });

  it('a route that there is not', async () => {
    await using server = await startGateway();
    await using client = connect(server.address);
    await expect(client.open('nowhere')).rejects.toMatchObject({ code: 'UNKNOWN_ROUTE', retry: 'never' });
  });

  it('TLS where there is none', async () => {
    await using server = await startGateway();
    await using client = connect(`grpcs://${server.address}`);
    await expect(client.open()).rejects.toMatchObject({ code: 'TLS_MISMATCH', retry: 'never' });
  });

  it('a message larger than this client takes, which the next connection would bring again', async () => {
    await using server = await startGateway();
    const { client, events } = listening(server.address, { maxMessageBytes: 2_000 });
    await using _closing = client;
    const session = await client.open('echo');
    const other = await client.open('echo');
    await session.send(Buffer.alloc(3_000));
    const end = {
      error: {
        code: 'MESSAGE_TOO_LARGE',
        retry: 'never',
        message: expect.stringMatching(/more than 2000 bytes.+maxMessageBytes of connect/) as string,
      },
    };
    expect(await session.closed).toMatchObject(end);
    expect(await other.closed).toMatchObject(end);
    expect(count(events, 'connected')).toBe(1);
    // Whoever opens anew may.
    expect((await client.open('echo')).isOpen).toBe(true);
  });

  it('a token that the client sends and the gateway is not set to read', async () => {
    await using server = await startGateway();
    const token = 'x'.repeat(16 * 1024);
    await using client = connect(server.address, { token, openTimeoutMs: 0 });
    await expect(client.open('echo')).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      message: expect.stringContaining(
        'do the token and the metadata fit in its server.maxMetadataSize?',
      ) as string,
    });
    await using wider = await startGateway({ 'server.maxMetadataSize': '20KiB' });
    await using other = connect(wider.address, { token });
    expect((await other.open('echo')).isOpen).toBe(true);
  });

  it('a gateway that takes connections and says nothing: the network knows most of it', async () => {
    const server = createServer((socket) => socket.resume());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    await using client = connect(`127.0.0.1:${port}`, { connectTimeoutMs: 1_000, openTimeoutMs: 0 });
    await expect(client.open()).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('does not answer to HTTP/2 without TLS within 900 ms') as string,
    });
    server.close();
  });

  it('more connections than the gateway takes of one client', async () => {
    await using server = await startGateway({ 'pool.maxConnectionsPerClient': 2 });
    const { client, events } = listening(server.address, {
      ...{ clientId: 'ann', sessionsPerStream: 1, openTimeoutMs: 3_000 },
    });
    await using _closing = client;
    const opened = await Promise.allSettled([1, 2, 3].map(() => client.open('echo')));
    expect(opened.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(opened[2]).toMatchObject({ reason: { code: 'CLIENT_LIMIT', retry: 'backoff' } });
    // Those that there are go on.
    expect(count(events, 'connected')).toBe(2);
    expect(client.sessions).toBe(2);
  });
});

it('closes with much under way, and leaves nothing', async () => {
  await using server = await startGateway();
  const client = connect(server.address, { sessionsPerStream: 5 });
  const sessions = await Promise.all(Array.from({ length: 20 }, () => client.open('echo')));
  const sent = sessions.flatMap((session) =>
    Array.from({ length: 100 }, (_, i) => session.sendAndWait(String(i))),
  );
  await client.close();
  await Promise.all(sent);
  expect(server.gateway.sessions).toBe(0);
  // Disposal of the gateway and the leak check of every test see to the rest.
});
