import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { FaultyPipe, PERFECT, type Quality, type Way } from './faulty-pipe.js';

/**
 * How a connection is cut. `reset`: both sides see an RST. `fin`: both see an
 * orderly end, in the middle of whatever it was. `half-open`: the client sees
 * an RST, the server nothing; what the client sent last reaches the server
 * late, when other connections have taken this one's place.
 */
export type CutKind = 'reset' | 'fin' | 'half-open';
const CUT_KINDS: readonly CutKind[] = ['reset', 'fin', 'half-open'];

/** To the server, to the client, or both. */
export type Direction = 'up' | 'down' | 'both';

export interface FaultOptions {
  /** How many connections are cut by themselves; those after are left alone. Default 0. */
  readonly cuts?: number;
  /** How many bytes such a connection carries, both ways together, in the mean. */
  readonly meanBytes?: number;
  /** From 0 to below 1. Default Math.random. */
  readonly random?: () => number;
}

interface Cut {
  readonly kind: CutKind;
  /** The cut comes before the byte with this number, counting both directions together. */
  readonly atByte: number;
}

interface Joined {
  readonly near: Socket;
  readonly far: Socket;
  readonly up: FaultyPipe;
  readonly down: FaultyPipe;
}

/** Every eighth connection does not get past its first few frames. */
const EARLY_SHARE = 1 / 8;
const EARLY_BYTES = 400;
/** Connections that only the server believes in, at a time: it allows a client so many. */
const MAX_HALF_OPEN = 3;
/** For so many turns the client of a half-open connection notices nothing, and what it sends is kept, up to so much. */
const HELD_TURNS = 10;
const MAX_LATE_BYTES = 256 * 1024;

/**
 * A network between clients and a server, on loopback, with everything that
 * networks do: connections cut after some bytes wherever in a frame that is,
 * or on command; silence, one way or both; delay, narrowness, refusal.
 */
export class FaultProxy implements AsyncDisposable {
  /** Cuts made so far, by kind. */
  readonly made: Record<CutKind, number> = { reset: 0, fin: 0, 'half-open': 0 };
  /** Whether connections that begin now are cut, as the options say. */
  cutting = true;
  /** While true, whoever connects is reset. */
  refusing = false;
  /** Connections refused so far. */
  refused = 0;
  readonly #options: Required<FaultOptions>;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #ways: Record<'up' | 'down', Way>;
  /** Connections that are whole. */
  readonly #whole = new Set<Joined>();
  /** What the server still believes in, oldest first, and what reaches it when that ends. */
  readonly #halfOpen: { readonly far: Socket; readonly late: Buffer[] }[] = [];

