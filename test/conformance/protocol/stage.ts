import { randomBytes } from 'node:crypto';
import { Skipped } from '../skipped.js';
import { Peer } from './peer.js';
import type { Session } from './say.js';
import type { Target } from './target.js';

export interface PeerOptions {
  /** Default: the case's own client. `null`: says no client ID. */
  readonly clientId?: string | null;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Sends no HEARTBEAT by itself and answers no probe. */
  readonly mute?: boolean;
}

/** Where one case plays: a client and sessions of its own, and the target. */
export class Stage {
  readonly target: Target;
  readonly clientId = `conformance-${randomName()}`;
  readonly #peers: Peer[] = [];
  readonly #sent = new Map<string, number>();

  constructor(target: Target) {
    this.target = target;
  }

  /** A session that nobody has opened. */
  session(route = this.target.route): Session {
    return { id: `s-${randomName()}`, token: randomBytes(16), route, attempt: 0 };
  }

  /** A name that nobody else has, for what is held and released. */
  name(): string {
    return randomName();
  }

  /** A connection whose Welcome has not been read. */
  dial(options: PeerOptions = {}): Peer {
    const { clientId = this.clientId, metadata = {}, mute = false } = options;
    const id: Readonly<Record<string, string>> = clientId === null ? {} : { 'x-client-id': clientId };
    const connection = this.target.connect({ ...id, ...metadata });
    const peer = new Peer(this.target, connection, this.#peers, this.#sent, mute);
    this.#peers.push(peer);
    return peer;
  }

  async connect(options: PeerOptions = {}): Promise<Peer> {
    const peer = this.dial(options);
    await peer.welcomed();
    return peer;
  }

  /** Lets time pass, as honest clients do: with heartbeats, and probes answered. Skips the case where that takes too long. */
  async wait(ms: number, sliceMs = 500): Promise<void> {
    if (ms > this.target.maxWaitMs) throw new Skipped(`it would have to wait ${ms} ms`);
    for (let left = ms; left > 0; left -= sliceMs) {
      for (const peer of this.#peers) peer.beat();
      await this.target.sleep(Math.min(left, sliceMs));
      for (const peer of this.#peers) peer.takeIn();
    }
  }

  /** The gateway begins to leave. Resolves, once called, when it has left. */
  drain(): () => Promise<void> {
    if (this.target.drain === undefined) throw new Skipped('the gateway is not ours to drain');
    const drained = this.target.drain();
    return () => drained;
  }

  /** What came last is looked at, too; then all connections are gone. */
  end(): void {
    try {
      for (const peer of this.#peers) peer.takeIn();
    } finally {
      this.leave();
    }
  }

  leave(): void {
    for (const { connection } of this.#peers) if (connection.ending === undefined) connection.break();
  }
}

function randomName(): string {
  return randomBytes(6).toString('hex');
}
