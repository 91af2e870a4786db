import type { Config } from './config/schema.js';
import type { Clock } from './core/clock.js';
import { errorText } from './core/error-text.js';
import { GrpcStatus } from './core/errors.js';
import type { Logger } from './core/logger.js';
import { StartError } from './core/start-error.js';
import type { ByteAccount } from './flow/byte-account.js';
import { streamSettings } from './gateway-settings.js';
import { CALL_BOUNDS_MS, type ProxiesFigures } from './metrics/proxy-figures.js';
import { TimeHistogram } from './metrics/time-histogram.js';
import { BackendDescriber } from './proxy/backend-describer.js';
import type { CallTerms } from './proxy/call-terms.js';
import { ProxiedCall } from './proxy/proxied-call.js';
import type { ProxySpec } from './proxy/proxy.js';
import { ProxyServer } from './proxy/proxy-server.js';
import { ReflectionError } from './proxy/reflection-call.js';
import { nearestFirst, servicesIn, type ServiceMethods } from './proxy/service-methods.js';
import { guarded } from './server/guarded-gatekeeper.js';
import type { Gatekeeper } from './server/gatekeeper.js';
import { LogByCode } from './server/log-by-code.js';
import { readProtoFiles } from './transport/grpc/proto-files.js';
import type { UpstreamPool } from './upstream/upstream-pool.js';
import { readFileDescriptor } from './wire/file-descriptor.js';

export interface GatewayProxiesOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly gatekeeper: Gatekeeper;
  readonly account: ByteAccount;
  /** Those of proxies with addresses of their own among them, by the name of the proxy. */
  readonly upstreams: ReadonlyMap<string, UpstreamPool>;
}

type Settings = Config['proxies'][string];

/** Where clients look up which services there are. */
export interface ServiceDirectory {
  /** In the place of what the same owner had before; `files` are FileDescriptorProtos. */
  describe(owner: string, files: readonly Uint8Array[], services: readonly string[]): void;
  /** As well. */
  setServicesServing(owner: string, services: readonly string[], serving: boolean): void;
}

/** The services that a proxy passes on, and the files that declare them. */
interface ProxyDescription {
  readonly files: readonly Uint8Array[];
  readonly services: ServiceMethods;
}

/** The proxies of the configuration: what each passes on, where its descriptions come from, and what it has done. */
export class GatewayProxies {
  readonly server: ProxyServer;
  readonly #options: GatewayProxiesOptions;
  readonly #describers = new Map<string, BackendDescriber>();
  readonly #descriptions = new Map<string, ProxyDescription>();
  readonly #stopFollowing: (() => void)[] = [];
  #directory: ServiceDirectory | undefined;
  #started = false;
  readonly #durations = new Map<string, TimeHistogram>();
  readonly #refusals: LogByCode;

