import type { Message } from '../../client/message.js';
import { each, isObject, text as isText } from '../frame/guards.js';
import type { InputMessage } from './input-message.js';

/**
 * A message as a line of JSON, as `tail --output json` writes it and
 * `send --json` reads it: `data` is its text or, where it is not UTF-8, `base64` its bytes.
 */
export function messageObject(message: Message): Readonly<Record<string, unknown>> {
  const { data, key, metadata, sequence, timestampMs } = message;
  const text = textOf(data);
  return {
    ...(text === undefined ? { base64: Buffer.from(data).toString('base64') } : { data: text }),
    ...(key === '' ? {} : { key }),
    ...(metadata.size === 0 ? {} : { metadata: Object.fromEntries(metadata) }),
    ...(sequence === 0 ? {} : { sequence }),
    ...(timestampMs === 0 ? {} : { timestampMs }),
  };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** As UTF-8; undefined where it is none. */
export function textOf(data: Uint8Array): string | undefined {
  try {
    return utf8.decode(data);
  } catch {
    return undefined;
  }
}

export type ReadObject =
  | { readonly kind: 'message'; readonly message: InputMessage }
  /** An empty line, or an `event` that `tail` wrote between messages. */
  | { readonly kind: 'nothing' }
  /** `reason` completes "line 3 of the input …". */
  | { readonly kind: 'fault'; readonly reason: string };

const EXPECTED =
  'expected is an object such as {"data": "text", "key": "k", "metadata": {"a": "b"}, "ttlMs": 1000}';
/** What `tail` adds says nothing to whom it is sent. */
const NAMES: readonly string[] = ['data', 'base64', 'key', 'metadata', 'ttlMs', 'sequence', 'timestampMs'];
const isTexts = each(isText);
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export function readMessageObject(line: Uint8Array): ReadObject {
  const text = textOf(line);
  if (text === undefined) return fault(`is not UTF-8: ${EXPECTED}`);
  if (text.trim() === '') return { kind: 'nothing' };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return fault(`is not JSON: ${EXPECTED}`);
  }
  return isObject(value) ? readFields(value) : fault(`is no object: ${EXPECTED}`);
}

function readFields(object: Readonly<Record<string, unknown>>): ReadObject {
  if (typeof object['event'] === 'string') return { kind: 'nothing' };
  const unknown = Object.keys(object).find((name) => !NAMES.includes(name));
  if (unknown !== undefined)
    return fault(`has ${JSON.stringify(unknown)}: allowed are ${NAMES.slice(0, 5).join(', ')}`);
  const { data, base64, key, metadata, ttlMs } = object;
  if ((data === undefined) === (base64 === undefined)) return fault('needs one of "data" and "base64"');
  if (data !== undefined && typeof data !== 'string') return fault('has a "data" that is no text');
  if (base64 !== undefined && !(typeof base64 === 'string' && BASE64.test(base64))) {
    return fault('has a "base64" that is none');
  }
  if (key !== undefined && typeof key !== 'string') return fault('has a "key" that is no text');
  if (metadata !== undefined && !isTexts(metadata)) return fault('has "metadata" that is no object of texts');
  if (ttlMs !== undefined && !(typeof ttlMs === 'number' && Number.isInteger(ttlMs) && ttlMs > 0)) {
    return fault('has a "ttlMs" that is no whole number from 1 on');
  }
  const bytes = typeof data === 'string' ? Buffer.from(data) : Buffer.from(base64 as string, 'base64');
  const options = {
    ...(key === undefined ? {} : { key }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(ttlMs === undefined ? {} : { ttlMs }),
  };
  return { kind: 'message', message: { data: bytes, options } };
}

function fault(reason: string): ReadObject {
  return { kind: 'fault', reason };
}
