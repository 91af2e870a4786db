import type { Clock } from '../core/clock.js';
import { tally } from '../core/counters.js';
import { SluiceError } from '../core/errors.js';
import type { Action, Identity } from '../core/identity.js';
import type { Logger } from '../core/logger.js';
import { CircuitBreaker, type BreakerState } from '../flow/circuit-breaker.js';
import { WaitingLine, type Admission } from '../flow/waiting-line.js';
import { AnswerCache } from './answer-cache.js';
import type { CalloutAnswer } from './callout-answer.js';
import { CalloutService } from './callout-service.js';
import { keyOf, WrongAnswerError, type CalloutQuestion } from './callout-wire.js';
import { JsonRequestError } from './json-request.js';
import { reasonOf, SharedWork } from './shared-work.js';

/** `auth.callout`. */
export interface CalloutSettings {
  /** http or https, without a user's name and password. */
  readonly url: string;
  /** For one exchange; a question waits as long for its turn, at most. */
  readonly timeoutMs: number;
  /** How long an answer holds; 0 = each question is asked. */
  readonly cacheMs: number;
  readonly maxCached: number;
  readonly maxConcurrent: number;
  readonly maxWaiting: number;
  /** What it holds is shown to the service as a bearer token; "" = nothing is. */
  readonly secretFile: string;
  /** Who can't be asked about may come in. */
  readonly failOpen: boolean;
  readonly breakerFailures: number;
  readonly breakerPauseMs: number;
}

/** What came of a question of one client, each counted once. Values of a metric's label. */
export type CalloutResult = 'allow' | 'deny' | 'failed' | 'cached' | 'skipped' | 'failed_open';

export interface CalloutOptions {
  readonly settings: CalloutSettings;
  /** `auth.reloadInterval`, for the secret's file. */
  readonly reloadIntervalMs: number;
  readonly nodeId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counts: Map<CalloutResult, number>;
}

/** What is to be opened; `sessionId` "" for all sessions of a simple connection. */
export interface OpenSubject {
  /** Default: to open a session. */
  readonly action?: Action;
  readonly sessionId: string;
  readonly route: string;
  readonly subject: string;
}

/** `undecided`: the service gave no answer, or was spared. `over`: nobody waits for it any more. */
type Outcome =
  | { readonly kind: 'answered'; readonly answer: CalloutAnswer }
  | { readonly kind: 'undecided'; readonly result: 'failed' | 'skipped'; readonly retryAfterMs: number }
  | { readonly kind: 'over' };

/** What a client is told to wait after a failure that the breaker does not yet count as an outage. */
const RETRY_AFTER_MS = 1_000;
const FAILED_OPEN_LOG_MS = 60_000;
/** Of the places under way and in line one client may have this part: all of a connection's sessions at once, and not what others need. */
const SHARE_OF_ONE = 1 / 8;

/**
 * Asks a service of the operator's own whether somebody may connect, and open a
 * session. Bounded in time, in questions under way and in answers kept; equal
 * questions are asked once. A service that keeps failing is spared for a while.
 * No answer is a no (AUTH_UNAVAILABLE), unless `failOpen`.
 */
export class AuthorizationCallout {
  readonly #options: CalloutOptions;
  readonly #service: CalloutService;
  readonly #line: WaitingLine;
  readonly #breaker: CircuitBreaker;
  #cache: AnswerCache<CalloutAnswer>;
  /** Under way or in line, by the question's key. */
  readonly #asked = new Map<string, SharedWork<Outcome>>();
  /** How many of these are about one client, and may be. */
  readonly #askedOf = new Map<string, number>();
  readonly #maxOfOne: number;
  #lastFault = '';
  /** Since it last answered: the one the log spoke of last. */
  #toldFault = '';
  /** Since the last line of the log about it. */
  #failedOpen = 0;
  #failedOpenToldAt = -Infinity;
  #closed = false;

