/** The stock example's gateway at work, all that it can count configured, and a real Prometheus that scrapes it. */
import { Client as GrpcClient, credentials } from '@grpc/grpc-js';
import { GatewayProcess } from '../../examples/kit/gateway-process.js';
import { Prometheus } from '../../examples/kit/prometheus.js';
import { Program } from '../../examples/stock/program.js';
import { type Client, connect } from '../../src/client/index.js';
import { CalloutServer } from './callout-server.js';
import { answerKeys, JwksServer } from './jwks-server.js';
import { makeTokenKey, signToken } from './tokens.js';

interface RulesAnswer {
  readonly data: {
    readonly groups: readonly {
      readonly rules: readonly {
        readonly name: string;
        readonly health: string;
        readonly lastError?: string;
        readonly state: string;
      }[];
    }[];
  };
}

export class WatchedGateway {
  readonly #prometheus: Prometheus;
  /** The last that was started is the first to go. */
  readonly #stops: readonly (() => Promise<void>)[];

  private constructor(prometheus: Prometheus, stops: readonly (() => Promise<void>)[]) {
    this.#prometheus = prometheus;
    this.#stops = stops;
  }

  static async start(): Promise<WatchedGateway> {
    const stops: (() => Promise<void>)[] = [];
    const kept = <T extends AsyncDisposable>(part: T): T => {
      stops.unshift(async () => part[Symbol.asyncDispose]());
      return part;
    };
    const key = makeTokenKey('ES256', { kid: 'one' });
    const keys = await JwksServer.start(answerKeys(key));
    stops.unshift(() => keys.disappear());
    const callout = kept(await CalloutServer.start());
    const stock = kept(await Program.start('server', '--port', '0', '--rate', '50'));
    const gateway = kept(
      await GatewayProcess.start({
        config: 'examples/stock/gateway.yaml',
        flags: [
          ...['--server.listen', '127.0.0.1:0', '--admin.listen', '127.0.0.1:0'],
          ...['--edge.enabled', 'true', '--edge.listen', '127.0.0.1:0'],
          ...['--routes', JSON.stringify({ echo: { kind: 'echo' }, news: { kind: 'topic' } })],
          // Nobody comes near it.
          ...['--rateLimits', JSON.stringify({ perClient: { messages: 10_000, per: '1s' } })],
          ...['--upstreams', JSON.stringify({ quotes: { addresses: [stock.address] } })],
          ...[
            '--auth.methods',
            'anonymous,jwt',
            '--auth.jwt.jwksUrl',
            keys.url,
            '--auth.callout.url',
            callout.url,
          ],
        ],
      }),
    );
    const through = ['--address', gateway.address];
    const clients = [
      kept(await Program.start('client', ...through)),
      kept(await Program.start('client', '--slow', ...through)),
    ];
    const traffic = new Traffic(
      gateway.address,
      signToken(key, { sub: 'echoes', exp: Math.floor(Date.now() / 1_000) + 3_600 }),
    );
    stops.unshift(() => traffic.stop());
    const prometheus = await Prometheus.start({
      gateways: [new URL(gateway.admin).host],
      stock: [stock.metrics, ...clients.map(({ metrics }) => metrics)],
    });
    if (prometheus === undefined) throw new Error('there is no prometheus here');
    return new WatchedGateway(kept(prometheus), stops);
  }

  /** The names of those expressions that have no number now, whatever is chosen above the panels of a dashboard. */
  async withoutData(
    expressions: readonly (readonly [name: string, expr: string])[],
  ): Promise<readonly string[]> {
    const without: string[] = [];
    for (const [name, expr] of expressions) {
      const filled = expr
        .replaceAll('$__rate_interval', '10s')
        .replaceAll('$__interval', '5s')
        .replaceAll('$instance', '.*');
      const series = await this.#prometheus.query(filled);
      if (!series.some(({ points }) => points.some(([, value]) => Number.isFinite(value))))
        without.push(name);
    }
    return without;
  }

  /** What is wrong with the rules, of which there are so many: empty once each was evaluated, and none fires. */
  async ruleFaults(count: number): Promise<readonly string[]> {
    const response = await fetch(`${this.#prometheus.url}/api/v1/rules`);
    const { data } = (await response.json()) as RulesAnswer;
    const rules = data.groups.flatMap((group) => group.rules);
    return [
      ...(rules.length === count ? [] : [`${rules.length} rules`]),
      ...rules
        .filter(({ health, state }) => health !== 'ok' || state === 'firing')
        .map(({ name, health, state, lastError = '' }) => `${name}: ${health}, ${state} ${lastError}`),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stop of this.#stops) await stop();
  }
}

/** A client that says something to the route echo, hears it, and makes a call that fails, again and again. */
class Traffic {
  readonly #client: Client;
  readonly #backend: GrpcClient;
  readonly #running: Promise<void>;
  #stopped = false;

  constructor(address: string, token: string) {
    this.#client = connect(address, { token });
    this.#backend = new GrpcClient(address, credentials.createInsecure());
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    this.#backend.close();
    await this.#client.close();
  }

  async #run(): Promise<void> {
    const session = await this.#client.open('echo');
    const heard = session[Symbol.asyncIterator]();
    while (!this.#stopped) {
      await session.send('hello');
      await heard.next();
      await this.#call();
    }
    await session.close();
  }

  /** Its request is none: the service answers INTERNAL. */
  #call(): Promise<void> {
    const garbage = (): Buffer => Buffer.from([0xff]);
    const asItIs = (bytes: Buffer): Buffer => bytes;
    return new Promise((resolve) => {
      this.#backend
        .makeServerStreamRequest('/stock.StockService/GetUpdates', garbage, asItIs, undefined)
        .once('error', () => {
          resolve();
        })
        .resume();
    });
  }
}
