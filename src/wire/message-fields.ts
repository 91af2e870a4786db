import type { KindFor } from './field-codec.js';
import type { DataMessage } from './messages.js';

type Table = {
  readonly [K in keyof DataMessage]-?: readonly [
    number: number,
    kind: DataMessage[K] extends string | number | boolean | Uint8Array
      ? KindFor<DataMessage[K]>
      : 'metadata' | 'control',
  ];
};

/** The fields of DataMessage as proto/sluice/v1/stream.proto numbers them, in the order of messages.ts. */
export const messageTable = {
  type: [1, 'enum'],
  sessionId: [2, 'text'],
  sequence: [3, 'uint53'],
  ack: [4, 'uint53'],
  timestampMs: [5, 'uint53'],
  data: [6, 'bytes'],
  metadata: [7, 'metadata'],
  key: [8, 'text'],
  more: [9, 'bool'],
  control: [10, 'control'],
  ttlMs: [11, 'uint32'],
} as const satisfies Table;
