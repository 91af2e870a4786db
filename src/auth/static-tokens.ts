import { errorText } from '../core/error-text.js';
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../core/clock.js';
import { SluiceError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { isPrintableId } from '../core/printable.js';
import type { Caller, ClientClasses } from './client-classes.js';
import { isJsonObject, parseJsonText, type JsonObject } from './json-text.js';
import { parsePermissions } from './permissions.js';
import { parseTime } from './rfc3339.js';
import { WatchedFile } from './watched-file.js';

export interface StaticTokensOptions {
  /** `auth.static.file`. */
  readonly file: string;
  readonly reloadIntervalMs: number;
  readonly classes: ClientClasses;
  /** The file no longer holds any token of this subject: whoever came in with one has to go. */
  readonly onRevoked: (subject: string) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Entry {
  readonly digest: Buffer;
  readonly caller: Caller;
}

/** By the SHA-256 of the token, in hex. */
type Tokens = ReadonlyMap<string, Entry>;

const MAX_ENTRIES = 100_000;
const MAX_FILE_BYTES = 16 * 1024 * 1024;
const SHA_256 = /^[0-9a-f]{64}$/i;
const KEYS = new Set(['sha256', 'subject', 'class', 'permissions', 'expires']);

/**
 * Tokens that stand, hashed, in a file: `{ "tokens": [ { "sha256", "subject",
 * "class"?, "permissions"?, "expires"? } ] }`. Read again when it changes; what
 * an entry allows is settled when its client comes in or renews its token.
 */
export class StaticTokens {
  readonly #file: WatchedFile<Tokens>;
  readonly #clock: Clock;

  /** Throws a StartError that names the file, the entry and the key, and no value of theirs. */
  constructor(options: StaticTokensOptions) {
    const { file, reloadIntervalMs, classes, onRevoked, clock, logger } = options;
    this.#clock = clock;
    this.#file = new WatchedFile<Tokens>({
      setting: 'auth.static.file',
      file,
      what: 'file of static tokens',
      maxBytes: MAX_FILE_BYTES,
      secret: true,
      intervalMs: reloadIntervalMs,
      parse: (text) => readTokens(text, classes),
      onChange: (tokens, previous) => {
        const subjects = new Set<string>();
        for (const [hash, { caller }] of previous) if (!tokens.has(hash)) subjects.add(caller.clientId);
        for (const subject of subjects) onRevoked(subject);
      },
      clock,
      logger,
    });
  }

  /** Whose token it is; undefined where the file does not hold it. Throws TOKEN_EXPIRED. */
  callerOf(token: string): Caller | undefined {
    const digest = createHash('sha256').update(token).digest();
    const entry = this.#file.value.get(digest.toString('hex'));
    // The map compares hashes, of which no one can choose a part; this, all of it at once.
    if (entry === undefined || !timingSafeEqual(entry.digest, digest)) return undefined;
    const { expiresAtMs } = entry.caller;
    if (expiresAtMs !== undefined && expiresAtMs <= this.#clock.wallNow()) {
      throw new SluiceError('TOKEN_EXPIRED', `the token expired at ${new Date(expiresAtMs).toISOString()}`);
    }
    return entry.caller;
  }

  /** Whether the file holds the token of this SHA-256 (hex), expired or not. */
  holds(tokenHash: string): boolean {
    return this.#file.value.has(tokenHash);
  }

  start(): void {
    this.#file.start();
  }

  /** Reads the file again now; a bad one leaves the last good one in place. */
  reload(): void {
    this.#file.reload();
  }

  /** Idempotent. */
  stop(): void {
    this.#file.stop();
  }
}

function readTokens(text: string, classes: ClientClasses): Tokens {
  const document = parseJsonText(text);
  if (!isJsonObject(document)) throw new Error('is not an object: { "tokens": [ … ] }');
  if (Object.keys(document).some((key) => key !== 'tokens')) {
    throw new Error('has another member than "tokens"');
  }
  const list = document['tokens'];
  if (!Array.isArray(list)) throw new Error('has no list "tokens"');
  if (list.length > MAX_ENTRIES) {
    throw new Error(`has ${list.length} tokens, and ${MAX_ENTRIES} are the most`);
  }
  const entries = new Map<string, Entry>();
  list.forEach((value: unknown, n) => {
    const entry = readEntry(value, classes, (reason) => new Error(`token ${n + 1}: ${reason}`));
    const hash = entry.digest.toString('hex');
    if (entries.has(hash)) throw new Error(`token ${n + 1}: another token has the same "sha256"`);
    entries.set(hash, entry);
  });
  return entries;
}

/** Keys are named, values are not: a token in the place of its hash must not reach a log. */
function readEntry(value: unknown, classes: ClientClasses, wrong: (reason: string) => Error): Entry {
  if (!isJsonObject(value)) throw wrong('is not an object');
  if (Object.keys(value).some((key) => !KEYS.has(key))) {
    throw wrong(`has another key than ${[...KEYS].join(', ')}`);
  }
  const { sha256, subject, class: clientClass, expires } = value;
  if (typeof sha256 !== 'string' || !SHA_256.test(sha256)) {
    throw wrong('"sha256" is not the SHA-256 of a token in 64 hexadecimal digits');
  }
  if (typeof subject !== 'string' || !isPrintableId(subject)) {
    throw wrong('"subject" is not 1 to 128 printable characters');
  }
  if (clientClass !== undefined && (typeof clientClass !== 'string' || !classes.has(clientClass))) {
    throw wrong('"class" is not one of auth.classes');
  }
  const expiresAtMs = typeof expires === 'string' ? parseTime(expires) : undefined;
  if (expires !== undefined && expiresAtMs === undefined) {
    throw wrong('"expires" is not a time such as 2030-01-31T12:00:00Z (RFC 3339)');
  }
  return {
    digest: Buffer.from(sha256, 'hex'),
    caller: {
      clientId: subject,
      method: 'static',
      clientClass,
      permissions: readPermissions(value, wrong),
      issuedAtMs: undefined,
      expiresAtMs,
      tokenHash: sha256.toLowerCase(),
    },
  };
}

function readPermissions(
  { permissions }: JsonObject,
  wrong: (reason: string) => Error,
): readonly string[] | undefined {
  if (permissions === undefined) return undefined;
  if (!isListOfStrings(permissions)) throw wrong('"permissions" is not a list of strings');
  try {
    parsePermissions(permissions);
  } catch (error) {
    throw wrong(`"permissions": ${errorText(error)}`);
  }
  return permissions;
}

function isListOfStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
