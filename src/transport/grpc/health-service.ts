import {
  status,
  type sendUnaryData,
  type Server,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import {
  HEALTH_SERVICE,
  type HealthListResponse,
  type HealthRequest,
  type HealthResponse,
  type ServingStatus,
} from './health-wire.js';

/** The names that always answer; "" speaks of the server as a whole. */
const OWN: readonly string[] = ['', 'sluice.v1.StreamService'];
/** Told of in an error, which goes out as a header. */
const MAX_NAMED = 10;

/**
 * grpc.health.v1: Check, Watch and List. Not the package's own implementation,
 * which keeps an entry for every name ever watched and can't end its Watch
 * streams, which then hold up the server's stop.
 */
export class HealthService {
  readonly #watchers = new Set<Watcher>();
  /** Services of others, by who answers for them, and whether each is there. */
  readonly #others = new Map<string, ReadonlyMap<string, boolean>>();
  readonly #namesOthers: boolean;
  #serving = false;

  /** `namesOthers`: whether anybody may be told which services of others there are; who knows a name may always ask for it. */
  constructor(namesOthers: boolean) {
    this.#namesOthers = namesOthers;
  }

  /** Tells everyone who watches; NOT_SERVING at first. */
  setServing(serving: boolean): void {
    if (this.#serving === serving) return;
    this.#serving = serving;
    this.#tell();
  }

  /** The same for services of somebody else's, in the place of those that the same owner had before. */
  setServicesServing(owner: string, services: readonly string[], serving: boolean): void {
    this.#others.set(owner, new Map(services.map((service) => [service, serving])));
    this.#tell();
  }

  /** Ends every Watch with UNAVAILABLE, after what was told; a client that cares asks the next server. */
  endWatches(): void {
    for (const watcher of this.#watchers) watcher.end();
    this.#watchers.clear();
  }

  addToServer(server: Server): void {
    server.addService(HEALTH_SERVICE, {
      check: (
        call: ServerUnaryCall<HealthRequest, HealthResponse>,
        callback: sendUnaryData<HealthResponse>,
      ): void => {
        const known = this.#statusOf(call.request.service);
        if (known === 'SERVICE_UNKNOWN') {
          callback(this.#unknownService);
        } else {
          callback(null, { status: known });
        }
      },
      watch: (call: ServerWritableStream<HealthRequest, HealthResponse>): void => {
        const watcher = new Watcher(call);
        this.#watchers.add(watcher);
        const forget = (): void => {
          this.#watchers.delete(watcher);
        };
        call.on('cancelled', forget);
        call.on('error', forget);
        watcher.update(this.#statusOf(watcher.service));
      },
      list: (_call: unknown, callback: sendUnaryData<HealthListResponse>): void => {
        const entries = this.#names.map((name) => [name, { status: this.#statusOf(name) }] as const);
        callback(null, { statuses: Object.fromEntries(entries) });
      },
    });
  }

  #statusOf(name: string): ServingStatus {
    const isThere = OWN.includes(name) ? true : this.#isOtherThere(name);
    if (isThere === undefined) return 'SERVICE_UNKNOWN';
    return this.#serving && isThere ? 'SERVING' : 'NOT_SERVING';
  }

  #isOtherThere(name: string): boolean | undefined {
    for (const services of this.#others.values()) {
      const isThere = services.get(name);
      if (isThere !== undefined) return isThere;
    }
    return undefined;
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher.update(this.#statusOf(watcher.service));
  }

  get #names(): readonly string[] {
    if (!this.#namesOthers) return OWN;
    return [...OWN, ...[...this.#others.values()].flatMap((services) => [...services.keys()])];
  }

  /** The name asked for is not repeated: it may be as large as a message, and this goes out as a header. */
  get #unknownService(): { readonly code: status; readonly details: string } {
    const names = this.#names;
    const more = names.length > MAX_NAMED ? `, and ${names.length - MAX_NAMED} more` : '';
    const known = names.slice(0, MAX_NAMED).map((name) => `"${name}"`);
    const listed = known.length === 2 ? known.join(' and ') : known.join(', ');
    return { code: status.NOT_FOUND, details: `Unknown service; known are ${listed}${more}.` };
  }
}

/** One Watch call. A client that doesn't read is told the latest state alone when it reads again. */
class Watcher {
  readonly service: string;
  readonly #call: ServerWritableStream<HealthRequest, HealthResponse>;
  #told: ServingStatus | undefined;
  #latest: ServingStatus | undefined;
  #blocked = false;

  constructor(call: ServerWritableStream<HealthRequest, HealthResponse>) {
    this.#call = call;
    this.service = call.request.service;
    call.on('drain', () => {
      this.#blocked = false;
      this.#tell();
    });
  }

  update(latest: ServingStatus): void {
    this.#latest = latest;
    this.#tell();
  }

  end(): void {
    this.#call.emit('error', { code: status.UNAVAILABLE, details: 'the server is leaving' });
  }

  #tell(): void {
    if (this.#blocked || this.#latest === undefined || this.#latest === this.#told) return;
    this.#told = this.#latest;
    this.#blocked = !this.#call.write({ status: this.#latest });
  }
}
