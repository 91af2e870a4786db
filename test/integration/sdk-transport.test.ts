/** What the SDK relies on of a network, over gRPC with both ways of serving it, over WebSocket, and over memory. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { SystemClock } from '../../src/core/clock.js';
import { GrpcStatus, SluiceError } from '../../src/core/errors.js';
import type { CallMetadata, Connector } from '../../src/transport/client-contract.js';
import type { StreamMethod } from '../../src/transport/contract.js';
import { type GrpcDialOptions, grpcDial } from '../../src/transport/grpc/channel.js';
import { memoryDial } from '../../src/transport/memory/memory-connector.js';
import { webSocketDial } from '../../src/transport/websocket-client/dial.js';
import { type DataMessage, dataMessage } from '../../src/wire/messages.js';
import { startGateway } from '../helpers/gateway.js';
import { startGrpcHarness } from '../helpers/grpc-harness.js';
import { RecordingAcceptor } from '../helpers/recording-receiver.js';
import { RecordingCall, RecordingStream } from '../helpers/recording-stream.js';
import { serveWebSockets } from '../helpers/websocket-server.js';

interface Network {
  connect(options?: Partial<GrpcDialOptions>): Connector;
  break(): void;
  /** Network connections there are; over memory the streams. */
  connections(): number;
  close(): Promise<void>;
}

const KINDS = ['direct', 'interceptor', 'websocket', 'memory'] as const;
/** HTTP/2 has windows of its own; a WebSocket is stopped by what the system's buffers on loopback hold. */
const SOCKET_BUFFERS = 16_000_000;
const METHODS: readonly StreamMethod[] = ['StreamData', 'StreamBatches'];

function text(...texts: readonly string[]): DataMessage[] {
  return texts.map((each) => dataMessage({ sessionId: 's', data: Buffer.from(each) }));
}

function bytes(length: number): DataMessage {
  return dataMessage({ sessionId: 's', data: Buffer.alloc(length, 'x') });
}

const told = ({ data }: DataMessage): string => Buffer.from(data).toString();

/** Resolves when it holds, a turn after another. */
async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

async function startNetwork(kind: (typeof KINDS)[number], acceptor: RecordingAcceptor): Promise<Network> {
  const clock = new SystemClock();
  const connectors: Connector[] = [];
  const kept = (connector: Connector): Connector => {
    connectors.push(connector);
    return connector;
  };
  const closeClients = async (): Promise<void> => {
    for (const connector of connectors) connector.close();
    await eventually(() => acceptor.receivers.every(({ close }) => close !== undefined));
    expect(clock.activeTimers).toBe(0);
    for (const { violations } of acceptor.receivers) expect(violations).toEqual([]);
  };
  if (kind === 'memory') {
    const dial = memoryDial(acceptor.accept, { clock });
    return {
      connect: () => kept(dial('memory:')),
      break: () => {
        dial.breakConnections();
      },
      connections: () => dial.openStreams,
      close: closeClients,
    };
  }
  if (kind === 'websocket') {
    const served = await serveWebSockets(acceptor.accept);
    const dial = webSocketDial({ clock, WebSocket, connectTimeoutMs: 10_000 });
    return {
      connect: () => kept(dial(`ws://${served.address}`)),
      break: () => {
        served.breakConnections();
      },
      connections: () => served.server.size,
      close: async () => {
        await closeClients();
        await served.close();
        expect(served.faults).toEqual([]);
      },
    };
  }
  const harness = await startGrpcHarness(kind, acceptor.accept);
  return {
    connect: (options) => kept(grpcDial({ clock, ...options })(harness.address)),
    break: () => {
      harness.breakConnections();
    },
    connections: () => harness.sockets.size,
    close: async () => {
      await closeClients();
      // Nobody but the clients has closed anything.
      await eventually(() => harness.sockets.size === 0);
      await harness.close();
      expect(harness.faults).toEqual([]);
    },
  };
}

