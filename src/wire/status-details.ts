/**
 * The details a gRPC status carries in `grpc-status-details-bin`: a
 * google.rpc.Status with google.rpc.ErrorInfo and, where the error says how
 * long to wait, google.rpc.RetryInfo
 * (https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto).
 */
import { errorNotes } from '../core/error-notes.js';
import type { SluiceError } from '../core/errors.js';
import { Reader } from './reader.js';
import {
  bytesFieldSize,
  textFieldSize,
  varintSize,
  writeBytesField,
  writeTextField,
  writeVarintField,
} from './writer.js';

const ERROR_DOMAIN = 'sluice';

const TYPE_ERROR_INFO = 'type.googleapis.com/google.rpc.ErrorInfo';
const TYPE_RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo';

const TAG_1_VARINT = 0x08;
const TAG_2_VARINT = 0x10;
const TAG_1 = 0x0a;
const TAG_2 = 0x12;
const TAG_3 = 0x1a;

/** A duration of google.protobuf.Duration: at most about 10,000 years. */
const MAX_DURATION_SECONDS = 315_576_000_000;

export interface StatusDetails {
  /** The gRPC status code. */
  readonly code: number;
  readonly message: string;
  /** A code of the error catalogue, when `domain` is "sluice". */
  readonly reason?: string;
  readonly domain?: string;
  /** More about the error, by name. */
  readonly metadata?: ReadonlyMap<string, string>;
  readonly retryAfterMs?: number;
}

/** One message made of the given fields, empty ones left out. */
function concat(fields: readonly (readonly [tag: number, value: string | Uint8Array])[]): Uint8Array {
  const present = fields.filter(([, value]) => value.length > 0);
  let size = 0;
  for (const [, value] of present) {
    size += typeof value === 'string' ? textFieldSize(value) : bytesFieldSize(value.length);
  }
  const target = new Uint8Array(size);
  let offset = 0;
  for (const [tag, value] of present) {
    offset =
      typeof value === 'string'
        ? writeTextField(target, offset, tag, value)
        : writeBytesField(target, offset, tag, value);
  }
  return target;
}

function any(typeUrl: string, value: Uint8Array): Uint8Array {
  return concat([
    [TAG_1, typeUrl],
    [TAG_2, value],
  ]);
}

function duration(durationMs: number): Uint8Array {
  const wholeMs = Math.min(Math.max(0, Math.ceil(durationMs)), MAX_DURATION_SECONDS * 1000);
  const seconds = Math.floor(wholeMs / 1000);
  const nanos = (wholeMs % 1000) * 1_000_000;
  const target = new Uint8Array(2 + varintSize(seconds) + varintSize(nanos));
  let offset = 0;
  if (seconds > 0) offset = writeVarintField(target, offset, TAG_1_VARINT, seconds);
  if (nanos > 0) offset = writeVarintField(target, offset, TAG_2_VARINT, nanos);
  return target.subarray(0, offset);
}

/** RetryInfo; its delay is present even when it is 0, else it would not say "now". */
function retryInfo(retryAfterMs: number): Uint8Array {
  const delay = duration(retryAfterMs);
  const target = new Uint8Array(bytesFieldSize(delay.length));
  writeBytesField(target, 0, TAG_1, delay);
  return target;
}

/**
 * The google.rpc.Status of an error. ErrorInfo always: the catalogue code as
 * reason and, where a setting moves the limit, its key as metadata `setting`.
 * RetryInfo only where the error says how long to wait; a fraction of a
 * millisecond is rounded up, so that nobody comes back too early.
 */
export function encodeStatusDetails(error: SluiceError): Uint8Array {
  const { setting } = errorNotes[error.code];
  const { grpcStatus } = error;
  const errorInfo = concat([
    [TAG_1, error.code],
    [TAG_2, ERROR_DOMAIN],
    [
      TAG_3,
      setting === undefined
        ? ''
        : concat([
            [TAG_1, 'setting'],
            [TAG_2, setting],
          ]),
    ],
  ]);
  const rest = concat([
    [TAG_2, error.message],
    [TAG_3, any(TYPE_ERROR_INFO, errorInfo)],
    [TAG_3, error.retryAfterMs === undefined ? '' : any(TYPE_RETRY_INFO, retryInfo(error.retryAfterMs))],
  ]);
  const target = new Uint8Array(1 + varintSize(grpcStatus) + rest.length);
  target.set(rest, writeVarintField(target, 0, TAG_1_VARINT, grpcStatus));
  return target;
}

