/** Calls that go through a proxy over real sockets, at whatever services backends have. */
import { SystemClock } from '../../src/core/clock.js';
import { loadConfig } from '../../src/config/load.js';
import type { CallTerms, MethodCounters } from '../../src/proxy/call-terms.js';
import { type CallOutcome, ProxiedCall } from '../../src/proxy/proxied-call.js';
import { backendDial } from '../../src/transport/grpc/backend-channel.js';
import type { RelayedHeaders } from '../../src/transport/proxy-contract.js';
import type { UpstreamSettings } from '../../src/upstream/upstream-options.js';
import { UpstreamPool } from '../../src/upstream/upstream-pool.js';
import { type GrpcHarness, startGrpcHarness } from './grpc-harness.js';
import { RecordingLogger } from './recording-logger.js';
import { until } from './settled.js';

export const OPEN_TERMS: CallTerms = {
  maxMessageBytes: 5 * 1024 * 1024,
  queueBytes: 256 * 1024,
  queueMessages: 0,
  idleTimeoutMs: 0,
  messagesPerSecond: 0,
  bytesPerSecond: 0,
  maxAttempts: 0,
  retryOn: new Set(),
  retryBufferBytes: 64 * 1024,
};

export function noCounts(): MethodCounters {
  return { messagesUp: 0, messagesDown: 0, bytesUp: 0, bytesDown: 0, pausesUp: 0, pausesDown: 0, retries: 0 };
}

export interface ProxyWorldOptions {
  readonly terms?: Partial<CallTerms>;
  readonly upstream?: Partial<UpstreamSettings>;
  readonly extraHeaders?: RelayedHeaders;
  readonly account?: { add(bytes: number): void };
}

export class ProxyWorld implements AsyncDisposable {
  readonly harness: GrpcHarness;
  readonly pool: UpstreamPool;
  readonly calls: ProxiedCall[] = [];
  readonly outcomes: CallOutcome[] = [];
  readonly counters = noCounts();
  readonly #clock: SystemClock;

  private constructor(harness: GrpcHarness, pool: UpstreamPool, clock: SystemClock) {
    this.harness = harness;
    this.pool = pool;
    this.#clock = clock;
  }

  static async start(addresses: readonly string[], options: ProxyWorldOptions = {}): Promise<ProxyWorld> {
    const clock = new SystemClock();
    const argv = ['--upstreams', JSON.stringify({ it: { addresses } })];
    const { config } = loadConfig({ argv });
    const settings = {
      ...(config.upstreams['it'] as UpstreamSettings),
      backoffFirst: 10,
      ...options.upstream,
    };
    const dial = backendDial({
      clock,
      maxMessageBytes: settings.maxMessageSize,
      flowControlWindowBytes: settings.streamWindow,
      streamsPerConnection: settings.streamsPerConnection,
      connectTimeoutMs: settings.connectTimeout,
      userAgent: 'sluice/test',
    });
    const pool = new UpstreamPool({
      name: 'it',
      settings,
      dial,
      clock,
      random: Math.random,
      logger: new RecordingLogger(),
    });
    let world: ProxyWorld | undefined = undefined as ProxyWorld | undefined;
    const harness = await startGrpcHarness(
      'direct',
      () => {
        throw new Error('no stream is served here');
      },
      {
        proxies: {
          serves: (path) => path.startsWith('/test.'),
          accept: (stream) => {
            const here = world as ProxyWorld;
            const call = new ProxiedCall({
              proxy: 'it',
              stream,
              pool,
              terms: { ...OPEN_TERMS, ...options.terms },
              clock,
              account: options.account,
              counters: here.counters,
              extraHeaders: options.extraHeaders ?? [],
              onEnd: (outcome) => {
                here.outcomes.push(outcome);
              },
            });
            here.calls.push(call);
            call.start();
            return call;
          },
        },
      },
    );
    world = new ProxyWorld(harness, pool, clock);
    pool.start();
    return world;
  }

  get address(): string {
    return this.harness.address;
  }

  /** Every call that was begun is over, and holds nothing. */
  async settled(): Promise<void> {
    await until(() => this.outcomes.length === this.calls.length);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.pool.stop();
    await this.harness.close();
    await until(() => this.#clock.activeTimers === 0);
  }
}
