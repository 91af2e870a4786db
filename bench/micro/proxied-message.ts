/**
 * What a message costs that is passed on: by a proxy of the gateway's (raw bytes
 * from HTTP/2 stream to HTTP/2 stream), and by one made of grpc-js (a handler that
 * makes the same call at the backend, messages as buffers). CPU time of the process
 * between, a message of 256 bytes, with 100 of them under way on one stream there and
 * back; client and backend are of grpc-js, in another process. In pairs, round after round.
 *
 *   node --import tsx bench/micro/proxied-message.ts [--rounds n] [--messages n]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  Client,
  credentials,
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
} from '@grpc/grpc-js';
import { loadConfig } from '../../src/config/load.js';
import { SystemClock } from '../../src/core/clock.js';
import { ProxiedCall } from '../../src/proxy/proxied-call.js';
import { backendDial } from '../../src/transport/grpc/backend-channel.js';
import { attachProxyHandler } from '../../src/transport/grpc/proxy-handler.js';
import { UpstreamPool } from '../../src/upstream/upstream-pool.js';

const PATH = '/bench.Echo/Chat';
const BODY = Buffer.alloc(256, 0x5a);
const UNDER_WAY = 100;
const bytes = (buffer: Buffer): Buffer => buffer;
const ECHO = {
  chat: {
    path: PATH,
    requestStream: true,
    responseStream: true,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  },
} as const;
type Chat = ServerDuplexStream<Buffer, Buffer>;

const KINDS = ['sluice', 'grpc-js'] as const;
type Kind = (typeof KINDS)[number];

function listen(server: Server): Promise<string> {
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(`127.0.0.1:${port}`);
      else reject(error);
    });
  });
}

/** A proxy of ours in front of a server that serves nothing. */
async function ours(backend: string): Promise<string> {
  const clock = new SystemClock();
  const { config } = loadConfig({ argv: ['--upstreams', JSON.stringify({ it: { addresses: [backend] } })] });
  const settings = config.upstreams['it'];
  if (settings === undefined) throw new Error('no upstream');
  const logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: () => undefined,
  };
  const dial = backendDial({
    clock,
    maxMessageBytes: settings.maxMessageSize,
    flowControlWindowBytes: settings.streamWindow,
    streamsPerConnection: settings.streamsPerConnection,
    connectTimeoutMs: settings.connectTimeout,
    userAgent: 'bench',
  });
  const pool = new UpstreamPool({
    name: 'it',
    settings,
    dial,
    clock,
    random: Math.random,
    logger,
  });
  const terms = {
    maxMessageBytes: 5 << 20,
    queueBytes: 256 << 10,
    queueMessages: 0,
    idleTimeoutMs: 0,
    messagesPerSecond: 0,
    bytesPerSecond: 0,
    maxAttempts: 0,
    retryOn: new Set<number>(),
    retryBufferBytes: 64 << 10,
  };
  const counters = {
    messagesUp: 0,
    messagesDown: 0,
    bytesUp: 0,
    bytesDown: 0,
    pausesUp: 0,
    pausesDown: 0,
    retries: 0,
  };
  const server = new Server();
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  attachProxyHandler(server, {
    clock,
    onFault: (error) => {
      throw error;
    },
    acceptor: {
      serves: (path) => path === PATH,
      accept: (stream) => {
        const call = new ProxiedCall({
          ...{ proxy: 'it', stream, pool, terms, clock, counters, extraHeaders: [] },
          onEnd: () => undefined,
        });
        call.start();
        return call;
      },
    },
  });
  const listener = createServer({ noDelay: true }, (socket) => {
    injector.injectConnection(socket);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return `127.0.0.1:${(listener.address() as AddressInfo).port}`;
}

/** The same with what grpc-js offers: messages are taken apart and put together, and not decoded. */
function theirs(backend: string): Promise<string> {
  const client = new Client(backend, credentials.createInsecure(), { 'grpc.per_rpc_retry_buffer_size': 0 });
  const server = new Server();
  server.addService(ECHO, {
    chat: (call: Chat) => {
      const onward = client.makeBidiStreamRequest(PATH, bytes, bytes, call.metadata.clone());
      call.on('data', (body: Buffer) => {
        if (onward.write(body)) return;
        call.pause();
        onward.once('drain', () => call.resume());
      });
      call.on('end', () => {
        onward.end();
      });
      onward.on('data', (body: Buffer) => {
        if (call.write(body)) return;
        onward.pause();
        call.once('drain', () => onward.resume());
      });
      onward.on('error', () => undefined);
      onward.on('status', ({ metadata }: { readonly metadata: Metadata }) => {
        call.end(metadata);
      });
      call.on('cancelled', () => {
        onward.cancel();
      });
    },
  });
  return listen(server);
}

/** The process between. */
async function serve(kind: Kind, backend: string): Promise<void> {
  const address = await (kind === 'sluice' ? ours(backend) : theirs(backend));
  process.send?.({ address });
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ cpuMicros: user + system });
  });
}

async function cpuMicros(child: ChildProcess): Promise<number> {
  child.send('cpu');
  const [told] = (await once(child, 'message')) as [{ cpuMicros: number }];
  return told.cpuMicros;
}

/** Resolves when so many messages have gone there and come back. */
function exchange(client: Client, messages: number): Promise<void> {
  const call = client.makeBidiStreamRequest(PATH, bytes, bytes);
  let sent = 0;
  let got = 0;
  const send = (): void => {
    sent += 1;
    call.write(BODY);
  };
  return new Promise((resolve, reject) => {
    call.on('error', reject);
    call.on('data', () => {
      got += 1;
      if (sent < messages) send();
      if (got === messages) call.end();
    });
    call.on('status', () => {
      resolve();
    });
    while (sent < UNDER_WAY) send();
  });
}

async function measure(rounds: number, messages: number): Promise<void> {
  const backend = new Server();
  backend.addService(ECHO, {
    chat: (call: Chat) => {
      call.on('data', (body: Buffer) => call.write(body));
      call.on('end', () => {
        call.end();
      });
    },
  });
  const address = await listen(backend);
  const sides = await Promise.all(
    KINDS.map(async (kind) => {
      const child = fork(fileURLToPath(import.meta.url), ['--serve', kind, '--backend', address]);
      const [told] = (await once(child, 'message')) as [{ address: string }];
      const client = new Client(told.address, credentials.createInsecure(), { 'grpc.enable_retries': 0 });
      return { kind, child, client, micros: [] as number[] };
    }),
  );
  for (const { client } of sides) await exchange(client, messages);
  for (let round = 0; round < rounds; round += 1) {
    for (const side of sides) {
      const before = await cpuMicros(side.child);
      await exchange(side.client, messages);
      side.micros.push(((await cpuMicros(side.child)) - before) / (2 * messages));
    }
  }
  for (const { kind, client, child, micros } of sides) {
    micros.sort((a, b) => a - b);
    const median = micros[Math.floor(micros.length / 2)] ?? 0;
    console.log(
      `${kind.padEnd(8)} ${median.toFixed(2)} µs of CPU a message passed on (${micros.length} rounds)`,
    );
    client.close();
    child.kill();
  }
  backend.forceShutdown();
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    messages: { type: 'string', default: '20000' },
    serve: { type: 'string' },
    backend: { type: 'string', default: '' },
  },
});
if (values.serve !== undefined) await serve(values.serve as Kind, values.backend);
else await measure(Number(values.rounds), Number(values.messages));