describe.each(KINDS)('%s', (kind) => {
  let acceptor: RecordingAcceptor;
  let network: Network;

  beforeEach(async () => {
    acceptor = new RecordingAcceptor();
    network = await startNetwork(kind, acceptor);
  });
  afterEach(() => network.close());

  function open(
    connector = network.connect(),
    method: StreamMethod = 'StreamBatches',
    metadata?: CallMetadata,
  ): RecordingStream {
    return new RecordingStream(connector, method, metadata);
  }

  describe.each(METHODS)('%s', (method) => {
    it('carries messages both ways, in order', async () => {
      const client = open(network.connect(), method);
      const texts = Array.from({ length: 5_000 }, (_, index) => String(index));
      for (let from = 0; from < texts.length; from += 100)
        client.send(...text(...texts.slice(from, from + 100)));
      const receiver = await acceptor.receiver();
      await receiver.until(() => receiver.messages.length === texts.length);
      expect(receiver.messages.map(told)).toEqual(texts);

      receiver.stream.send(text(...texts));
      await client.until(() => client.messages.length === texts.length);
      expect(client.texts).toEqual(texts);
    });

    it('sends before it is connected, and half-closes after all of it', async () => {
      const client = open(network.connect(), method);
      client.send(...text('a', 'b'));
      client.halfClose();
      client.halfClose();
      expect(client.send(...text('too late'))).toBe(false);
      const receiver = await acceptor.receiver();
      await receiver.until(() => receiver.halfClosed);
      expect(receiver.messages.map(told)).toEqual(['a', 'b']);
      receiver.stream.send(text('still there'));
      receiver.stream.end();
      expect(await client.ended()).toEqual({ status: GrpcStatus.OK, message: '' });
      expect(client.texts).toEqual(['still there']);
      expect(await receiver.closed()).toBe('ended');
    });

    it('tells of messages before the status they came with', async () => {
      acceptor.onAccept = ({ stream }) => {
        stream.send(text('a', 'b', 'c'));
        stream.end(new SluiceError('DRAINING', 'Leaving.'));
      };
      const client = open(network.connect(), method);
      expect(await client.ended()).toMatchObject({ code: 'DRAINING' });
      expect(client.texts).toEqual(['a', 'b', 'c']);
    });
  });

  it('sends the metadata', async () => {
    open(network.connect(), 'StreamData', { 'x-client-id': 'ann', authorization: 'Bearer abc' });
    const { metadata } = (await acceptor.receiver()).stream;
    expect(Object.fromEntries(metadata)).toMatchObject({ 'x-client-id': 'ann', authorization: 'Bearer abc' });
  });

  it('tells the status, the code and when to come again', async () => {
    const error = new SluiceError('RATE_LIMITED', 'Too fast: “100 %” of it.', { retryAfterMs: 1_250 });
    acceptor.onAccept = ({ stream }) => {
      stream.end(error);
    };
    expect(await open().ended()).toEqual({
      // A WebSocket's close says the code, which says more.
      status: kind === 'websocket' ? GrpcStatus.UNKNOWN : error.entry.grpcStatus,
      message: 'Too fast: “100 %” of it.',
      code: 'RATE_LIMITED',
      retryAfterMs: 1_250,
    });
  });

  it('cancels at once, and says so in a later turn', async () => {
    const client = open();
    client.send(...text('a'));
    const receiver = await acceptor.receiver();
    client.cancel();
    client.cancel();
    expect(client.end).toBeUndefined();
    expect(client.send(...text('b'))).toBe(false);
    expect(await client.ended()).toMatchObject({ status: GrpcStatus.CANCELLED });
    // A WebSocket that this side does not know to be open yet has no words for it.
    expect(kind === 'websocket' ? ['cancelled', 'lost'] : ['cancelled']).toContain(await receiver.closed());
  });

  it('cancels before it is connected', async () => {
    const client = open();
    client.cancel();
    expect(await client.ended()).toMatchObject({ status: GrpcStatus.CANCELLED });
  });

  it('may be cancelled while it is told of messages, and tells no more of them', async () => {
    const client = open();
    const receiver = await acceptor.receiver();
    client.onEvent = () => {
      client.cancel();
    };
    // More than are told of at a time.
    receiver.stream.send(Array.from({ length: 3_000 }, () => text('a')).flat());
    await client.until(() => client.messages.length > 0);
    expect(client.end).toBeUndefined();
    expect(await client.ended()).toMatchObject({ status: GrpcStatus.CANCELLED });
    expect(client.batches).toHaveLength(1);
  });

  it('stops a sender whose gateway does not read, and tells it when it reads again', async () => {
    acceptor.room = 0;
    const client = open();
    const receiver = await acceptor.receiver();
    let sent = 0;
    while (client.send(bytes(10_000))) sent += 1;
    sent += 1;
    // What the network takes is bounded: HTTP/2 windows, socket buffers and what waits here.
    for (let more = 0; more < 20; more += 1) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      while (client.writables > 0) {
        client.writables -= 1;
        do sent += 1;
        while (client.send(bytes(10_000)));
      }
    }
    expect(sent * 10_000).toBeLessThan(kind === 'websocket' ? SOCKET_BUFFERS : 2_000_000);
    receiver.makeRoom(1_000_000);
    await receiver.until(() => receiver.messages.length === sent);
    await client.until(() => client.writables > 0);
    expect(client.writables).toBe(1);
  });

  it('says nothing of room to those who did not wait', async () => {
    const client = open();
    expect(client.send(...text('a'))).toBe(true);
    const receiver = await acceptor.receiver();
    await receiver.until(() => receiver.messages.length === 1);
    receiver.stream.end();
    await client.ended();
    expect(client.writables).toBe(0);
  });

  it('is lost when the network breaks', async () => {
    const client = open();
    const receiver = await acceptor.receiver();
    network.break();
    const end = await client.ended();
    expect(end).toMatchObject({
      status: GrpcStatus.UNAVAILABLE,
      message: expect.stringMatching(/^The connection to .* was lost\.$/),
    });
    expect(end.failure).toBeUndefined();
    expect(await receiver.closed()).toBe('lost');
  });

  it('connects again after the network broke', async () => {
    const connector = network.connect();
    const first = open(connector);
    await acceptor.receiver();
    network.break();
    await first.ended();
    const second = open(connector);
    second.send(...text('again'));
    const receiver = await acceptor.receiver(1);
    await receiver.until(() => receiver.messages.length === 1);
  });

  it('gives up every call when it is closed, and takes no new ones', async () => {
    const connector = network.connect();
    const clients = [open(connector), open(connector)];
    await acceptor.receiver(1);
    connector.close();
    connector.close();
    expect(clients.map(({ end }) => end)).toEqual([undefined, undefined]);
    for (const client of [...clients, open(connector)])
      expect(await client.ended()).toEqual({ status: GrpcStatus.CANCELLED, message: expect.any(String) });
    const events = new RecordingCall();
    connector.call('Publish', {}, events);
    expect(await events.ended).toMatchObject({ status: GrpcStatus.CANCELLED });
    await eventually(() => network.connections() === 0);
  });

  it('closes while it connects', async () => {
    const connector = network.connect();
    const client = open(connector);
    connector.close();
    expect(await client.ended()).toMatchObject({ status: GrpcStatus.CANCELLED });
  });
});

