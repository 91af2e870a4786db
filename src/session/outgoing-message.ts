import { EMPTY_BYTES } from '../wire/messages.js';
import { bytesOf, metadataOf } from '../wire/sendable.js';
import type { RouteMessage } from './route.js';

/** What may go to a client, in the words of whoever writes it by hand. */
export interface OutgoingFields {
  /** Text goes as UTF-8. Default: nothing. */
  readonly data?: Uint8Array | string;
  /** At most 64 entries. */
  readonly metadata?: ReadonlyMap<string, string> | Readonly<Record<string, string>> | undefined;
  /** For conflation and partitioning. Default "". */
  readonly key?: string;
  /** Whether the payload goes on in the next message. Default false. */
  readonly more?: boolean;
  /** Not worth delivering later than this, in milliseconds. Default 0: always worth it. */
  readonly ttlMs?: number;
}

/** A message to a client: text, bytes, or either with more. Bytes go from where they lie: don't change them any more. */
export type Outgoing = string | Uint8Array | OutgoingFields;

/** As a session sends it. Throws a TypeError or RangeError for what can't be sent. */
export function routeMessage(outgoing: Outgoing): RouteMessage {
  if (typeof outgoing === 'string' || outgoing instanceof Uint8Array) return { data: bytesOf(outgoing) };
  const { data, metadata, key = '', more = false, ttlMs = 0 } = fieldsOf(outgoing);
  // Spelled out, for speed: the same shape as every other one.
  return {
    data: data === undefined ? EMPTY_BYTES : bytesOf(data),
    metadata: metadata === undefined ? undefined : metadataMap(metadata),
    key,
    more,
    ttlMs,
  };
}

/** Only JavaScript can give something else. */
function fieldsOf(outgoing: OutgoingFields): OutgoingFields {
  if (typeof outgoing === 'object' && (outgoing as unknown) !== null) return outgoing;
  const given: unknown = outgoing;
  const what = given === null ? 'null' : typeof given;
  throw new TypeError(`a message is ${what}: what is sent is text, bytes, or an object with data`);
}

/** As the wire holds it; none where it is empty. @throws TypeError, RangeError */
export function metadataMap(
  metadata: NonNullable<OutgoingFields['metadata']>,
): ReadonlyMap<string, string> | undefined {
  if (!(metadata instanceof Map)) return metadataOf(metadata as Readonly<Record<string, string>>);
  return metadata.size === 0 ? undefined : (metadata as ReadonlyMap<string, string>);
}
