import type { KindFor } from './field-codec.js';
import type { Control, UnknownAction } from './messages.js';

export type KnownControl = Exclude<Control, UnknownAction>;
export type ActionName = KnownControl['action'];

type Fields<C> = {
  readonly [K in Exclude<keyof C, 'action'>]-?: readonly [number: number, kind: KindFor<C[K]>];
};
type ActionTable = {
  readonly [C in KnownControl as C['action']]: { readonly number: number; readonly fields: Fields<C> };
};

/**
 * The actions of `Control` as proto/sluice/v1/stream.proto numbers them. Data,
 * not code: control messages are rare, so one table serves size, encoder and
 * decoder, and the compiler compares it with the types of messages.ts.
 */
export const actionTable = {
  welcome: {
    number: 1,
    fields: {
      connectionId: [1, 'text'],
      clientId: [2, 'text'],
      nodeId: [3, 'text'],
      heartbeatIntervalMs: [4, 'uint32'],
      maxMessageBytes: [5, 'uint32'],
      maxSessions: [6, 'uint32'],
      resumeWindowMs: [7, 'uint32'],
      protocolVersion: [8, 'uint32'],
    },
  },
  open: {
    number: 2,
    fields: {
      route: [1, 'text'],
      subject: [2, 'text'],
      resumeToken: [3, 'bytes'],
      lastReceivedSequence: [4, 'uint53'],
      windowMessages: [5, 'uint32'],
      windowBytes: [6, 'uint32'],
      overflow: [7, 'enum'],
      history: [8, 'uint32'],
      afterSequence: [9, 'uint53'],
      resume: [10, 'bool'],
      attempt: [11, 'uint53'],
    },
  },
  opened: {
    number: 3,
    fields: {
      resumed: [1, 'bool'],
      resumeToken: [2, 'bytes'],
      lastReceivedSequence: [3, 'uint53'],
      windowMessages: [4, 'uint32'],
      windowBytes: [5, 'uint32'],
    },
  },
  close: { number: 4, fields: {} },
  closed: {
    number: 5,
    fields: { code: [1, 'text'], reason: [2, 'text'], retry: [3, 'enum'], retryAfterMs: [4, 'uint32'] },
  },
  pause: { number: 6, fields: { reason: [1, 'text'] } },
  resume: { number: 7, fields: {} },
  window: { number: 8, fields: { messages: [1, 'uint32'], bytes: [2, 'uint32'] } },
  gap: {
    number: 9,
    fields: { fromSequence: [1, 'uint53'], toSequence: [2, 'uint53'], reason: [3, 'text'] },
  },
  throttle: {
    number: 10,
    fields: { retryAfterMs: [1, 'uint32'], scope: [2, 'text'], reason: [3, 'text'] },
  },
  drain: { number: 11, fields: { deadlineMs: [1, 'uint32'], reason: [2, 'text'] } },
  authenticate: { number: 12, fields: { token: [1, 'text'] } },
  error: {
    number: 13,
    fields: { code: [1, 'text'], message: [2, 'text'], sequence: [3, 'uint53'], retryAfterMs: [4, 'uint32'] },
  },
} as const satisfies ActionTable;