describe.each(['direct', 'interceptor'] as const)('the connections of gRPC, %s', (kind) => {
  let acceptor: RecordingAcceptor;
  let network: Network;

  beforeEach(async () => {
    acceptor = new RecordingAcceptor();
    network = await startNetwork(kind, acceptor);
  });
  afterEach(() => network.close());

  const open = (connector: Connector): RecordingStream => new RecordingStream(connector, 'StreamBatches');
  /** Whose network connection is whose, by the client's port. */
  const peers = async (count: number): Promise<string[]> => {
    await acceptor.receiver(count - 1);
    return acceptor.receivers.map(({ stream }) => stream.peer);
  };

  it('carries so many streams each, and then makes another', async () => {
    const connector = network.connect({ streamsPerConnection: 2 });
    const first = Array.from({ length: 5 }, () => open(connector));
    expect(new Set(await peers(5)).size).toBe(3);
    expect(network.connections()).toBe(3);
    // Where one has ended there is room again.
    first[0]?.cancel();
    await first[0]?.ended();
    open(connector);
    open(connector);
    expect(new Set(await peers(7)).size).toBe(3);
  });

  it('carries on after its streams are over, and keeps the connection', async () => {
    const connector = network.connect();
    for (let count = 1; count <= 3; count += 1) {
      const client = open(connector);
      (await acceptor.receiver(count - 1)).stream.end();
      await client.ended();
    }
    expect(new Set(await peers(3)).size).toBe(1);
  });

  it('makes a new connection after a stream has failed, and leaves the others where they are', async () => {
    const connector = network.connect();
    const [first, second] = [open(connector), open(connector)];
    const [one, two] = [await acceptor.receiver(0), await acceptor.receiver(1)];
    expect(one.stream.peer).toBe(two.stream.peer);
    one.stream.end(new SluiceError('STREAM_LIMIT', 'Enough.'));
    await first.ended();
    open(connector);
    const three = await acceptor.receiver(2);
    expect(three.stream.peer).not.toBe(two.stream.peer);
    two.stream.send(text('still here'));
    await second.until(() => second.messages.length === 1);
    // With its last stream the old connection goes.
    second.cancel();
    await eventually(() => network.connections() === 1);
  });

  it('renews: what is there goes on, what comes goes elsewhere', async () => {
    const connector = network.connect();
    const old = open(connector);
    const one = await acceptor.receiver(0);
    connector.renew();
    connector.renew();
    open(connector);
    const two = await acceptor.receiver(1);
    expect(two.stream.peer).not.toBe(one.stream.peer);
    old.send(...text('on the old'));
    await one.until(() => one.messages.length === 1);
    old.cancel();
    await eventually(() => network.connections() === 1);
    // And without any stream at once.
    connector.renew();
    await eventually(() => network.connections() === 1);
  });

  it('keeps a message without the memory it came in', async () => {
    const client = open(network.connect());
    const receiver = await acceptor.receiver();
    receiver.stream.send([...text('small'), bytes(40_000)]);
    await client.until(() => client.messages.length === 2);
    const [small, large] = client.data;
    expect(small?.data.buffer.byteLength).toBe('small'.length);
    expect(large?.data.buffer.byteLength).toBeLessThanOrEqual(4 * 40_000);
  });
});

