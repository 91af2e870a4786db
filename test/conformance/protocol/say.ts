/** What a client says, as raw messages. */
import {
  controlMessage,
  dataMessage,
  EMPTY_BYTES,
  MessageType,
  openControl,
  type Control,
  type DataMessage,
  type Open,
} from '../../../src/wire/messages.js';

/** What a client keeps of a session to open it and to come back. */
export interface Session {
  readonly id: string;
  readonly token: Uint8Array;
  readonly route: string;
  /** Of the last Open. */
  attempt: number;
}

/** What is asked of the conformance route, by name. */
export type Wishes = Readonly<Record<string, string | number>>;

function control(session: Session, what: Control): DataMessage {
  return controlMessage(what, session.id);
}

/** A fresh Open with the session's token and the next attempt. */
export function open(session: Session, fields: Partial<Open> = {}): DataMessage {
  session.attempt = fields.attempt ?? session.attempt + 1;
  const { route, token: resumeToken, attempt } = session;
  return control(session, openControl({ route, resumeToken, attempt, ...fields }));
}

/** An Open that comes back, having received everything up to `position`. */
export function resume(session: Session, position: number, fields: Partial<Open> = {}): DataMessage {
  return open(session, { resume: true, lastReceivedSequence: position, ...fields });
}

/** DATA `sequence`, whose text is `m` and that number, with wishes for the route. */
export function data(
  session: Session,
  sequence: number,
  wishes: Wishes = {},
  fields: Partial<DataMessage> = {},
): DataMessage {
  const entries = Object.entries(wishes).map(([name, value]) => [name, String(value)] as const);
  return dataMessage({
    sessionId: session.id,
    sequence,
    data: Buffer.from(`m${sequence}`),
    metadata: entries.length === 0 ? undefined : new Map(entries),
    ...fields,
  });
}

/** DATA `from` to `to`. */
export function many(session: Session, from: number, to: number, wishes: Wishes = {}): DataMessage[] {
  return Array.from({ length: to - from + 1 }, (_, index) => data(session, from + index, wishes));
}

export function ack(session: Session, sequence: number): DataMessage {
  return dataMessage({ type: MessageType.ACK, sessionId: session.id, ack: sequence });
}

export const close = (session: Session): DataMessage => control(session, { action: 'close' });

/** Stops delivery of one session or, without one, of all. */
export const pause = (session?: Session): DataMessage =>
  controlMessage({ action: 'pause', reason: '' }, session?.id);

export const unpause = (session?: Session): DataMessage => controlMessage({ action: 'resume' }, session?.id);

export const changeWindow = (session: Session, messages: number, bytes = 0): DataMessage =>
  control(session, { action: 'window', messages, bytes });

export const heartbeat = (): DataMessage => dataMessage({ type: MessageType.HEARTBEAT });

/** Shows a token within the stream. */
export const authenticate = (token: string): DataMessage => controlMessage({ action: 'authenticate', token });

export const probe = (sequence: number, timestampMs = 0): DataMessage =>
  dataMessage({ type: MessageType.HEALTH_CHECK, sequence, timestampMs });

/** What a client of ten lines sends: data for a session by its name. */
export function plain(id: string, text: string, wishes: Wishes = {}): DataMessage {
  const message = data({ id, token: EMPTY_BYTES, route: '', attempt: 0 }, 0, wishes);
  return { ...message, type: MessageType.UNSPECIFIED, data: Buffer.from(text) };
}
