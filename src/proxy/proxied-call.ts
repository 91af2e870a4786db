import { assertNever } from '../core/assert-never.js';
import type { Clock, Timer } from '../core/clock.js';
import { GrpcStatus, SluiceError } from '../core/errors.js';
import { type BufferAccount, HeldBytes } from '../flow/held-bytes.js';
import { Throttle } from '../flow/throttle.js';
import type { RelayEnd } from '../transport/client-contract.js';
import type { StreamClose } from '../transport/contract.js';
import type {
  ProxiedReceiver,
  ProxiedStream,
  RelayedEnd,
  RelayedHeaders,
} from '../transport/proxy-contract.js';
import type { Lease } from '../upstream/lease.js';
import type { UpstreamPool } from '../upstream/upstream-pool.js';
import { Attempt, type AttemptOwner } from './attempt.js';
import { endOf, endWithoutWord, errorOfFault } from './call-ends.js';
import type { CallTerms, MethodCounters } from './call-terms.js';
import { HalfPipe } from './half-pipe.js';
import { IdleWatch } from './idle-watch.js';
import { RequestPrefix } from './request-prefix.js';
import { nextTry } from './retry-policy.js';

/** What a client that does not read has to take the rest, once the gateway ends its call; then it is reset. */
const END_GRACE_MS = 1_000;
const ATTEMPTS_HEADER = 'grpc-previous-rpc-attempts';

export interface CallOutcome {
  readonly status: number;
  /** Who ended it. A call that no backend could be found for, or whose connection broke, is the backend's. */
  readonly by: 'backend' | 'gateway' | 'client';
  /** What the client was told by the gateway itself; its `cause` may say more, for the log. */
  readonly error?: SluiceError;
}

export interface ProxiedCallOptions {
  /** The name of the proxy in the configuration. */
  readonly proxy: string;
  readonly stream: ProxiedStream;
  readonly pool: UpstreamPool;
  readonly terms: CallTerms;
  readonly clock: Clock;
  /** Where what it holds is counted. */
  readonly account?: BufferAccount | undefined;
  readonly counters: MethodCounters;
  /** Towards the backend, in place of the client's of the same names. */
  readonly extraHeaders: RelayedHeaders;
  /** Called once, in the end: nothing of it is left. */
  onEnd(outcome: CallOutcome): void;
}

/**
 * - `new`
 * - `choosing`: no backend is known yet
 * - `trying`: at a backend, which has answered nothing
 * - `waiting`: for the next attempt
 * - `answering`: the answer has begun
 * - `ending`: its end is known, and behind what the client was sent
 * - `over`
 */
type State = 'new' | 'choosing' | 'trying' | 'waiting' | 'answering' | 'ending' | 'over';

/**
 * One call of somebody else's service: joins its client and its backend. What
 * either sends goes on as it comes, while the other takes it.
 */
export class ProxiedCall implements ProxiedReceiver, AttemptOwner {
  readonly #options: ProxiedCallOptions;
  readonly #up: HalfPipe;
  readonly #down: HalfPipe;
  readonly #prefix: RequestPrefix;
  readonly #held: HeldBytes;
  #state: State = 'new';
  #attempt: Attempt | undefined;
  #idle: IdleWatch | undefined;
  /** One at a time: of the choice, of the next attempt, of the end. */
  #timer: Timer | undefined;
  #stopChoosing: (() => void) | undefined;
  readonly #unreachable = new Set<string>();
  #attempts = 0;
  #refusals = 0;
  #waits = 0;
  #address = '';
  #outcome: CallOutcome | undefined;