describe('a whole gateway', () => {
  it('allows fewer streams on a connection than the client would have', async () => {
    await using gateway = await startGateway({ 'server.maxConcurrentStreams': 2 });
    const clock = new SystemClock();
    const connector = grpcDial({ clock })(gateway.address);
    const clients = Array.from({ length: 5 }, () => new RecordingStream(connector, 'StreamBatches'));
    for (const client of clients) await client.until(() => client.messages.length > 0);
    expect(gateway.gateway.sockets).toBe(3);
    connector.close();
    for (const client of clients) await client.ended();
    expect(clock.activeTimers).toBe(0);
  });

  it('is told of in metadata that can not be sent, and not of its value', async () => {
    const clock = new SystemClock();
    const connector = grpcDial({ clock })('127.0.0.1:1');
    const metadata = { authorization: 'Bearer secret\n' };
    const end = await new RecordingStream(connector, 'StreamBatches', metadata).ended();
    expect(end).toMatchObject({ status: GrpcStatus.INVALID_ARGUMENT });
    expect(end.message).toContain('"authorization"');
    expect(end.message).not.toContain('secret');
    connector.close();
  });

  it('takes no batch larger than a message may be, which the client heeds once it is welcomed', async () => {
    await using gateway = await startGateway({ 'server.maxMessageSize': '2KiB' });
    const connector = grpcDial({ clock: new SystemClock() })(gateway.address);
    const client = new RecordingStream(connector, 'StreamBatches');
    const some = (): DataMessage[] => Array.from({ length: 20 }, () => bytes(500));
    client.send(...some());
    await client.until(() => client.data.length === 20);
    client.send(...some());
    await client.until(() => client.data.length === 40);
    client.halfClose();
    expect(await client.ended()).toMatchObject({ status: GrpcStatus.OK });
    connector.close();
  });
});
