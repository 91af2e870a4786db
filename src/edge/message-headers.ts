import { quoted } from '../core/printable.js';
import { MAX_METADATA_ENTRIES } from '../wire/messages.js';
import type { Parameter } from './edge-route.js';
import { headerText } from './header-text.js';
import { invalid } from './refusal.js';

/** As `IncomingMessage.headers` has them. */
export type Headers = NodeJS.Dict<string | string[]>;

/** Headers with this prefix are metadata of the message. */
const METADATA_PREFIX = 'x-meta-';
const MAX_TTL_MS = 2 ** 32 - 1;

/** What the headers of a request say of the message that its body is. */
export interface MessageHeaders {
  readonly key: string;
  readonly metadata: ReadonlyMap<string, string> | undefined;
  readonly ttlMs: number;
}

export const MESSAGE_HEADERS: readonly Parameter[] = [
  {
    name: 'x-key',
    in: 'header',
    description: 'The key of the message: of several that wait, conflate keeps the last of each key.',
    schema: { type: 'string' },
  },
  {
    name: 'x-ttl-ms',
    in: 'header',
    description: 'After so many milliseconds the message is not worth delivering any more. 0: always.',
    schema: { type: 'integer', minimum: 0, maximum: MAX_TTL_MS },
  },
];

/** Throws a Refusal. */
export function messageHeaders(headers: Headers): MessageHeaders {
  return {
    key: textHeader(headers, 'x-key'),
    metadata: messageMetadata(headers),
    ttlMs: ttlOf(textHeader(headers, 'x-ttl-ms')),
  };
}

/** "" where there is none. Throws a Refusal. */
export function textHeader(headers: Headers, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? headerText(name, value) : '';
}

/** The content type, and `x-meta-name` as `name`. */
function messageMetadata(headers: Headers): ReadonlyMap<string, string> | undefined {
  const metadata = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string') continue;
    if (name === 'content-type') metadata.set(name, headerText(name, value));
    else if (name.startsWith(METADATA_PREFIX) && name.length > METADATA_PREFIX.length) {
      metadata.set(name.slice(METADATA_PREFIX.length), headerText(name, value));
    }
  }
  if (metadata.size > MAX_METADATA_ENTRIES) {
    throw invalid(`the message has ${metadata.size} metadata entries: it may have ${MAX_METADATA_ENTRIES}`);
  }
  return metadata.size === 0 ? undefined : metadata;
}

function ttlOf(text: string): number {
  if (text === '') return 0;
  const ttlMs = /^\d{1,10}$/.test(text) ? Number(text) : Infinity;
  if (ttlMs <= MAX_TTL_MS) return ttlMs;
  throw invalid(
    `header x-ttl-ms is ${quoted(text)}: it has to be a number of milliseconds from 0 to ${MAX_TTL_MS}`,
  );
}
