/** A GrpcServer with roomy limits, its own clock and metrics, and what it logged. */
import * as grpc from '@grpc/grpc-js';
import { service } from 'grpc-health-check';
import type { TestContext } from 'vitest';
import type { Clock } from '../../src/core/clock.js';
import { SystemClock } from '../../src/core/clock.js';
import { StreamMetrics } from '../../src/metrics/stream-metrics.js';
import type { StreamAcceptor } from '../../src/transport/contract.js';
import { GrpcServer } from '../../src/transport/grpc/grpc-server.js';
import type { GrpcServerOptions } from '../../src/transport/grpc/grpc-server-options.js';

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly fields: object;
  readonly message: string;
}

export class LogCollector {
  readonly lines: LogLine[] = [];

  info(fields: object, message: string): void {
    this.lines.push({ level: 'info', fields, message });
  }
  warn(fields: object, message: string): void {
    this.lines.push({ level: 'warn', fields, message });
  }
  error(fields: object, message: string): void {
    this.lines.push({ level: 'error', fields, message });
  }

  count(part: string): number {
    return this.lines.filter((line) => line.message.includes(part)).length;
  }
}

export interface RunningServer<C extends Clock> {
  readonly server: GrpcServer;
  readonly clock: C;
  readonly metrics: StreamMetrics;
  readonly log: LogCollector;
  /** `host:port` of the first address. */
  readonly target: string;
  readonly port: number;
}

export type ServerSettings<C extends Clock> = Partial<GrpcServerOptions> & {
  readonly clock?: C;
  readonly accept?: StreamAcceptor;
};

/** Never called by tests that are about what lies below the streams. */
const refuseStreams: StreamAcceptor = () => {
  throw new Error('no stream was expected');
};

export function serverOptions(settings: Partial<GrpcServerOptions> = {}): GrpcServerOptions {
  return {
    clock: new SystemClock(),
    logger: new LogCollector(),
    metrics: new StreamMetrics(),
    listen: ['127.0.0.1:0'],
    streamHandler: 'direct',
    maxSockets: 100,
    maxConcurrentStreams: 100,
    maxMessageBytes: 5 * 1024 * 1024,
    maxMetadataBytes: 16 * 1024,
    handshakeTimeoutMs: 10_000,
    firstMessageTimeoutMs: 10_000,
    keepaliveIntervalMs: 30_000,
    keepaliveTimeoutMs: 10_000,
    minPingIntervalMs: 15_000,
    permitPingsWithoutStreams: true,
    idleTimeoutMs: 0,
    maxConnectionAgeMs: 0,
    ageJitter: 0,
    ageGraceMs: 1_000,
    streamWindowBytes: 64 * 1024,
    connectionWindowBytes: 1024 * 1024,
    reflection: false,
    tcpNoDelay: true,
    ...settings,
  };
}

/** Starts a server, destroyed when the test ends. */
export async function startServer<C extends Clock = SystemClock>(
  context: TestContext,
  settings: ServerSettings<C> = {},
): Promise<RunningServer<C>> {
  const { accept = refuseStreams, clock = new SystemClock() as Clock as C, ...rest } = settings;
  const metrics = new StreamMetrics();
  const log = new LogCollector();
  const server = new GrpcServer(serverOptions({ clock, metrics, logger: log, ...rest }));
  await server.start(accept);
  context.onTestFinished(async () => {
    await server.destroy();
  });
  const [first] = server.addresses;
  if (first === undefined) throw new Error('the server listens nowhere');
  return { server, clock, metrics, log, target: first.text, port: first.kind === 'tcp' ? first.port : 0 };
}

interface HealthStub extends grpc.Client {
  check(
    request: { readonly service: string },
    metadata: grpc.Metadata,
    callback: (error: grpc.ServiceError | null, reply: HealthReply) => void,
  ): void;
  watch(request: { readonly service: string }): grpc.ClientReadableStream<HealthReply>;
  list(
    request: object,
    callback: (
      error: grpc.ServiceError | null,
      reply: { readonly statuses: Record<string, HealthReply> },
    ) => void,
  ): void;
}

const HealthClient = grpc.makeGenericClientConstructor(service, 'grpc.health.v1.Health') as unknown as new (
  target: string,
  credentials: grpc.ChannelCredentials,
  options: grpc.ClientOptions,
) => HealthStub;

export interface HealthReply {
  readonly status: string;
}

/** A grpc-js client of the health service, closed when the test ends; each has a connection of its own. */
export function healthClient(
  context: TestContext,
  target: string,
  credentials: grpc.ChannelCredentials = grpc.credentials.createInsecure(),
  options: grpc.ClientOptions = {},
): {
  readonly check: (name?: string, metadata?: grpc.Metadata) => Promise<HealthReply>;
  readonly watch: (name?: string) => grpc.ClientReadableStream<HealthReply>;
  readonly list: () => Promise<Record<string, HealthReply>>;
  readonly close: () => void;
} {
  const client = new HealthClient(target, credentials, { 'grpc.use_local_subchannel_pool': 1, ...options });
  context.onTestFinished(() => {
    client.close();
  });
  return {
    check: (name = '', metadata = new grpc.Metadata()) =>
      new Promise((resolve, reject) => {
        client.check({ service: name }, metadata, (error, reply) => {
          if (error === null) resolve(reply);
          else reject(error);
        });
      }),
    watch: (name = '') => client.watch({ service: name }),
    list: () =>
      new Promise((resolve, reject) => {
        client.list({}, (error, reply) => {
          if (error === null) resolve(reply.statuses);
          else reject(error);
        });
      }),
    close: () => {
      client.close();
    },
  };
}
