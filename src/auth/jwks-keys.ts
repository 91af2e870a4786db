import { errorText } from '../core/error-text.js';
import type { Clock, Timer } from '../core/clock.js';
import { SluiceError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { StartError } from '../core/start-error.js';
import { JsonRequests } from './json-request.js';
import { keyUnknown } from './token-claims.js';
import {
  candidates,
  entriesOfSet,
  keyOfJwk,
  type KeyQuestion,
  type VerificationKey,
  type VerificationKeys,
} from './verification-keys.js';

export interface JwksKeysOptions {
  /** http or https, without a name and a password. */
  readonly url: string;
  /** How old the keys may become before they are fetched again. */
  readonly maxAgeMs: number;
  /** From the start of one fetch to that of the next, at the least; and to the next try after one that failed. */
  readonly cooldownMs: number;
  /** For a whole fetch. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const SETTING = 'auth.jwt.jwksUrl';
/** A hundred keys with a chain of certificates each are about half of it. */
const MAX_ANSWER_BYTES = 256 * 1024;
const MAX_REASON = 500;

/**
 * The keys an issuer of tokens publishes at an address (RFC 7517 section 5).
 * Fetched from `start()` on, in the background, and whenever a token names a
 * key that is not among them. What can't be used leaves the last good ones in
 * place, however long; until there are any, nobody can tell what a token is worth.
 */
export class JwksKeys implements VerificationKeys {
  /** Since the start; for metrics. */
  readonly fetches = { ok: 0, failed: 0 };
  readonly #options: JwksKeysOptions;
  readonly #requests: JsonRequests;
  #keys: readonly VerificationKey[] | undefined;
  #keysSinceMs = 0;
  #triedAtMs = -Infinity;
  #fetching: Promise<void> | undefined;
  /** Of the last fetch; undefined when that was good. */
  #fault: string | undefined;
  #unused = '';
  #timer: Timer | undefined;
  #stopped = false;

  /** Throws a StartError for an address that can't be one. */
  constructor(options: JwksKeysOptions) {
    checkUrl(options.url);
    this.#options = options;
    this.#requests = new JsonRequests({
      clock: options.clock,
      timeoutMs: options.timeoutMs,
      maxResponseBytes: MAX_ANSWER_BYTES,
      maxSockets: 1,
    });
  }

  /** Since the keys in use were fetched; undefined while there are none. */
  ageMs(): number | undefined {
    return this.#keys === undefined ? undefined : this.#options.clock.now() - this.#keysSinceMs;
  }

  keysFor(question: KeyQuestion): readonly VerificationKey[] | Promise<readonly VerificationKey[]> {
    const found = this.#find(question);
    return found.length > 0 ? found : this.#findLater(question);
  }

  start(): void {
    this.#refresh();
  }

  reload(): void {
    this.#refresh();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#requests.close();
  }

  #find(question: KeyQuestion): readonly VerificationKey[] {
    return this.#keys === undefined ? [] : candidates(this.#keys, question);
  }

  /** It may be newer than the set: asked for again, but not as often as somebody makes up names of keys. */
  async #findLater(question: KeyQuestion): Promise<readonly VerificationKey[]> {
    const { clock, cooldownMs } = this.#options;
    const newest = clock.now() - this.#triedAtMs >= cooldownMs && this.#refresh();
    await this.#fetching;
    const found = this.#find(question);
    if (found.length > 0) return found;
    const waitMs = Math.max(1, Math.ceil(this.#triedAtMs + cooldownMs - clock.now()));
    if (this.#keys !== undefined && this.#fault === undefined) {
      if (newest) return [];
      // What was fetched, or asked for, before the token came may be older than its key.
      throw keyUnknown(waitMs);
    }
    throw new SluiceError(
      'AUTH_UNAVAILABLE',
      'The keys that tokens are checked with can not be fetched now.',
      {
        retryAfterMs: waitMs,
      },
    );
  }

  /** False where it joins the fetch under way, or there is none any more. */
  #refresh(): boolean {
    if (this.#stopped || this.#fetching !== undefined) return false;
    const { clock, maxAgeMs, cooldownMs } = this.#options;
    this.#timer?.cancel();
    this.#triedAtMs = clock.now();
    this.#fetching = this.#fetch().then(() => {
      this.#fetching = undefined;
      if (this.#stopped) return;
      const delayMs = this.#fault === undefined ? Math.max(maxAgeMs, cooldownMs) : cooldownMs;
      this.#timer = clock.setTimeout(() => {
        this.#refresh();
      }, delayMs);
    });
    return true;
  }

  /** Never rejects. */
  async #fetch(): Promise<void> {
    const startedMs = this.#options.clock.now();
    try {
      const { status, json } = await this.#requests.request(this.#options.url);
      if (status !== 200) throw new Error(`the answer is ${status}, and not 200`);
      this.#use(setOf(json), startedMs);
    } catch (error) {
      if (this.#stopped) this.#fault = 'stopped';
      else this.#keep(error);
    }
  }

  #use({ keys, unused }: KeySet, startedMs: number): void {
    const { logger } = this.#options;
    const news = this.#fault !== undefined || !sameKeys(keys, this.#keys ?? []);
    this.#keys = keys;
    this.#keysSinceMs = startedMs;
    this.#fault = undefined;
    this.fetches.ok += 1;
    if (news)
      logger.info(
        { setting: SETTING, keys: keys.length },
        'the keys that tokens are checked with are fetched',
      );
    if (unused !== this.#unused && unused !== '') logger.warn({ setting: SETTING }, unused);
    this.#unused = unused;
  }

  #keep(error: unknown): void {
    const reason = errorText(error);
    this.fetches.failed += 1;
    const fault = reason.slice(0, MAX_REASON);
    if (fault === this.#fault) return;
    this.#fault = fault;
    const meanwhile =
      this.#keys === undefined
        ? 'no token can be checked until they are there'
        : 'those fetched before stay in use';
    this.#options.logger.error(
      { setting: SETTING, fault },
      `the keys that tokens are checked with can not be fetched; ${meanwhile}`,
    );
  }
}

