import assert from 'node:assert/strict';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import type { StreamAcceptor } from '../../../src/transport/contract.js';
import type { Welcome } from '../../../src/wire/messages.js';
import { Peer, type PeerStage } from './peer.js';
import type { Subject, SubjectOptions, SubjectSession, SubjectSource, Wishes } from './subject.js';
import { Watch } from './watch.js';

/** How much time may pass while something is waited for: longer than a client waits before it comes back. */
const PATIENCE_MS = 60_000;
/** No more at a time, so that gateways are heard from meanwhile. */
const STEP_MS = 1_000;
/** A client that does not leave within this, in its own good order, never does. */
const LEAVING_MS = 60_000;
export const ADDRESS = 'gateway:1';

/** Where one case plays: a client, a scripted gateway at each address, and time that the case moves. */
export class Stage implements PeerStage {
  readonly clock = new FakeClock();
  readonly watch = new Watch();
  /** What Welcome says, where that is not the default. */
  welcome: Partial<Welcome> = {};
  /** Whether who comes is welcomed at once. */
  welcoming = true;
  /** Called with each connection that comes, before it is welcomed. */
  onConnection: (peer: Peer) => void = () => undefined;
  /** Called with each Open that comes, instead of its being left to be read. */
  onOpen: ((peer: Peer, session: string) => void) | undefined;
  readonly #source: SubjectSource;
  readonly #arrived: Peer[] = [];
  #taken = 0;
  #subject: Subject | undefined;
  #violation: Error | undefined;

  constructor(source: SubjectSource) {
    this.#source = source;
  }

  /** The client; made when it is first asked for, or with options of the case's own. */
  get subject(): Subject {
    return this.#subject ?? this.start();
  }

  /** Connections so far. */
  get connections(): number {
    return this.#arrived.length;
  }

  /** All connections so far. */
  get peers(): readonly Peer[] {
    return this.#arrived;
  }

  start(options: SubjectOptions = {}): Subject {
    this.#subject = this.#source.start(this.gateway, this.clock, { addresses: [ADDRESS], ...options });
    return this.#subject;
  }

  open(wishes: Wishes = {}): SubjectSession {
    return this.subject.open({ id: 's', ...wishes });
  }

  /** The next connection, as soon as there is one. */
  async connection(): Promise<Peer> {
    const peer = await this.until(
      () => this.#arrived[this.#taken],
      () => `connection ${this.#taken + 1}`,
    );
    this.#taken += 1;
    return peer;
  }

  /** The client has done what there was to do at once. */
  async settled(): Promise<void> {
    await this.clock.settle();
    this.watch.everythingRead();
    await this.clock.settle();
    this.#judge();
  }

  async wait(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= STEP_MS) {
      await this.settled();
      await this.clock.advanceAsync(Math.min(left, STEP_MS));
      this.#beat();
    }
    await this.settled();
  }

  /** Resolves with what `condition` gives as soon as that is not undefined. Moves time, as far as it takes. */
  async until<T>(
    condition: () => T | undefined,
    what: () => string,
    peer = this.#arrived.at(-1),
  ): Promise<T> {
    for (let left = PATIENCE_MS; ;) {
      await this.settled();
      const found = condition();
      if (found !== undefined) return found;
      const step = Math.min(this.clock.nextTimerInMs ?? Infinity, STEP_MS, left);
      if (left <= 0 || (this.clock.nextTimerInMs === undefined && left < PATIENCE_MS)) {
        const waited = `waited in vain for ${what()}`;
        throw peer?.failure(waited) ?? new Error(waited);
      }
      left -= Math.max(step, 1);
      await this.clock.advanceAsync(step);
      this.#beat();
    }
  }

  async resolves<T>(promise: Promise<T>, what: string): Promise<T> {
    let settled: { readonly value: T } | undefined;
    let failed: { readonly error: unknown } | undefined;
    promise.then(
      (value) => (settled = { value }),
      (error: unknown) => (failed = { error }),
    );
    const { value } = await this.until(
      () => {
        if (failed !== undefined) throw failed.error;
        return settled;
      },
      () => what,
    );
    return value;
  }

  /** The application takes until it was told all of these lines, and is told nothing else meanwhile. */
  async told(session: SubjectSession, ...lines: readonly string[]): Promise<void> {
    await this.until(
      () => (session.told.length >= lines.length ? true : undefined),
      () => `${lines.join(', ')}; the application was told ${session.told.join(', ')}`,
    );
    assert.deepEqual(session.told, lines);
  }

  violated(error: Error): void {
    this.#violation ??= error;
  }

  /** The client leaves; nothing of it may be left. */
  async end(): Promise<void> {
    await this.settled();
    await this.leave();
    const { clock } = this;
    assert.deepEqual(
      { timers: clock.activeTimers, immediates: clock.pendingImmediates, open: this.#open().length },
      { timers: 0, immediates: 0, open: 0 },
      'what a client leaves behind',
    );
    this.#judge();
  }

  async leave(): Promise<void> {
    const subject = this.#subject;
    this.#subject = undefined;
    if (subject === undefined) return;
    const left = { done: false };
    const leaving = subject.close().finally(() => (left.done = true));
    for (let waited = 0; !left.done && waited < LEAVING_MS; waited += STEP_MS) {
      await this.clock.settle();
      if (this.clock.activeTimers > 0) await this.clock.advanceAsync(STEP_MS);
    }
    assert(left.done, `the client had not left after ${LEAVING_MS} ms`);
    await leaving;
    await this.clock.settle();
  }

  /** The scripted gateway at an address. */
  readonly gateway = (address: string): StreamAcceptor => {
    return (stream) => {
      const peer = new Peer(this, stream, address);
      this.#arrived.push(peer);
      this.onConnection(peer);
      if (this.welcoming && peer.close === undefined) peer.welcomes();
      return peer;
    };
  };

  #open(): Peer[] {
    return this.#arrived.filter(({ close }) => close === undefined);
  }

  #beat(): void {
    for (const peer of this.#open()) {
      peer.beat();
      if (peer.halfClosed) continue;
      const wrong = this.watch.looksAt(peer, this.clock.now());
      if (wrong !== undefined) this.violated(peer.failure(wrong));
    }
  }

  #judge(): void {
    if (this.#violation !== undefined) throw this.#violation;
  }
}
