import { createHash } from 'node:crypto';
import { SluiceError } from '../../core/errors.js';
import { quoted } from '../../core/printable.js';
import type { TopicPublication } from '../../session/topic-route.js';

export interface IdempotencyLimits {
  /** Of all topics of the route; the oldest is forgotten first. 0 knows none. */
  readonly keys: number;
  readonly ageMs: number;
}

/** What a key was used for. */
interface Known {
  readonly sequence: number;
  readonly subscribers: number;
  readonly digest: string;
  readonly atMs: number;
  readonly owner: KeyOwner;
}

/** The topic that a key belongs to. */
export interface KeyOwner {
  readonly subject: string;
  /** How many keys of it are known; kept here. */
  keys: number;
  /** It has none any more. */
  onKeysOver(): void;
}

/** Neither a subject nor a client ID nor a key has it: all are printable. */
const SEPARATOR = '\n';
/** In characters of base64, six bits each. */
const DIGEST_LENGTH = 24;

/**
 * Idempotency keys and what came of them, oldest first. A key is one
 * publisher's, in one topic: nobody can suppress what another publishes.
 */
export class IdempotencyKeys {
  readonly #limits: IdempotencyLimits;
  readonly #known = new Map<string, Known>();

  constructor(limits: IdempotencyLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#known.size;
  }

  /** When the oldest is to go, in Clock.now(). */
  get nextExpiryMs(): number | undefined {
    for (const { atMs } of this.#known.values()) return atMs + this.#limits.ageMs;
    return undefined;
  }

  /** What came of the same publication before. Throws INVALID_MESSAGE where the key was used for another. */
  find(subject: string, publication: TopicPublication): Pick<Known, 'sequence' | 'subscribers'> | undefined {
    const known = this.#known.get(nameOf(subject, publication));
    if (known === undefined) return undefined;
    if (known.digest === digestOf(publication)) return known;
    throw new SluiceError(
      'INVALID_MESSAGE',
      `idempotency key ${quoted(publication.idempotencyKey ?? '')} was used for another message already: ` +
        'use one key for one message, and the same again only to send that message again',
    );
  }

  add(
    owner: KeyOwner,
    publication: TopicPublication,
    published: { readonly sequence: number; readonly subscribers: number },
    nowMs: number,
  ): void {
    if (this.#limits.keys === 0 || this.#limits.ageMs === 0) return;
    const { sequence, subscribers } = published;
    const digest = digestOf(publication);
    owner.keys += 1;
    this.#known.set(nameOf(owner.subject, publication), {
      sequence,
      subscribers,
      digest,
      atMs: nowMs,
      owner,
    });
    if (this.#known.size > this.#limits.keys) this.#forgetOldest();
  }

  /** Forgets what is too old. */
  expire(nowMs: number): void {
    for (let next = this.nextExpiryMs; next !== undefined && next <= nowMs; next = this.nextExpiryMs)
      this.#forgetOldest();
  }

  clear(): void {
    this.#known.clear();
  }

  #forgetOldest(): void {
    for (const [name, { owner }] of this.#known) {
      this.#known.delete(name);
      owner.keys -= 1;
      if (owner.keys === 0) owner.onKeysOver();
      return;
    }
  }
}

function nameOf(subject: string, { from, idempotencyKey = '' }: TopicPublication): string {
  return subject + SEPARATOR + from + SEPARATOR + idempotencyKey;
}

/** Of all that makes it another message. */
function digestOf({ data, key = '', metadata, ttlMs = 0 }: TopicPublication): string {
  const hash = createHash('sha256');
  const entries = metadata === undefined ? [] : [...metadata].sort(([a], [b]) => (a < b ? -1 : 1));
  hash.update(JSON.stringify([key, ttlMs, entries]));
  hash.update('\n');
  hash.update(data);
  return hash.digest('base64').slice(0, DIGEST_LENGTH);
}