interface KeySet {
  readonly keys: readonly VerificationKey[];
  /** One sentence for the log on what is wrong with some; "" where nothing is. */
  readonly unused: string;
}

/** Throws an Error for what is no set, or has no key that can be used. */
function setOf(json: unknown): KeySet {
  let entries: readonly unknown[];
  try {
    entries = entriesOfSet(json);
  } catch (error) {
    throw new Error(`the answer ${errorText(error)}`);
  }
  const keys: VerificationKey[] = [];
  const faults: string[] = [];
  for (const [index, entry] of entries.entries()) {
    try {
      const key = keyOfJwk(entry);
      // A secret that is published is none.
      if (key?.key.type === 'secret') throw new Error('is secret, and yet published');
      if (key !== undefined) keys.push(key);
    } catch (error) {
      faults.push(`number ${index + 1} ${errorText(error)}`);
    }
  }
  const unused = faults.length === 0 ? '' : `keys are not used: ${faults.join('; ')}`.slice(0, MAX_REASON);
  if (keys.length === 0) throw new Error(`the answer holds no key for signatures${unused && `; ${unused}`}`);
  return { keys, unused };
}

function sameKeys(some: readonly VerificationKey[], others: readonly VerificationKey[]): boolean {
  return (
    some.length === others.length &&
    some.every((key, index) => {
      const other = others[index];
      return other !== undefined && key.kid === other.kid && key.key.equals(other.key);
    })
  );
}

function checkUrl(url: string): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== 'https:' && parsed?.protocol !== 'http:') {
    throw new StartError(SETTING, `${SETTING}: it is not an http or https address.`);
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new StartError(SETTING, `${SETTING}: it holds a name or a password; keys are fetched without.`);
  }
}
