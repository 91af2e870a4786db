/**
 * The messages of proto/sluice/v1/stream.proto as the code holds them. Field
 * names are the proto's in camel case; 64-bit integers are numbers, for the
 * contract bounds sequences to 2^53 - 1 so that every language can hold them.
 */

import { EncodedMetadata } from './encoded-metadata.js';

export const MessageType = {
  UNSPECIFIED: 0,
  DATA: 1,
  HEARTBEAT: 2,
  CONTROL: 3,
  HEALTH_CHECK: 4,
  ACK: 5,
} as const;

export const OverflowPolicy = {
  UNSPECIFIED: 0,
  BLOCK: 1,
  DROP_OLDEST: 2,
  DROP_NEWEST: 3,
  CONFLATE: 4,
  DISCONNECT: 5,
} as const;

/** Named `RetryAdvice` on the wire. */
export const WireRetryAdvice = {
  UNSPECIFIED: 0,
  NOW: 1,
  BACKOFF: 2,
  NEVER: 3,
} as const;

export interface Welcome {
  readonly action: 'welcome';
  readonly connectionId: string;
  readonly clientId: string;
  readonly nodeId: string;
  readonly heartbeatIntervalMs: number;
  readonly maxMessageBytes: number;
  readonly maxSessions: number;
  readonly resumeWindowMs: number;
  readonly protocolVersion: number;
}
export interface Open {
  readonly action: 'open';
  readonly route: string;
  readonly subject: string;
  readonly resumeToken: Uint8Array;
  readonly lastReceivedSequence: number;
  readonly windowMessages: number;
  readonly windowBytes: number;
  readonly overflow: number;
  readonly history: number;
  readonly afterSequence: number;
  readonly resume: boolean;
  readonly attempt: number;
}
export interface Opened {
  readonly action: 'opened';
  readonly resumed: boolean;
  readonly resumeToken: Uint8Array;
  readonly lastReceivedSequence: number;
  readonly windowMessages: number;
  readonly windowBytes: number;
}
export interface Close {
  readonly action: 'close';
}
export interface Closed {
  readonly action: 'closed';
  readonly code: string;
  readonly reason: string;
  readonly retry: number;
  readonly retryAfterMs: number;
}
export interface Pause {
  readonly action: 'pause';
  readonly reason: string;
}
export interface Resume {
  readonly action: 'resume';
}
export interface Window {
  readonly action: 'window';
  readonly messages: number;
  readonly bytes: number;
}
export interface Gap {
  readonly action: 'gap';
  readonly fromSequence: number;
  readonly toSequence: number;
  readonly reason: string;
}
export interface Throttle {
  readonly action: 'throttle';
  readonly retryAfterMs: number;
  readonly scope: string;
  readonly reason: string;
}
export interface Drain {
  readonly action: 'drain';
  readonly deadlineMs: number;
  readonly reason: string;
}
export interface Authenticate {
  readonly action: 'authenticate';
  readonly token: string;
}
export interface WireError {
  readonly action: 'error';
  readonly code: string;
  readonly message: string;
  readonly sequence: number;
  readonly retryAfterMs: number;
}
/** A control message whose action this version does not know, or that names none. */
export interface UnknownAction {
  readonly action: 'unknown';
  /** The field number found; 0 when there was none. */
  readonly field: number;
}

export type Control =
  | Welcome
  | Open
  | Opened
  | Close
  | Closed
  | Pause
  | Resume
  | Window
  | Gap
  | Throttle
  | Drain
  | Authenticate
  | WireError
  | UnknownAction;

/**
 * One message of the wire. Always built with every field in this order (by the
 * codec or by `dataMessage`), so that all share one shape in the engine.
 */
export interface DataMessage {
  type: number;
  sessionId: string;
  sequence: number;
  ack: number;
  timestampMs: number;
  data: Uint8Array;
  metadata: ReadonlyMap<string, string> | undefined;
  key: string;
  more: boolean;
  control: Control | undefined;
  ttlMs: number;
}

export const EMPTY_BYTES: Uint8Array = new Uint8Array(0);

/** A message with the given fields and the protocol's defaults for the rest. */
export function dataMessage(fields: Partial<DataMessage>): DataMessage {
  return {
    type: fields.type ?? MessageType.DATA,
    sessionId: fields.sessionId ?? '',
    sequence: fields.sequence ?? 0,
    ack: fields.ack ?? 0,
    timestampMs: fields.timestampMs ?? 0,
    data: fields.data ?? EMPTY_BYTES,
    metadata: fields.metadata,
    key: fields.key ?? '',
    more: fields.more ?? false,
    control: fields.control,
    ttlMs: fields.ttlMs ?? 0,
  };
}

/** A CONTROL message; `sessionId` "" speaks of the connection. */
export function controlMessage(control: Control, sessionId = ''): DataMessage {
  return dataMessage({ type: MessageType.CONTROL, sessionId, control });
}

/** An Open with what the contract says of a field that is absent. */
export function openControl(fields: Partial<Omit<Open, 'action'>>): Open {
  return {
    action: 'open',
    route: '',
    subject: '',
    resumeToken: EMPTY_BYTES,
    lastReceivedSequence: 0,
    windowMessages: 0,
    windowBytes: 0,
    overflow: OverflowPolicy.UNSPECIFIED,
    history: 0,
    afterSequence: 0,
    resume: false,
    attempt: 0,
    ...fields,
  };
}

/** Whether it is for a route: what says of itself nothing is data too. */
export function isData({ type }: DataMessage): boolean {
  return type === MessageType.DATA || type === MessageType.UNSPECIFIED;
}

/** What a message weighs in windows, queues and accounts: data, key and metadata, in bytes (keys and metadata counted as UTF-16 units). */
export function weightOf(message: Pick<DataMessage, 'data' | 'key' | 'metadata'>): number {
  let bytes = message.data.byteLength + message.key.length;
  const { metadata } = message;
  if (metadata === undefined) return bytes;
  if (metadata instanceof EncodedMetadata) return bytes + metadata.weight;
  for (const [name, value] of metadata) bytes += name.length + value.length;
  return bytes;
}

/** What is kept may keep at most this many times its own size of what it arrived in. */
const MAX_PINNED_RATIO = 2;

/** Whether data may stay where it lies, in what it arrived in, for longer than a moment. */
export function pinsLittle(data: Uint8Array): boolean {
  return data.buffer.byteLength <= data.byteLength * MAX_PINNED_RATIO;
}

/** The data of a payload's pieces, in memory of its own. */
export function joinedData(pieces: readonly DataMessage[]): Uint8Array {
  let length = 0;
  for (const { data } of pieces) length += data.byteLength;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const { data } of pieces) {
    joined.set(data, offset);
    offset += data.byteLength;
  }
  return joined;
}

/** At most this many messages a DataBatch frame (wire contract). */
export const MAX_BATCH_MESSAGES = 1024;
/** At most this many metadata entries a message (wire contract). */
export const MAX_METADATA_ENTRIES = 64;
/** What `Welcome.protocol_version` says. */
export const PROTOCOL_VERSION = 1;
