/** The backend of the proxy tests on grpc-js, in this process. */
import { createHash } from 'node:crypto';
import * as grpc from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { CALL_NAME, type PlayReport, PLAY_SERVICE, type Step, STEPS_NAME } from './play-steps.js';

type Call = grpc.ServerDuplexStream<Buffer, Buffer>;

const LAST_WORDS_MS = 100;

const identity = (bytes: Buffer): Buffer => bytes;

export function metadataOf(entries: readonly (readonly [string, string])[]): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [name, value] of entries)
    metadata.add(name, name.endsWith('-bin') ? Buffer.from(value, 'base64') : value);
  return metadata;
}

/** Names in order, values in theirs, bytes in base64. */
export function entriesOf(metadata: grpc.Metadata): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    Object.keys(metadata.getMap())
      .sort()
      .map((name) => [
        name,
        metadata.get(name).map((value) => (typeof value === 'string' ? value : value.toString('base64'))),
      ]),
  );
}

class Play {
  readonly #call: Call;
  readonly #trailers: (readonly [string, string])[] = [];
  readonly #incoming: AsyncIterator<Buffer>;
  readonly #cancelled: Promise<'cancelled'>;
  readonly #hash = createHash('sha256');
  readonly #report = { read: 0, sent: 0, halfClosed: false, over: false, cancelled: false };
  readonly over: Promise<void>;
  #bytes = 0;

  constructor(call: Call) {
    this.#call = call;
    // Nobody else listens while it does something else than reading.
    call.on('error', () => undefined);
    this.#cancelled = new Promise((resolve) => {
      call.once('cancelled', () => {
        if (!this.#report.over) this.#report.cancelled = true;
        resolve('cancelled');
      });
    });
    this.#incoming = call.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
    this.over = this.#play(JSON.parse(String(call.metadata.get(STEPS_NAME)[0])) as readonly Step[]);
  }

  get report(): PlayReport {
    return this.#report;
  }

  async #play(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      if (this.#report.cancelled) break;
      await this.#do(step);
    }
    if (!this.#report.cancelled && !this.#report.over) this.#end(grpc.status.OK, '');
    this.#report.over = true;
  }

  async #do(step: Step): Promise<void> {
    switch (step[0]) {
      case 'headers':
        this.#call.sendMetadata(metadataOf(step[1]));
        return;
      case 'echo':
      case 'read':
        for (let left = step[1]; left !== 0; left -= 1) {
          const message = await this.#next();
          if (message === undefined) return;
          if (step[0] === 'echo') await this.#send(message);
        }
        return;
      case 'send':
        for (let n = 0; n < step[1] && !this.#report.cancelled; n += 1)
          await this.#send(Buffer.alloc(step[2], n % 251));
        return;
      case 'digest': {
        const sha256 = this.#hash.copy().digest('hex');
        await this.#send(
          Buffer.from(JSON.stringify({ messages: this.#report.read, bytes: this.#bytes, sha256 })),
        );
        return;
      }
      case 'seen': {
        const deadline = Number(this.#call.getDeadline());
        const remainingMs = Number.isFinite(deadline) ? deadline - Date.now() : null;
        await this.#send(
          Buffer.from(JSON.stringify({ metadata: entriesOf(this.#call.metadata), remainingMs })),
        );
        return;
      }
      case 'trailers':
        this.#trailers.push(...step[1]);
        return;
      case 'end':
        this.#end(step[1], step[2]);
        return;
      case 'sleep':
        await new Promise((resolve) => setTimeout(resolve, step[1]));
        return;
      case 'wait':
        await this.#cancelled;
        return;
      case 'gzip':
        throw new Error('the server of grpc-js does not compress');
    }
  }

  async #next(): Promise<Buffer | undefined> {
    const next = this.#incoming.next().catch(() => 'cancelled' as const);
    const result = await Promise.race([next, this.#cancelled]);
    if (result === 'cancelled') return undefined;
    if (result.done === true) {
      this.#report.halfClosed = !this.#report.cancelled;
      return undefined;
    }
    this.#report.read += 1;
    this.#bytes += result.value.length;
    this.#hash.update(result.value);
    return result.value;
  }

  async #send(message: Buffer): Promise<void> {
    // After a cancellation the callback never comes.
    await Promise.race([new Promise((resolve) => this.#call.write(message, resolve)), this.#cancelled]);
    if (!this.#report.cancelled) this.#report.sent += 1;
  }

  #end(code: number, message: string): void {
    this.#report.over = true;
    const trailers = metadataOf(this.#trailers);
    if (code === 0 && message === '') this.#call.end(trailers);
    else this.#call.emit('error', { code, details: message, metadata: trailers });
  }
}

export class PlayBackend implements AsyncDisposable {
  readonly #server = new grpc.Server({
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
  });
  readonly #plays = new Map<string, Play>();
  readonly #active = new Set<Play>();
  readonly #health = new HealthImplementation({ '': 'SERVING' });
  #port = 0;

  static async start(address = '127.0.0.1:0'): Promise<PlayBackend> {
    const backend = new PlayBackend();
    backend.#register();
    backend.#port = await new Promise((resolve, reject) => {
      backend.#server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve(port);
        else reject(error);
      });
    });
    return backend;
  }

  /** `host:port` */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Takes nothing new; resolves when what it has is over. */
  async leave(): Promise<void> {
    this.#health.setStatus('', 'NOT_SERVING');
    this.#server.tryShutdown(() => undefined);
    while (this.#active.size > 0) await Promise.all([...this.#active].map(({ over }) => over));
    // What was said last is on its way; whoever watches its health stays for ever.
    await new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS));
    this.#server.forceShutdown();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
    return Promise.resolve();
  }

  #register(): void {
    this.#health.addToServer(this.#server);
    const play = (call: Call): void => {
      const played = new Play(call);
      this.#active.add(played);
      void played.over.then(() => this.#active.delete(played));
      const [name] = call.metadata.get(CALL_NAME);
      if (typeof name === 'string') this.#plays.set(name, played);
    };
    for (const method of ['Unary', 'Upload', 'Follow', 'Talk'])
      this.#server.register(`/${PLAY_SERVICE}/${method}`, play, identity, identity, 'bidi');
    const report = (waits: boolean): grpc.handleUnaryCall<Buffer, Buffer> => {
      const answer: grpc.handleUnaryCall<Buffer, Buffer> = ({ request }, callback) => {
        const played = this.#plays.get(request.toString());
        if (played === undefined) callback({ code: grpc.status.NOT_FOUND });
        else
          void (waits ? played.over : Promise.resolve()).then(() => {
            callback(null, Buffer.from(JSON.stringify(played.report)));
          });
      };
      return answer;
    };
    this.#server.register(`/${PLAY_SERVICE}/Look`, report(false), identity, identity, 'unary');
    this.#server.register(`/${PLAY_SERVICE}/Report`, report(true), identity, identity, 'unary');
  }
}

/** Alone, it is a process that serves until it is told to end: `play-backend.ts --address HOST:PORT`. */
if (process.argv[1]?.endsWith('play-backend.ts') === true) {
  const backend = await PlayBackend.start(process.argv[3]);
  process.once('SIGTERM', () => void backend.leave());
  process.stdout.write(`serving on port ${backend.address.split(':')[1] ?? ''}\n`);
}