  /** Throws a StartError when the address or the secret's file can't be used. */
  constructor(options: CalloutOptions) {
    const { settings, clock } = options;
    this.#options = options;
    this.#service = new CalloutService({ ...options, ...settings });
    this.#line = new WaitingLine({
      clock,
      maxInside: settings.maxConcurrent,
      maxWaiting: settings.maxWaiting,
      maxWaitMs: settings.timeoutMs,
    });
    this.#breaker = new CircuitBreaker({
      clock,
      failures: settings.breakerFailures,
      pauseMs: settings.breakerPauseMs,
      onChange: (state, before) => {
        this.#tellOfBreaker(state, before);
      },
    });
    this.#cache = new AnswerCache(clock, settings.maxCached);
    const places = settings.maxConcurrent + settings.maxWaiting;
    this.#maxOfOne = Math.max(1, Math.floor(places * SHARE_OF_ONE));
  }

  /** Whether the service is not asked now, or only to see whether it is back. */
  get breakerOpen(): boolean {
    return this.#breaker.state !== 'closed';
  }

  /** Questions in line, at most `maxWaiting`. */
  get waiting(): number {
    return this.#line.waiting;
  }

  /** From here on the secret's file is read again when it changes. */
  start(): void {
    this.#service.start();
  }

  /** Reads the secret's file again, and forgets the answers: whoever says reload has changed something. */
  reload(): void {
    this.#service.reload();
    // Another one: what is under way now keeps its answer in the old.
    this.#cache = new AnswerCache(this.#options.clock, this.#options.settings.maxCached);
  }

  /**
   * Whether they may come in, and what of them the service knows better; a no is
   * an answer too. Throws or rejects with AUTH_UNAVAILABLE, or with the
   * signal's reason when it aborts.
   */
  connect(identity: Identity, peer: string, signal: AbortSignal): CalloutAnswer | Promise<CalloutAnswer> {
    return this.#ask({ event: 'connect', client: clientOf(identity) }, peer, signal);
  }

  /** Undefined: they may. Throws or rejects as `connect`, and with PERMISSION_DENIED. */
  open(
    identity: Identity,
    { action = 'open', sessionId, route, subject }: OpenSubject,
    peer: string,
    signal: AbortSignal,
  ): undefined | Promise<void> {
    const session = sessionId === '' ? {} : { session: sessionId };
    const question = { event: action, client: clientOf(identity), ...session, route, subject } as const;
    const answer = this.#ask(question, peer, signal);
    if (answer instanceof Promise) return answer.then(requireYes);
    requireYes(answer);
    return undefined;
  }

  /** Whoever waits is refused; no socket and no timer is left. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#line.close();
    this.#service.close();
    this.#cache.clear();
  }

  #ask(question: CalloutQuestion, peer: string, signal: AbortSignal): CalloutAnswer | Promise<CalloutAnswer> {
    if (this.#closed) throw unavailable(RETRY_AFTER_MS);
    if (signal.aborted) throw reasonOf(signal);
    const key = keyOf(question);
    const known = this.#cache.get(key);
    if (known !== undefined) {
      tally(this.#options.counts, 'cached');
      return known;
    }
    return this.#share(key, question, peer)
      .wait(signal)
      .then((outcome) => this.#settle(outcome));
  }

  #share(key: string, question: CalloutQuestion, peer: string): SharedWork<Outcome> {
    const asked = this.#asked.get(key);
    if (asked !== undefined) return asked;
    const { id } = question.client;
    const ofOne = (this.#askedOf.get(id) ?? 0) + 1;
    if (ofOne > this.#maxOfOne) {
      // Not by failOpen either: else who asks too much would be asked about no more.
      tally(this.#options.counts, 'failed');
      throw new SluiceError(
        'AUTH_UNAVAILABLE',
        `the authorization service is being asked ${this.#maxOfOne} questions about this client already`,
        { retryAfterMs: RETRY_AFTER_MS },
      );
    }
    this.#askedOf.set(id, ofOne);
    const work = new SharedWork(
      (stop) => this.#inquire(key, question, peer, stop),
      () => {
        this.#asked.delete(key);
        const left = (this.#askedOf.get(id) ?? 1) - 1;
        if (left === 0) this.#askedOf.delete(id);
        else this.#askedOf.set(id, left);
      },
    );
    this.#asked.set(key, work);
    return work;
  }

  /** Never rejects. */
  async #inquire(key: string, question: CalloutQuestion, peer: string, stop: AbortSignal): Promise<Outcome> {
    // Before the line: while the service is spared, nobody waits to be told so.
    if (this.#breaker.refuses) return this.#undecided('skipped');
    const entering = this.#line.enter(stop);
    const admission = typeof entering === 'string' ? entering : await entering;
    if (admission !== 'inside') return this.#notAdmitted(admission);
    try {
      return await this.#exchange(key, question, peer, stop);
    } finally {
      this.#line.leave();
    }
  }

  async #exchange(key: string, question: CalloutQuestion, peer: string, stop: AbortSignal): Promise<Outcome> {
    // Asked again: it may have opened while this one was in line.
    const passage = this.#breaker.tryPass();
    if (passage === undefined) return this.#undecided('skipped');
    const cache = this.#cache;
    try {
      const { answer, keepMs } = await this.#service.ask(question, peer, stop);
      passage.succeeded();
      cache.set(key, answer, Math.min(this.#options.settings.cacheMs, keepMs ?? Infinity));
      return { kind: 'answered', answer };
    } catch (error) {
      if (error instanceof JsonRequestError && (error.fault === 'aborted' || error.fault === 'closed')) {
        passage.abandoned();
        return { kind: 'over' };
      }
      this.#lastFault = faultOf(error);
      // Else a client whose words it stumbles over could have it spared, and all others refused.
      if (error instanceof WrongAnswerError && error.aboutQuestion) passage.abandoned();
      else passage.failed();
      return this.#undecided('failed');
    }
  }

  /** None of these is for the breaker: the service was not asked. */
  #notAdmitted(admission: Exclude<Admission, 'inside'>): Outcome {
    switch (admission) {
      case 'full':
      case 'late':
        this.#lastFault = 'more questions wait than it answers in time';
        return this.#undecided('failed');
      case 'gone':
      case 'closed':
        return { kind: 'over' };
    }
  }

  #undecided(result: 'failed' | 'skipped'): Outcome {
    return { kind: 'undecided', result, retryAfterMs: this.#breaker.retryAfterMs || RETRY_AFTER_MS };
  }

  /** For each client that waited. */
  #settle(outcome: Outcome): CalloutAnswer {
    const { counts, settings } = this.#options;
    switch (outcome.kind) {
      case 'answered':
        tally(counts, outcome.answer.allow ? 'allow' : 'deny');
        return outcome.answer;
      case 'over':
        throw unavailable(RETRY_AFTER_MS);
      case 'undecided':
        if (!settings.failOpen) {
          tally(counts, outcome.result);
          throw unavailable(outcome.retryAfterMs);
        }
        tally(counts, 'failed_open');
        this.#tellOfFailingOpen();
        return { allow: true };
    }
  }

  get #logFields(): { readonly setting: string; readonly address: string } {
    return { setting: 'auth.callout.url', address: this.#service.origin };
  }

  #tellOfBreaker(state: BreakerState, before: BreakerState): void {
    const { logger, settings } = this.#options;
    if (state === 'closed') logger.info(this.#logFields, 'the authorization service answers again');
    // Each trial that fails opens it again: that is no news, but for another fault.
    if (state !== 'open' || (before !== 'closed' && this.#lastFault === this.#toldFault)) return;
    const fault = this.#lastFault;
    this.#toldFault = fault;
    if (before !== 'closed') {
      logger.warn({ ...this.#logFields, fault }, 'the authorization service fails in another way now');
      return;
    }
    const fields = { ...this.#logFields, fault, failures: settings.breakerFailures };
    const meanwhile = settings.failOpen ? 'whoever it would decide on is let in' : 'its clients are refused';
    logger.warn(fields, `the authorization service fails: until it answers, ${meanwhile}`);
  }

  #tellOfFailingOpen(): void {
    const { clock, logger } = this.#options;
    this.#failedOpen += 1;
    if (clock.now() - this.#failedOpenToldAt < FAILED_OPEN_LOG_MS) return;
    const fields = { ...this.#logFields, count: this.#failedOpen, fault: this.#lastFault };
    this.#failedOpen = 0;
    this.#failedOpenToldAt = clock.now();
    logger.warn(fields, 'let in without an answer of the authorization service (auth.callout.failOpen)');
  }
}

function clientOf({ clientId, method, clientClass }: Identity): CalloutQuestion['client'] {
  return { id: clientId, method, class: clientClass };
}

function requireYes({ allow, reason }: CalloutAnswer): void {
  if (allow) return;
  throw new SluiceError('PERMISSION_DENIED', reason ?? 'the authorization service does not allow it');
}

function unavailable(retryAfterMs: number): SluiceError {
  return new SluiceError('AUTH_UNAVAILABLE', 'the authorization service gives no answer now', {
    retryAfterMs,
  });
}

/** For the log: neither error quotes what was sent or answered. */
function faultOf(error: unknown): string {
  if (error instanceof JsonRequestError || error instanceof WrongAnswerError) return error.message;
  return 'a fault of the gateway itself';
}
