import { SluiceError } from '../core/errors.js';
import { isPrintableId, quoted } from '../core/printable.js';
import { detachedBytes } from '../session/detached-message.js';
import type { TopicMessage, TopicPublication } from '../session/topic-route.js';
import { EncodedMetadata } from '../wire/encoded-metadata.js';
import { MAX_METADATA_ENTRIES } from '../wire/messages.js';

const SEQUENCE_NAME = 'x-topic-sequence';
const FROM_NAME = 'x-from';
export const MISSED_NAME = 'x-topic-missed';
export const MISSED_REASON_NAME = 'x-topic-missed-reason';
export const PRESENCE_NAME = 'x-presence';
export const PRESENCE_CLIENT_NAME = 'x-client-id';
export const PRESENCE_COUNT_NAME = 'x-presence-count';

/** What the gateway says: of a publisher it would be a lie. */
const RESERVED: ReadonlySet<string> = new Set([
  SEQUENCE_NAME,
  FROM_NAME,
  MISSED_NAME,
  MISSED_REASON_NAME,
  PRESENCE_NAME,
  PRESENCE_CLIENT_NAME,
  PRESENCE_COUNT_NAME,
]);

/** Entries that a publisher may give: besides the two of the gateway. */
export const MAX_PUBLISHED_METADATA = MAX_METADATA_ENTRIES - 2;

/** Throws INVALID_MESSAGE for what no topic takes. */
export function checkPublication({ metadata, idempotencyKey = '' }: TopicPublication): void {
  if (metadata !== undefined && metadata.size > MAX_PUBLISHED_METADATA) {
    throw new SluiceError(
      'INVALID_MESSAGE',
      `a message for a topic has ${metadata.size} metadata entries: ${MAX_PUBLISHED_METADATA} are allowed, for ` +
        `${SEQUENCE_NAME} and ${FROM_NAME} are added`,
    );
  }
  if (idempotencyKey !== '' && !isPrintableId(idempotencyKey)) {
    throw new SluiceError(
      'INVALID_MESSAGE',
      `idempotency key ${quoted(idempotencyKey)} is not 1 to 128 printable characters`,
    );
  }
}

/** What all subscribers are given, in memory of its own. */
export function topicMessage(
  { data, key = '', metadata, ttlMs = 0, from }: TopicPublication,
  sequence: number,
  timestampMs: number,
): TopicMessage {
  const entries: [string, string][] = [[SEQUENCE_NAME, String(sequence)]];
  if (from !== '') entries.push([FROM_NAME, from]);
  if (metadata !== undefined) {
    for (const entry of metadata) if (!RESERVED.has(entry[0].toLowerCase())) entries.push(entry);
  }
  return {
    sequence,
    timestampMs,
    data: detachedBytes(data),
    metadata: new EncodedMetadata(entries),
    key,
    ttlMs,
    from,
  };
}
