import type { SluiceError } from '../core/errors.js';
import type { DataMessage, Gap } from '../wire/messages.js';
import { type EventBlock, eventText } from './event-text.js';
import { errorBody } from './refusal.js';

/**
 * How a message becomes the data of an event:
 *
 * - `text`: the text it is; what is not UTF-8 is an event `binary`, in base64
 * - `base64`: always
 * - `json`: an object with all of it, key and metadata too
 */
export const EVENT_ENCODINGS = ['text', 'base64', 'json'] as const;
export type EventEncoding = (typeof EVENT_ENCODINGS)[number];

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A topic's message as an event. */
export function messageEvent(message: DataMessage, encoding: EventEncoding): EventBlock {
  const id = String(message.sequence);
  if (encoding === 'json') return { id, data: JSON.stringify(messageObject(message)) };
  const text = encoding === 'text' ? textOf(message.data) : undefined;
  if (text !== undefined) return { id, data: text };
  return { id, data: base64(message.data), ...(encoding === 'text' && { event: 'binary' }) };
}

/** Messages that are lost: from, to, and why. */
export function gapEvent({ fromSequence, toSequence, reason }: Gap): EventBlock {
  return {
    id: String(toSequence),
    event: 'gap',
    data: JSON.stringify({ from: String(fromSequence), to: String(toSequence), reason }),
  };
}

/** Why the stream ends. */
export function errorEvent(error: SluiceError, retryMs: number): EventBlock {
  return { event: 'error', data: JSON.stringify(errorBody(error).error), retryMs };
}

/**
 * A topic gives the same object to all who follow it: what it becomes is made
 * once where they are served one after another, and held while anybody follows.
 */
export class SharedEvents {
  readonly #last = new Map<EventEncoding, { readonly message: DataMessage; readonly bytes: Buffer }>();
  #followers = 0;

  bytesOf(message: DataMessage, encoding: EventEncoding): Buffer {
    const last = this.#last.get(encoding);
    if (last?.message === message) return last.bytes;
    const bytes = Buffer.from(eventText(messageEvent(message, encoding)));
    this.#last.set(encoding, { message, bytes });
    return bytes;
  }

  /** One more follows, whatever it is; it says `leave` once. */
  join(): void {
    this.#followers += 1;
  }

  /** When nobody follows anything any more nothing is held. */
  leave(): void {
    this.#followers -= 1;
    if (this.#followers === 0) this.#last.clear();
  }
}

function messageObject({ sequence, timestampMs, key, metadata, data }: DataMessage): object {
  const text = textOf(data);
  return {
    // As text: JavaScript is not the only language that reads it.
    sequence: String(sequence),
    timestampMs,
    ...(key !== '' && { key }),
    ...(metadata !== undefined && metadata.size > 0 && { metadata: Object.fromEntries(metadata) }),
    ...(text === undefined ? { dataBase64: base64(data) } : { data: text }),
  };
}

function textOf(data: Uint8Array): string | undefined {
  try {
    return utf8.decode(data);
  } catch {
    return undefined;
  }
}

function base64({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
}
