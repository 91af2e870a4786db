import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import type { AuthCounters } from './auth-counters.js';
import { readRevocations } from './revocation-file.js';
import { WatchedFile } from './watched-file.js';

export interface RevocationsOptions {
  /** `auth.revocation.file`; "" = none. */
  readonly file: string;
  readonly reloadIntervalMs: number;
  /** Of the file and the others together. */
  readonly max: number;
  /** How long one that is not of the file holds: as long as a token can. */
  readonly maxTokenLifetimeMs: number;
  /** Of whoever is connected: who came in with what was issued by then has to go. */
  readonly onRevoked: (subject: string, issuedBeforeMs: number) => void;
  readonly counters: Pick<AuthCounters, 'revocationsMade'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Revocation {
  readonly subject: string;
  readonly source: 'api' | 'file';
  /** Unix milliseconds: what was issued by then is refused. */
  readonly issuedBeforeMs: number;
  /** Unix milliseconds; undefined: as long as it stands in the file. */
  readonly untilMs: number | undefined;
}

interface Made {
  readonly issuedBeforeMs: number;
  readonly untilMs: number;
}

/** No more revocations can be held; nothing was changed. Its message is a sentence for a person. */
export class TooManyRevocations extends Error {
  override readonly name = 'TooManyRevocations';
}

/** Reading more would hold everybody up. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/**
 * Who has been thrown out: by `revoke`, which holds for as long as a token can
 * live, or by the file, which holds as long as it says so. Credentials issued
 * after the revocation are good again; those that do not say when they were
 * issued are not, while it holds.
 */
export class Revocations {
  readonly #options: RevocationsOptions;
  readonly #file: WatchedFile<ReadonlyMap<string, number>> | undefined;
  readonly #made = new Map<string, Made>();

  /** Throws a StartError when the file can't be used. */
  constructor(options: RevocationsOptions) {
    this.#options = options;
    const { file, reloadIntervalMs, max, clock, logger } = options;
    if (file === '') return;
    this.#file = new WatchedFile({
      setting: 'auth.revocation.file',
      file,
      what: 'file of revocations',
      maxBytes: MAX_FILE_BYTES,
      secret: false,
      intervalMs: reloadIntervalMs,
      parse: (text) => readRevocations(text, max),
      onChange: (now, before) => {
        this.#announce(now, before);
      },
      clock,
      logger,
    });
  }

  /** Subjects that are revoked now, those twice that are revoked both ways. */
  get size(): number {
    this.#sweep();
    return this.#made.size + this.#listed.size;
  }

  /**
   * Refuses what was issued to the subject by now (or by another time given),
   * for as long as a token can live (or until another time given). Once more:
   * the later of both times each. Throws TooManyRevocations.
   */
  revoke(
    subject: string,
    options: { readonly issuedBeforeMs?: number; readonly untilMs?: number } = {},
  ): Revocation {
    const { clock, maxTokenLifetimeMs, onRevoked } = this.#options;
    const now = clock.wallNow();
    const before = this.#madeOf(subject);
    if (before === undefined) this.#requireRoom();
    const { issuedBeforeMs = now, untilMs = now + maxTokenLifetimeMs } = options;
    const made = {
      issuedBeforeMs: Math.max(issuedBeforeMs, before?.issuedBeforeMs ?? -Infinity),
      untilMs: Math.max(untilMs, before?.untilMs ?? -Infinity),
    };
    this.#made.set(subject, made);
    this.#options.counters.revocationsMade += 1;
    onRevoked(subject, made.issuedBeforeMs);
    return { subject, source: 'api', ...made };
  }

  /** Takes back what `revoke` did; false when there was nothing. What the file says stays. */
  pardon(subject: string): boolean {
    const was = this.#madeOf(subject) !== undefined;
    this.#made.delete(subject);
    return was;
  }

  /**
   * Whether credentials of this subject are refused. `issuedAtMs` counts whole
   * seconds (RFC 7519 section 2): what was issued within the very second of the
   * revocation counts as issued before.
   */
  refuses(subject: string, issuedAtMs: number | undefined): boolean {
    const issuedBeforeMs = Math.max(
      this.#madeOf(subject)?.issuedBeforeMs ?? -Infinity,
      this.#listed.get(subject) ?? -Infinity,
    );
    if (issuedBeforeMs === -Infinity) return false;
    return issuedAtMs === undefined || issuedAtMs <= issuedBeforeMs;
  }

  /** In no order. A subject that is revoked both ways stands there twice. */
  *list(): Generator<Revocation> {
    this.#sweep();
    for (const [subject, made] of this.#made) yield { subject, source: 'api', ...made };
    for (const [subject, issuedBeforeMs] of this.#listed) {
      yield { subject, source: 'file', issuedBeforeMs, untilMs: undefined };
    }
  }

  start(): void {
    this.#file?.start();
  }

  /** Reads the file again now; a bad one leaves the last good one in place. */
  reload(): void {
    this.#file?.reload();
  }

  /** Idempotent. */
  stop(): void {
    this.#file?.stop();
  }

  get #listed(): ReadonlyMap<string, number> {
    return this.#file?.value ?? NOBODY;
  }

  /** Undefined also where it is over. */
  #madeOf(subject: string): Made | undefined {
    const made = this.#made.get(subject);
    return made !== undefined && made.untilMs > this.#options.clock.wallNow() ? made : undefined;
  }

  #requireRoom(): void {
    const { max } = this.#options;
    if (this.#made.size + this.#listed.size < max) return;
    if (this.size < max) return;
    throw new TooManyRevocations(
      `${this.size} subjects are revoked, and no more can be held (auth.revocation.max).`,
    );
  }

  #sweep(): void {
    const now = this.#options.clock.wallNow();
    for (const [subject, { untilMs }] of this.#made) if (untilMs <= now) this.#made.delete(subject);
  }

  #announce(now: ReadonlyMap<string, number>, before: ReadonlyMap<string, number>): void {
    for (const [subject, issuedBeforeMs] of now) {
      if (issuedBeforeMs <= (before.get(subject) ?? -Infinity)) continue;
      this.#options.counters.revocationsMade += 1;
      this.#options.onRevoked(subject, issuedBeforeMs);
    }
  }
}

const NOBODY: ReadonlyMap<string, number> = new Map();
