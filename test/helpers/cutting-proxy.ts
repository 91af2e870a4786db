import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/**
 * How a connection is cut. `reset`: both sides see an RST. `fin`: both see an
 * orderly end, in the middle of whatever it was. `half-open`: the client sees
 * an RST, the server nothing; what the client sent last reaches the server
 * late, when other connections have taken this one's place.
 */
export type CutKind = 'reset' | 'fin' | 'half-open';
const CUT_KINDS: readonly CutKind[] = ['reset', 'fin', 'half-open'];

export interface CuttingOptions {
  /** How many connections to cut; those after are left alone. */
  readonly cuts: number;
  /** How many bytes a connection carries, both ways together, in the mean. */
  readonly meanBytes: number;
  /** From 0 to below 1. */
  readonly random: () => number;
}

interface Cut {
  readonly kind: CutKind;
  /** The cut comes before the byte with this number, counting both directions together. */
  readonly atByte: number;
}

/** Every eighth connection does not get past its first few frames. */
const EARLY_SHARE = 1 / 8;
const EARLY_BYTES = 400;
const NOTHING = Buffer.alloc(0);
/** Connections that only the server believes in, at a time: it allows a client so many. */
const MAX_HALF_OPEN = 3;
/** For so many turns the client of a half-open connection notices nothing, and what it sends is kept, up to so much. */
const HELD_TURNS = 10;
const MAX_LATE_BYTES = 256 * 1024;

/** A network that breaks each connection after some bytes, chosen at random, wherever in a frame that is. */
export class CuttingProxy implements AsyncDisposable {
  /** Cuts made so far, by kind. */
  readonly made: Record<CutKind, number> = { reset: 0, fin: 0, 'half-open': 0 };
  readonly #options: CuttingOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Connections that are whole. */
  readonly #whole = new Map<Socket, (kind: CutKind) => void>();
  /** What the server still believes in, oldest first, and what reaches it when that ends. */
  readonly #halfOpen: { readonly far: Socket; readonly late: Buffer[] }[] = [];

  private constructor(target: string, options: CuttingOptions) {
    const [host = '', port] = target.split(':');
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
      this.#join(near, connect({ host, port: Number(port), allowHalfOpen: true, noDelay: true }));
    });
  }

  static async start(target: string, options: CuttingOptions): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(target, options);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get cuts(): number {
    return this.made.reset + this.made.fin + this.made['half-open'];
  }

  /** Cuts every connection now, between two reads. */
  cutAll(kind: CutKind): void {
    for (const cut of this.#whole.values()) cut(kind);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #plan(): Cut | undefined {
    const { cuts, meanBytes, random } = this.#options;
    if (this.cuts >= cuts) return undefined;
    const most = random() < EARLY_SHARE ? EARLY_BYTES : 2 * meanBytes;
    return {
      kind: CUT_KINDS[Math.floor(random() * CUT_KINDS.length)] as CutKind,
      atByte: Math.floor(random() * most),
    };
  }

  #join(near: Socket, far: Socket): void {
    const planned = this.#plan();
    let left = planned?.atByte ?? Infinity;
    this.#whole.set(near, (kind) => {
      this.#cut(kind, near, far, NOTHING);
    });
    const pass = (from: Socket, to: Socket, chunk: Buffer): void => {
      const passed = chunk.subarray(0, Math.min(left, chunk.length));
      left -= chunk.length;
      const room = passed.length === 0 || to.write(passed);
      if (planned !== undefined && left <= 0) {
        this.#cut(planned.kind, near, far, from === near ? chunk.subarray(passed.length) : NOTHING);
      } else if (!room) {
        from.pause();
        to.once('drain', () => from.resume());
      }
    };
    this.#carry(near, far, pass);
    this.#carry(far, near, pass);
  }

  #carry(from: Socket, to: Socket, pass: (from: Socket, to: Socket, chunk: Buffer) => void): void {
    this.#sockets.add(from);
    from.on('error', () => undefined);
    from.on('close', () => {
      this.#sockets.delete(from);
      this.#whole.delete(from);
      // A side that has left takes the other along, unless that is what it is kept for.
      if (!this.#halfOpen.some(({ far }) => far === to)) to.destroy();
    });
    from.on('end', () => to.end());
    from.on('data', (chunk) => {
      pass(from, to, chunk);
    });
  }

  /** `late`: what the client sent and the server has not got. */
  #cut(kind: CutKind, near: Socket, far: Socket, late: Buffer): void {
    this.made[kind] += 1;
    this.#whole.delete(near);
    for (const socket of [near, far]) socket.removeAllListeners('data');
    switch (kind) {
      case 'reset':
        near.resetAndDestroy();
        far.resetAndDestroy();
        break;
      case 'fin':
        // What the sides still say is read, so that their ends can come, and lost.
        near.resume().end();
        far.resume().end();
        break;
      case 'half-open':
        this.#halve(near, far, late);
        break;
    }
  }

  #halve(near: Socket, far: Socket, late: Buffer): void {
    const held = { far, late: [late] };
    let bytes = late.length;
    near.on('data', (chunk) => {
      bytes += chunk.length;
      if (bytes <= MAX_LATE_BYTES) held.late.push(chunk);
      else near.pause();
    });
    // What the server says is lost.
    far.resume();
    this.#halfOpen.push(held);
    let turns = 0;
    const wait = (): void => {
      turns += 1;
      if (turns < HELD_TURNS) setImmediate(wait);
      else near.resetAndDestroy();
    };
    setImmediate(wait);
    if (this.#halfOpen.length <= MAX_HALF_OPEN) return;
    const oldest = this.#halfOpen.shift();
    oldest?.far.end(Buffer.concat(oldest.late));
  }
}