  constructor(options: ProxiedCallOptions) {
    this.#options = options;
    const { stream, terms, clock, counters, account } = options;
    const { maxMessageBytes, queueBytes, queueMessages, messagesPerSecond, bytesPerSecond } = terms;
    const bounds = { clock, maxMessageBytes, queueBytes, queueMessages };
    this.#held = new HeldBytes(account);
    this.#prefix = new RequestPrefix(terms.retryBufferBytes);
    const limited = messagesPerSecond > 0 || bytesPerSecond > 0;
    this.#up = new HalfPipe({
      ...bounds,
      throttle: limited ? new Throttle({ messagesPerSecond, bytesPerSecond }, clock.now()) : undefined,
      pause: () => {
        stream.pause();
      },
      resume: () => {
        stream.resume();
      },
      send: (chunk) => {
        this.#prefix.add(chunk);
        this.#attempt?.relay.send(chunk);
      },
      bytesInFlight: () => this.#attempt?.relay.bytesInFlight ?? 0,
      onPassed: (messages, bytes) => {
        counters.messagesUp += messages;
        counters.bytesUp += bytes;
      },
      onFull: () => {
        counters.pausesUp += 1;
      },
      onFault: (fault) => {
        this.end(errorOfFault(fault, 'client', options.proxy, maxMessageBytes));
      },
      onDone: () => {
        this.#attempt?.relay.halfClose();
      },
    });
    this.#down = new HalfPipe({
      ...bounds,
      pause: () => {
        this.#attempt?.relay.pause();
      },
      resume: () => {
        this.#attempt?.relay.resume();
      },
      send: (chunk) => {
        stream.send(chunk);
      },
      bytesInFlight: () => stream.bytesInFlight,
      onPassed: (messages, bytes) => {
        counters.messagesDown += messages;
        counters.bytesDown += bytes;
      },
      onFull: () => {
        counters.pausesDown += 1;
      },
      onFault: (fault) => {
        this.end(errorOfFault(fault, 'backend', options.proxy, maxMessageBytes));
      },
      onDone: () => undefined,
    });
    this.#down.open();
  }

  /** Of the backend that has the call, or had it last; "" before there is one. */
  get address(): string {
    return this.#address;
  }

  /** Bytes read and not taken, either way. */
  get heldBytes(): number {
    return this.heldUpBytes + this.heldDownBytes;
  }

  /** On their way to the backend. */
  get heldUpBytes(): number {
    if (this.#state === 'over') return 0;
    const inFlight = this.#attempt?.relay.bytesInFlight ?? 0;
    return this.#options.stream.bytesHeld + this.#up.heldBytes + Math.max(inFlight, this.#prefix.heldBytes);
  }

  /** On their way to the client. */
  get heldDownBytes(): number {
    if (this.#state === 'over') return 0;
    return this.#options.stream.bytesInFlight + (this.#attempt?.relay.bytesHeld ?? 0);
  }

  /** Once, after its stream has been given to it. */
  start(): void {
    if (this.#state !== 'new') return;
    const { terms, clock } = this.#options;
    if (terms.idleTimeoutMs > 0)
      this.#idle = new IdleWatch(clock, terms.idleTimeoutMs, () => {
        this.#onIdle();
      });
    this.#choose();
  }

  /**
   * Ends it from outside: the backend's call is reset, and the client told why, behind
   * what it was sent before; one that takes nothing is reset. Idempotent.
   */
  end(error: SluiceError): void {
    this.#endBy('gateway', error);
  }

  /** Reads nothing more, from either side, until `release`: there is no memory for it. */
  hold(): void {
    this.#up.hold();
    this.#down.hold();
  }

  release(): void {
    this.#up.release();
    this.#down.release();
  }

  // --- what the client says ---

  onChunk(chunk: Uint8Array): void {
    this.#idle?.seen();
    this.#up.onChunk(chunk);
    this.#count();
  }

  onHalfClose(): void {
    this.#up.onEnd();
  }

  onWritten(): void {
    this.#idle?.seen();
    this.#down.onWritten();
    this.#count();
  }

  onHeld(): void {
    this.#count();
  }

  onClose(close: StreamClose): void {
    if (this.#state === 'over') return;
    const outcome = this.#outcomeOf(close);
    this.#letGo();
    this.#state = 'over';
    this.#idle?.stop();
    this.#held.set(0);
    this.#options.onEnd(outcome);
  }

  // --- what the backend says ---

  onOpen(): void {
    const { relay } = this.#attempt as Attempt;
    for (const chunk of this.#prefix.chunks ?? []) relay.send(chunk);
    if (this.#up.isDone) relay.halfClose();
    this.#up.open();
    this.#up.onWritten();
    this.#count();
  }

  onHeaders(headers: RelayedHeaders): void {
    this.#idle?.seen();
    this.#state = 'answering';
    this.#prefix.drop();
    this.#options.stream.respond(headers);
    this.#count();
  }

  onAnswer(chunk: Uint8Array): void {
    this.#idle?.seen();
    this.#down.onChunk(chunk);
    this.#count();
  }

  onSent(): void {
    this.#idle?.seen();
    this.#up.onWritten();
    this.#count();
  }

  onAttemptEnd(end: RelayEnd): void {
    this.#attempt = undefined;
    this.#up.shut();
    if (this.#state === 'trying' && this.#tryAgain(end)) return;
    this.#endAsTold(end);
  }

  #choose(): void {
    const { pool, clock } = this.#options;
    const lease = pool.lease();
    if (lease !== undefined) this.#begin(lease, true);
    else if (!pool.isUndecided) this.#endUnavailable();
    else {
      this.#state = 'choosing';
      const decided = (): void => {
        if (this.#state !== 'choosing') return;
        this.#stopWaiting();
        const found = pool.lease();
        if (found === undefined) this.#endUnavailable();
        else this.#begin(found, true);
      };
      this.#stopChoosing = pool.whenDecided(decided);
      this.#timer = clock.setTimeout(decided, pool.settings.connectTimeout);
    }
  }

  #begin(lease: Lease, counts: boolean): void {
    const { stream, clock } = this.#options;
    if (counts) this.#attempts += 1;
    this.#state = 'trying';
    this.#address = lease.address;
    const request = {
      path: stream.path,
      headers: this.#requestHeaders(),
      contentType: stream.contentType,
      ...(stream.deadlineAtMs !== undefined && {
        timeoutMs: Math.max(0, stream.deadlineAtMs - clock.now()),
      }),
    };
    this.#attempt = new Attempt(lease, request, this);
    if (this.#down.isPaused) this.#attempt.relay.pause();
  }

  #requestHeaders(): RelayedHeaders {
    const { stream, extraHeaders } = this.#options;
    const before = this.#attempts - 1;
    const told = Number(stream.headers.find(([name]) => name === ATTEMPTS_HEADER)?.[1] ?? 0);
    const own: RelayedHeaders =
      before === 0 ? extraHeaders : [...extraHeaders, [ATTEMPTS_HEADER, String(before + (told || 0))]];
    if (own.length === 0) return stream.headers;
    const replaced = new Set(own.map(([name]) => name));
    return [...stream.headers.filter(([name]) => !replaced.has(name)), ...own];
  }

  /** False: what came of the last attempt is the end. */
  #tryAgain(end: RelayEnd): boolean {
    const { pool, terms, clock } = this.#options;
    if (this.#prefix.chunks === undefined) return false;
    const tries = { attempts: this.#attempts, refusals: this.#refusals, waits: this.#waits };
    const next = nextTry(end, tries, terms, pool.backoff, pool.random);
    if (next === undefined) return false;
    if (next.kind === 'retry') {
      this.#state = 'waiting';
      this.#waits = next.told ? 0 : this.#waits + 1;
      this.#timer = clock.setTimeout(() => {
        this.#timer = undefined;
        if (!this.#beginElsewhere(true)) this.#endAsTold(end);
      }, next.delayMs);
      return true;
    }
    if (!next.unreachable) {
      this.#refusals += 1;
      return this.#beginElsewhere(false);
    }
    this.#unreachable.add(this.#address);
    const lease = pool.lease(this.#unreachable);
    if (lease === undefined) return false;
    this.#retry(lease, false);
    return true;
  }

  /** At another backend, or at the same one where there is no other; false where there is none at all. */
  #beginElsewhere(counts: boolean): boolean {
    const { pool } = this.#options;
    const lease = pool.lease(new Set([this.#address])) ?? pool.lease();
    if (lease === undefined) return false;
    this.#retry(lease, counts);
    return true;
  }

  #retry(lease: Lease, counts: boolean): void {
    this.#options.counters.retries += 1;
    this.#begin(lease, counts);
  }

  /** As its backend, or the network for it, has said. */
  #endAsTold(end: RelayEnd): void {
    this.#down.onEnd();
    const told = end.failure === undefined ? end : endWithoutWord(end, end.failure);
    if (told instanceof SluiceError) {
      this.#endBy('backend', told);
      return;
    }
    const { status, message, trailers } = told;
    this.#endWith({ status, message, trailers }, { status, by: 'backend' });
  }

  #endUnavailable(): void {
    const { pool } = this.#options;
    const text = `No backend can take the call now: ${pool.trouble}.`;
    this.#endBy('backend', new SluiceError('UPSTREAM_UNAVAILABLE', text));
  }

  #endBy(by: 'backend' | 'gateway', error: SluiceError): void {
    if (this.#state === 'over') return;
    this.#endWith(endOf(error), { status: error.grpcStatus, by, error });
    // Who reads nothing would never be told, and what it was sent be held for as long.
    if (by === 'gateway')
      this.#timer ??= this.#options.clock.setTimeout(() => {
        this.#options.stream.reset();
      }, END_GRACE_MS);
  }

  /** The first one wins. */
  #endWith(end: RelayedEnd, outcome: CallOutcome): void {
    if (this.#state === 'ending') return;
    this.#letGo();
    this.#state = 'ending';
    this.#outcome = outcome;
    this.#options.stream.end(end);
    this.#count();
  }

  #onIdle(): void {
    const { proxy, terms } = this.#options;
    this.end(
      new SluiceError(
        'CALL_IDLE',
        `No byte went either way for ${terms.idleTimeoutMs} ms (proxies.${proxy}.idleTimeout).`,
      ),
    );
  }

  #outcomeOf(close: StreamClose): CallOutcome {
    switch (close) {
      case 'ended':
      case 'reset':
        return this.#outcome ?? { status: GrpcStatus.CANCELLED, by: 'gateway' };
      case 'cancelled':
      case 'lost':
        // What the gateway has ended it has ended, whether or not its client waits for the word.
        if (this.#outcome?.by === 'gateway') return this.#outcome;
        return { status: GrpcStatus.CANCELLED, by: 'client' };
      case 'deadline':
        return { status: GrpcStatus.DEADLINE_EXCEEDED, by: 'gateway' };
      default:
        return assertNever(close);
    }
  }

  #letGo(): void {
    this.#stopWaiting();
    this.#up.close();
    this.#down.close();
    this.#prefix.drop();
    this.#attempt?.giveUp();
    this.#attempt = undefined;
  }

  #stopWaiting(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#stopChoosing?.();
    this.#stopChoosing = undefined;
  }

  #count(): void {
    if (this.#state !== 'over') this.#held.set(this.heldBytes);
  }
}
