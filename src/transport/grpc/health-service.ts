import {
  status,
  type sendUnaryData,
  type Server,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import { service } from 'grpc-health-check';

/** The names that answer; "" speaks of the server as a whole. */
const SERVICES: readonly string[] = ['', 'sluice.v1.StreamService'];

/** The name asked for is not repeated: it may be as large as a message, and this goes out as a header. */
const UNKNOWN_SERVICE = {
  code: status.NOT_FOUND,
  details: `Unknown service; known are ${SERVICES.map((name) => `"${name}"`).join(' and ')}.`,
};

type ServingStatus = 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';

interface HealthRequest {
  readonly service: string;
}
interface HealthResponse {
  readonly status: ServingStatus;
}
interface HealthListResponse {
  readonly statuses: Record<string, HealthResponse>;
}

/**
 * grpc.health.v1: Check, Watch and List. Not the package's own implementation,
 * which keeps an entry for every name ever watched and can't end its Watch
 * streams, which then hold up the server's stop.
 */
export class HealthService {
  readonly #watchers = new Set<Watcher>();
  #serving = false;

  /** Tells everyone who watches; NOT_SERVING at first. */
  setServing(serving: boolean): void {
    if (this.#serving === serving) return;
    this.#serving = serving;
    for (const watcher of this.#watchers) watcher.update(this.#statusOf(watcher.service));
  }

  /** Ends every Watch with UNAVAILABLE, after what was told; a client that cares asks the next server. */
  endWatches(): void {
    for (const watcher of this.#watchers) watcher.end();
    this.#watchers.clear();
  }

  addToServer(server: Server): void {
    server.addService(service, {
      check: (
        call: ServerUnaryCall<HealthRequest, HealthResponse>,
        callback: sendUnaryData<HealthResponse>,
      ): void => {
        const known = this.#statusOf(call.request.service);
        if (known === 'SERVICE_UNKNOWN') {
          callback(UNKNOWN_SERVICE);
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
        const entries = SERVICES.map((name) => [name, { status: this.#statusOf(name) }] as const);
        callback(null, { statuses: Object.fromEntries(entries) });
      },
    });
  }

  #statusOf(name: string): ServingStatus {
    if (!SERVICES.includes(name)) return 'SERVICE_UNKNOWN';
    return this.#serving ? 'SERVING' : 'NOT_SERVING';
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