  /** Throws a StartError, one sentence that names the setting, for .proto files that can't be used. */
  constructor(options: GatewayProxiesOptions) {
    const { config, clock, logger, account } = options;
    this.#options = options;
    const { identifyTimeoutMs, expiryGraceMs, ageGraceMs, shedAfterMs } = streamSettings(config);
    this.#refusals = new LogByCode(logger, clock, 'proxied calls refused');
    this.server = new ProxyServer({
      clock,
      logger,
      gatekeeper: guarded(options.gatekeeper, logger),
      account,
      begin: (plan) => new ProxiedCall(plan),
      proxies: Object.entries(config.proxies).map(([name, proxy]) => this.#spec(name, proxy)),
      namesServices: config.server.reflection,
      identifyTimeoutMs,
      expiryGraceMs,
      ageGraceMs,
      shedAfterMs,
      onRefused: ({ error, ...refused }) => {
        this.#refusals.note(error.code, { ...refused, reason: error.message });
      },
      onUnknown: (proxy) => {
        if (proxy !== undefined) this.#describers.get(proxy)?.refresh();
        else for (const describer of this.#describers.values()) describer.refresh();
      },
    });
    for (const [name, proxy] of Object.entries(config.proxies)) {
      if (proxy.proto.length > 0) this.#describeByFiles(name, proxy);
      if (proxy.reflection) this.#describers.set(name, this.#describer(name, proxy));
    }
  }

  /** Tells of the services from now on, and whether their backends are there. */
  attach(directory: ServiceDirectory): void {
    this.#directory = directory;
    for (const [name, { files, services }] of this.#descriptions)
      directory.describe(name, files, [...services.keys()]);
    for (const name of Object.keys(this.#options.config.proxies)) {
      const pool = this.#poolOf(name);
      let told = pool.isWell;
      // It says so at the end of every call.
      const onChange = (): void => {
        if (pool.isWell === told) return;
        told = pool.isWell;
        this.#tellHealth(name);
      };
      this.#stopFollowing.push(pool.follow(onChange));
      this.#tellHealth(name);
    }
  }

  /**
   * Asks the backends that are to say themselves what they serve. Rejects with a StartError where one was asked and its
   * answer is of no use; one that is away is asked later.
   */
  async start(): Promise<void> {
    await Promise.all(
      [...this.#describers].map(([name, describer]) =>
        describer.start().catch((error: unknown) => {
          throw reflectionError(`proxies.${name}.reflection`, error);
        }),
      ),
    );
    this.#started = true;
  }

  /** Reads the .proto files again, and asks the backends again. What can't be used leaves the last good. */
  reload(): void {
    const { config, logger } = this.#options;
    for (const [name, proxy] of Object.entries(config.proxies)) {
      try {
        if (proxy.proto.length > 0) this.#describeByFiles(name, proxy);
      } catch (error) {
        logger.error(
          { proxy: name, reason: errorText(error) },
          'the .proto files of a proxy were not reloaded',
        );
      }
    }
    for (const describer of this.#describers.values()) describer.refresh();
  }

  get figures(): ProxiesFigures {
    const { levels, unknownServices } = this.server;
    return {
      proxies: levels.map((proxy) => ({ ...proxy, durations: this.#durationsOf(proxy.name) })),
      unknownServices,
    };
  }

  /** Ends every call now. Idempotent. */
  destroy(): void {
    for (const describer of this.#describers.values()) describer.stop();
    for (const stop of this.#stopFollowing.splice(0)) stop();
    this.server.destroy();
    this.#refusals.tellAll();
  }

  #poolOf(name: string): UpstreamPool {
    const { config, upstreams } = this.#options;
    const { upstream = '' } = config.proxies[name] ?? {};
    const pool = upstreams.get(upstream === '' ? name : upstream);
    if (pool !== undefined) return pool;
    const key = `proxies.${name}.upstream`;
    throw new StartError(key, `${key} is "${upstream}": there is no such upstream.`);
  }

  #spec(name: string, proxy: Settings): ProxySpec {
    return {
      name,
      services: proxy.services,
      isDescribed: proxy.reflection || proxy.proto.length > 0,
      pool: this.#poolOf(name),
      terms: callTerms(proxy),
      maxCalls: proxy.maxCalls,
      maxCallsPerClient: proxy.maxCallsPerClient,
      durations: this.#durationsOf(name),
    };
  }

  #describeByFiles(name: string, proxy: Settings): void {
    this.#describe(name, `proxies.${name}.proto`, describedByFiles(name, proxy));
  }

  #describer(name: string, { services }: Settings): BackendDescriber {
    const { clock, logger } = this.#options;
    return new BackendDescriber({
      proxy: name,
      services,
      pool: this.#poolOf(name),
      clock,
      logger,
      onDescribed: (description) => {
        this.#describe(name, `proxies.${name}.reflection`, description);
      },
    });
  }

  /** Throws a StartError for a service that another proxy has; once it runs, that one keeps it, and the log says so. */
  #describe(name: string, setting: string, { files, services }: ProxyDescription): void {
    const taken = this.server.describe(name, services);
    const own = new Map([...services].filter(([service]) => !taken.some((each) => each.service === service)));
    this.#descriptions.set(name, { files, services: own });
    this.#directory?.describe(name, files, [...own.keys()]);
    this.#tellHealth(name);
    for (const { service, by } of taken) {
      if (!this.#started) throw passedOnAlready(setting, service, by);
      this.#options.logger.error(
        { proxy: name, service, by },
        'a service is passed on by another proxy already',
      );
    }
  }

  #tellHealth(name: string): void {
    const own = [...this.server.services].flatMap(([service, proxy]) => (proxy === name ? [service] : []));
    this.#directory?.setServicesServing(name, own, this.#poolOf(name).isWell);
  }

  #durationsOf(name: string): TimeHistogram {
    const durations = this.#durations.get(name) ?? new TimeHistogram(CALL_BOUNDS_MS);
    this.#durations.set(name, durations);
    return durations;
  }
}

function passedOnAlready(setting: string, service: string, by: string): StartError {
  return new StartError(
    setting,
    `${setting}: service ${service} is passed on by proxy ${by} already; name under services which of them each passes on.`,
  );
}

/** Reads the .proto files of all proxies, one after the other as a start does; each step throws a StartError for what a start refuses. */
export function protoFileChecks(proxies: Config['proxies']): readonly (() => void)[] {
  const entries = Object.entries(proxies);
  // Who names a service has it; among those who don't it is the first.
  const owners = new Map(
    entries.flatMap(([name, { services }]) => services.map((service) => [service, name] as const)),
  );
  return entries.map(([name, proxy]) => () => {
    if (proxy.proto.length === 0) return;
    for (const service of describedByFiles(name, proxy).services.keys()) {
      const by = owners.get(service) ?? name;
      if (by !== name) throw passedOnAlready(`proxies.${name}.proto`, service, by);
      owners.set(service, name);
    }
  });
}

/** What the .proto files of a proxy say. Throws a StartError, one sentence that names the setting, for what can't be used. */
function describedByFiles(name: string, proxy: Settings): ProxyDescription {
  const { proto, importPaths, services } = proxy;
  const setting = `proxies.${name}.proto`;
  const { descriptors, roots } = readProtoFiles({ setting, files: proto, importPaths });
  const facts = descriptors.map((bytes) => readFileDescriptor(bytes));
  // Services of files that are merely imported are not meant, unless they are named.
  const declared = servicesIn(facts);
  const offered = servicesIn(facts.filter((file) => roots.includes(file.name)));
  const wanted = services.length > 0 ? services : [...offered.keys()];
  if (wanted.length === 0) throw new StartError(setting, `${setting}: the files declare no service.`);
  const found = new Map<string, readonly string[]>();
  for (const service of wanted) {
    const methods = declared.get(service);
    if (methods === undefined) throw missing(`proxies.${name}.services`, service, declared, 'proto declares');
    found.set(service, methods);
  }
  return { files: descriptors, services: found };
}

function missing(setting: string, service: string, there: ServiceMethods, who: string): StartError {
  const names = there.size === 0 ? 'no service' : nearestFirst(service, there.keys());
  return new StartError(setting, `${setting} names ${service}: ${who} ${names}.`);
}

function reflectionError(setting: string, error: unknown): unknown {
  if (!(error instanceof ReflectionError)) return error;
  const advice =
    error.fault === 'off'
      ? '; switch it on there, or name the .proto files of its services with proto, or the services alone with services'
      : '';
  return new StartError(setting, `${setting}: the backend at ${error.message}${advice}.`, { cause: error });
}

function callTerms(proxy: Settings): CallTerms {
  return {
    maxMessageBytes: proxy.maxMessageSize,
    queueBytes: proxy.queueSize,
    queueMessages: proxy.queueMessages,
    idleTimeoutMs: proxy.idleTimeout,
    messagesPerSecond: proxy.messagesPerSecond,
    bytesPerSecond: proxy.bytesPerSecond,
    maxAttempts: proxy.maxAttempts,
    retryOn: new Set(proxy.retryOn.map((name) => GrpcStatus[name])),
    retryBufferBytes: proxy.retryBufferSize,
  };
}