  private constructor(target: string, { cuts = 0, meanBytes = 0, random = Math.random }: FaultOptions) {
    const [host = '', port] = target.split(':');
    this.#options = { cuts, meanBytes, random };
    this.#ways = {
      up: { quality: PERFECT, frozen: false, random },
      down: { quality: PERFECT, frozen: false, random },
    };
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
      if (this.refusing) {
        this.refused += 1;
        near.on('error', () => undefined).resetAndDestroy();
        return;
      }
      this.#join(near, connect({ host, port: Number(port), allowHalfOpen: true, noDelay: true }));
    });
  }

  /** To `target`, which is `host:port`. */
  static async start(target: string, options: FaultOptions = {}): Promise<FaultProxy> {
    const proxy = new FaultProxy(target, options);
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

  /** Connections that are whole. */
  get connections(): number {
    return this.#whole.size;
  }

  /** Cuts every connection now, between two reads. */
  cutAll(kind: CutKind): void {
    for (const joined of [...this.#whole]) this.#cut(kind, joined);
  }

  /**
   * From now on nothing arrives, of connections that come later neither: the
   * network takes what it is sent, up to a bound, and closes nothing, as a
   * router without power does. What it has taken arrives after `thaw`.
   */
  freeze(direction: Direction = 'both'): void {
    if (direction !== 'down') this.#ways.up.frozen = true;
    if (direction !== 'up') this.#ways.down.frozen = true;
  }

  thaw(): void {
    this.#change((way) => (way.frozen = false));
  }

  /** How the network carries from now on; without `quality`, perfectly. */
  carry(quality: Partial<Quality> = PERFECT, direction: Direction = 'both'): void {
    const whole = quality === PERFECT ? PERFECT : { ...PERFECT, ...quality };
    this.#change((way) => {
      if (direction === 'both' || way === this.#ways[direction]) way.quality = whole;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { up, down } of this.#whole) for (const pipe of [up, down]) pipe.stop();
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #change(change: (way: Way) => void): void {
    change(this.#ways.up);
    change(this.#ways.down);
    for (const joined of [...this.#whole]) {
      joined.up.look();
      joined.down.look();
      this.#endIfOneLeft(joined);
    }
  }

  #plan(): Cut | undefined {
    const { cuts, meanBytes, random } = this.#options;
    if (!this.cutting || this.cuts >= cuts) return undefined;
    const most = random() < EARLY_SHARE ? EARLY_BYTES : 2 * meanBytes;
    return {
      kind: CUT_KINDS[Math.floor(random() * CUT_KINDS.length)] as CutKind,
      atByte: Math.floor(random() * most),
    };
  }

  #join(near: Socket, far: Socket): void {
    const planned = this.#plan();
    let left = planned?.atByte ?? Infinity;
    const pass = (chunk: Buffer, pipe: FaultyPipe): void => {
      // Of two connections at a time only one may be the last to be cut.
      const isDue = planned !== undefined && chunk.length >= left && this.cuts < this.#options.cuts;
      const passed = isDue ? chunk.subarray(0, left) : chunk;
      left -= chunk.length;
      pipe.write(passed);
      if (!isDue) return;
      this.#cut(planned.kind, joined, pipe === joined.up ? [chunk.subarray(passed.length)] : []);
    };
    const joined: Joined = {
      near,
      far,
      up: new FaultyPipe(near, far, this.#ways.up, (chunk) => {
        pass(chunk, joined.up);
      }),
      down: new FaultyPipe(far, near, this.#ways.down, (chunk) => {
        pass(chunk, joined.down);
      }),
    };
    this.#whole.add(joined);
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        this.#endIfOneLeft(joined);
      });
    }
  }

  /** A side that has left takes the other along, as soon as the network carries the news. */
  #endIfOneLeft(joined: Joined): void {
    if (!this.#whole.has(joined)) return;
    const { near, far, up, down } = joined;
    const { up: toFar, down: toNear } = this.#ways;
    if (!(near.destroyed && !toFar.frozen) && !(far.destroyed && !toNear.frozen)) return;
    this.#whole.delete(joined);
    for (const pipe of [up, down]) pipe.stop();
    for (const socket of [near, far]) socket.destroy();
  }

  /** `late`: what the client sent and the server has not got, and what is still under way comes behind it. */
  #cut(kind: CutKind, joined: Joined, late: readonly Buffer[] = []): void {
    const { near, far, up, down } = joined;
    this.made[kind] += 1;
    this.#whole.delete(joined);
    const underWay = up.stop();
    down.stop();
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
        this.#halve(near, far, [...late, ...underWay]);
        break;
    }
  }

  #halve(near: Socket, far: Socket, late: Buffer[]): void {
    let bytes = late.reduce((sum, chunk) => sum + chunk.length, 0);
    near.on('data', (chunk) => {
      bytes += chunk.length;
      if (bytes <= MAX_LATE_BYTES) late.push(chunk);
      else near.pause();
    });
    near.resume();
    // What the server says is lost; when it ends, so does this.
    far.resume();
    far.on('end', () => far.end());
    this.#halfOpen.push({ far, late });
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
