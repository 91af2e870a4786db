/** What a gateway says, as raw messages. */
import {
  controlMessage,
  dataMessage,
  MessageType,
  WireRetryAdvice,
  type Closed,
  type Control,
  type DataMessage,
  type Open,
  type Opened,
  type Welcome,
} from '../../../src/wire/messages.js';

export const WELCOME: Welcome = {
  action: 'welcome',
  connectionId: 'c',
  clientId: 'ann',
  nodeId: 'scripted',
  heartbeatIntervalMs: 20_000,
  maxMessageBytes: 5 * 1024 * 1024,
  maxSessions: 128,
  resumeWindowMs: 120_000,
  protocolVersion: 1,
};

/** The answer to an Open that is granted: as it was asked for, with the default window. */
export function opened(id: string, open: Open, fields: Partial<Opened> = {}, ack = 0): DataMessage {
  const control: Opened = {
    action: 'opened',
    resumed: open.resume,
    resumeToken: open.resumeToken,
    lastReceivedSequence: 0,
    windowMessages: 256,
    windowBytes: 1 << 20,
    ...fields,
  };
  return { ...controlMessage(control, id), ack };
}

/** The session is not there any more. */
export const gone = (id: string, open: Open): DataMessage =>
  opened(id, open, { resumed: false, resumeToken: new Uint8Array(0), windowMessages: 0, windowBytes: 0 });

export function data(id: string, sequence: number, fields: Partial<DataMessage> = {}): DataMessage {
  return dataMessage({ sessionId: id, sequence, data: Buffer.from(`m${sequence}`), ...fields });
}

/** DATA `from` to `to`. */
export function many(id: string, from: number, to: number): DataMessage[] {
  return Array.from({ length: to - from + 1 }, (_, index) => data(id, from + index));
}

export const ack = (id: string, sequence: number): DataMessage =>
  dataMessage({ type: MessageType.ACK, sessionId: id, ack: sequence });

export function failed(id: string, sequence: number, code = 'ROUTE_FAILED', acked = 0): DataMessage {
  const message = `${sequence} failed`;
  return { ...control(id, { action: 'error', code, message, sequence, retryAfterMs: 0 }), ack: acked };
}

export const gap = (id: string, fromSequence: number, toSequence: number, reason = 'overflow'): DataMessage =>
  control(id, { action: 'gap', fromSequence, toSequence, reason });

/** The end of a session; without a code, the one that was asked for. */
export function closed(id: string, code = '', fields: Partial<Closed> = {}, acked = 0): DataMessage {
  const retry = WireRetryAdvice.UNSPECIFIED;
  const reason = code === '' ? '' : `because of ${code}`;
  return {
    ...control(id, { action: 'closed', code, reason, retry, retryAfterMs: 0, ...fields }),
    ack: acked,
  };
}

export const changeWindow = (id: string, messages: number, bytes = 0): DataMessage =>
  control(id, { action: 'window', messages, bytes });

export const drain = (reason: string, deadlineMs = 30_000): DataMessage =>
  controlMessage({ action: 'drain', deadlineMs, reason });

export const throttle = (scope: string, retryAfterMs: number): DataMessage =>
  controlMessage({ action: 'throttle', scope, retryAfterMs, reason: '' });

export const heartbeat = (): DataMessage => dataMessage({ type: MessageType.HEARTBEAT });

export const probe = (sequence: number, fields: Partial<DataMessage> = {}): DataMessage =>
  dataMessage({ type: MessageType.HEALTH_CHECK, sequence, timestampMs: 1_234, ...fields });

export function control(id: string, what: Control): DataMessage {
  return controlMessage(what, id);
}