/** Calls `read` for every field up to the reader's end; it answers whether it has read it. */
function forEachField(reader: Reader, read: (tag: number) => boolean): void {
  while (reader.position < reader.end) {
    const at = reader.position;
    const tag = reader.tag();
    if (!read(tag)) reader.skip(tag, at, undefined);
  }
}

function nested(reader: Reader, field: string, read: (tag: number) => boolean): void {
  const { end } = reader;
  reader.end = reader.lengthEnd(field);
  forEachField(reader, read);
  reader.end = end;
}

/** Reads ErrorInfo; the first one of a status counts. */
function readErrorInfo(reader: Reader): Pick<StatusDetails, 'reason' | 'domain' | 'metadata'> {
  let reason = '';
  let domain = '';
  const metadata = new Map<string, string>();
  forEachField(reader, (tag) => {
    if (tag === TAG_1) reason = reader.text('reason');
    else if (tag === TAG_2) domain = reader.text('domain');
    else if (tag === TAG_3) {
      let name = '';
      let value = '';
      nested(reader, 'metadata', (entryTag) => {
        if (entryTag === TAG_1) name = reader.text('metadata key');
        else if (entryTag === TAG_2) value = reader.text('metadata value');
        else return false;
        return true;
      });
      metadata.set(name, value);
    } else return false;
    return true;
  });
  return { reason, domain, ...(metadata.size > 0 && { metadata }) };
}

/** A negative or oversized delay is no delay we can wait for: it fails as out of range. */
function readRetryInfo(reader: Reader): Pick<StatusDetails, 'retryAfterMs'> {
  let seconds = 0;
  let nanos = 0;
  forEachField(reader, (tag) => {
    if (tag !== TAG_1) return false;
    nested(reader, 'retry_delay', (durationTag) => {
      if (durationTag === TAG_1_VARINT) seconds = reader.uint53('seconds');
      else if (durationTag === TAG_2_VARINT) nanos = reader.uint53('nanos');
      else return false;
      return true;
    });
    return true;
  });
  return {
    retryAfterMs: Math.min(seconds, MAX_DURATION_SECONDS) * 1000 + Math.ceil(nanos / 1_000_000),
  };
}

function readDetail(bytes: Uint8Array): Partial<StatusDetails> {
  const reader = new Reader();
  reader.set(bytes, 0, bytes.length);
  let typeUrl = '';
  let value = new Uint8Array(0);
  forEachField(reader, (tag) => {
    if (tag === TAG_1) typeUrl = reader.text('type_url');
    else if (tag === TAG_2) value = reader.bytes('value') as Uint8Array<ArrayBuffer>;
    else return false;
    return true;
  });
  const isErrorInfo = typeUrl === TYPE_ERROR_INFO;
  if (!isErrorInfo && typeUrl !== TYPE_RETRY_INFO) return {};
  reader.set(value, 0, value.length);
  return isErrorInfo ? readErrorInfo(reader) : readRetryInfo(reader);
}

/**
 * Reads a google.rpc.Status, from whomever: details of other types are passed
 * over, of several ErrorInfo or RetryInfo the first counts.
 * @throws SluiceError INVALID_MESSAGE when it is not one.
 */
export function decodeStatusDetails(bytes: Uint8Array): StatusDetails {
  const reader = new Reader();
  reader.set(bytes, 0, bytes.length);
  let code = 0;
  let message = '';
  let details: Partial<StatusDetails> = {};
  forEachField(reader, (tag) => {
    if (tag === TAG_1_VARINT) code = reader.int32('code');
    else if (tag === TAG_2) message = reader.text('message');
    else if (tag === TAG_3) details = { ...readDetail(reader.bytes('details')), ...details };
    else return false;
    return true;
  });
  return { code, message, ...details };
}
