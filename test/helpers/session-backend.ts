/**
 * A backend behind the gateway: sluice.v1.SessionService as session.proto
 * describes it, on a grpc-js server on loopback, as somebody else would write it.
 */
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { HealthImplementation, type ServingStatusMap } from 'grpc-health-check';

const SERVICE = loadSync('sluice/v1/session.proto', {
  includeDirs: ['proto'],
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
})['sluice.v1.SessionService'] as unknown as grpc.ServiceDefinition;

export interface BackendOpen {
  readonly route: string;
  readonly subject: string;
  readonly history: number;
  readonly afterSequence: number;
  readonly resume: boolean;
  readonly attempt: number;
}

export interface BackendMessage {
  readonly type: string;
  readonly sessionId: string;
  readonly sequence: number;
  readonly data: Buffer;
  readonly key: string;
  readonly more: boolean;
  readonly ttlMs: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly control: { readonly open?: BackendOpen } | null;
}

/** What a backend may say; what is left out has its default. */
export type BackendAnswer = Readonly<Record<string, unknown>>;

/** One session's stream, as its backend sees it. */
export class BackendCall {
  readonly metadata: grpc.Metadata;
  readonly received: BackendMessage[] = [];
  readonly stream: grpc.ServerDuplexStream<BackendMessage, BackendAnswer>;
  halfClosed = false;
  cancelled = false;
  #ended = false;
  #changed: () => void;

  constructor(
    stream: grpc.ServerDuplexStream<BackendMessage, BackendAnswer>,
    behaviour: Behaviour,
    changed: () => void,
  ) {
    this.stream = stream;
    this.metadata = stream.metadata;
    this.#changed = changed;
    const act = behaviour(this);
    stream.on('data', (message: BackendMessage) => {
      this.received.push(message);
      if (this.received.length > 1) act.message?.(message);
      this.#changed();
    });
    stream.on('end', () => {
      this.halfClosed = true;
      if (act.end === undefined) stream.end();
      else act.end();
      this.#changed();
    });
    stream.on('cancelled', () => {
      this.cancelled = true;
      act.gone?.();
      this.#changed();
    });
    stream.on('error', () => undefined);
  }

  get open(): BackendOpen {
    const open = this.received[0]?.control?.open;
    if (open === undefined) throw new Error('the first message was no Open');
    return open;
  }

  /** Data received, as text. */
  get texts(): readonly string[] {
    return this.received.slice(1).map(({ data }) => data.toString());
  }

  /** Whether there is room for more. */
  write(answer: BackendAnswer): boolean {
    // grpc-js never sends the status where more is written behind it.
    return this.#ended || this.stream.write(answer);
  }

  ack(sequence: number): void {
    this.write({ type: 'MESSAGE_TYPE_ACK', ack: sequence });
  }

  fail(sequence: number, code: string, message: string): void {
    this.write({ type: 'MESSAGE_TYPE_CONTROL', control: { error: { sequence, code, message } } });
  }

  /** Ends the call with a status that is not OK. */
  end(code: grpc.status, details: string, metadata = new grpc.Metadata()): void {
    this.#ended = true;
    this.stream.emit('error', { code, details, metadata });
  }
}

/** What a backend does with a stream. */
export type Behaviour = (call: BackendCall) => {
  /** Each message after the Open. */
  message?(message: BackendMessage): void;
  /** The gateway has half-closed; default: ends the call. */
  end?(): void;
  gone?(): void;
};

/** Sends every message back, and acknowledges it with that. */
export const echoes: Behaviour = (call) => ({
  message: ({ sequence, data, key, metadata, more }) => {
    call.write({ type: 'MESSAGE_TYPE_DATA', ack: sequence, data, key, metadata, more });
  },
});

/** Acknowledges, and says nothing else. */
export const accepts: Behaviour = (call) => ({
  message: ({ sequence }) => {
    call.ack(sequence);
  },
});

/** Takes what comes, and never says a word. */
export const isSilent: Behaviour = () => ({});

export interface SessionBackendOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** Whether it serves grpc.health.v1. Default true. */
  readonly health?: boolean;
  readonly statuses?: ServingStatusMap;
  readonly credentials?: grpc.ServerCredentials;
}

export class SessionBackend implements AsyncDisposable {
  readonly address: string;
  readonly port: number;
  readonly calls: BackendCall[] = [];
  readonly #server: grpc.Server;
  readonly #health: HealthImplementation;
  readonly #waiting = new Set<() => void>();
  behaviour: Behaviour;

  private constructor(server: grpc.Server, port: number, behaviour: Behaviour, health: HealthImplementation) {
    this.#server = server;
    this.port = port;
    this.address = `127.0.0.1:${String(port)}`;
    this.behaviour = behaviour;
    this.#health = health;
  }

  static async start(behaviour: Behaviour, options: SessionBackendOptions = {}): Promise<SessionBackend> {
    const server = new grpc.Server();
    const made = {} as { self: SessionBackend };
    server.addService(SERVICE, {
      handle: (stream: grpc.ServerDuplexStream<BackendMessage, BackendAnswer>) => {
        made.self.#called(stream);
      },
    });
    const health = new HealthImplementation(options.statuses ?? { '': 'SERVING' });
    if (options.health !== false) health.addToServer(server);
    const credentials = options.credentials ?? grpc.ServerCredentials.createInsecure();
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${String(options.port ?? 0)}`, credentials, (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    made.self = new SessionBackend(server, port, behaviour, health);
    return made.self;
  }

  /** Calls that have not ended by the gateway's giving them up. */
  get last(): BackendCall {
    const last = this.calls.at(-1);
    if (last === undefined) throw new Error('nobody has called');
    return last;
  }

  setStatus(status: 'SERVING' | 'NOT_SERVING', service = ''): void {
    this.#health.setStatus(service, status);
  }

  /** Resolves as soon as it holds, as calls come and change. */
  async until<T>(condition: () => T | undefined | false): Promise<T> {
    for (;;) {
      const value = condition();
      if (value !== undefined && value !== false) return value;
      await new Promise<void>((wake) => this.#waiting.add(wake));
    }
  }

  /** Takes no new connections and waits for the calls there are, as grpc servers do; resolves when all are over. */
  leave(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.tryShutdown((error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
    });
  }

  /** Ends it as a crash does: every connection is cut. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
    return Promise.resolve();
  }

  #called(stream: grpc.ServerDuplexStream<BackendMessage, BackendAnswer>): void {
    this.calls.push(new BackendCall(stream, this.behaviour, this.#changed));
    this.#changed();
  }

  readonly #changed = (): void => {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  };
}
