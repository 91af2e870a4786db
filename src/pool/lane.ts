import type { DataMessage } from '../wire/messages.js';

/** One session's part of its connection's send queue, as the queue takes from it in turn. */
export interface Lane {
  /** Its client has paused it: it is left out until it is resumed. */
  paused: boolean;
  /** Whether it has its place among the lanes whose turn will come. Only the `SendQueue` changes it. */
  scheduled: boolean;
  /** Whether it has something to give now. */
  readonly hasTurn: boolean;
  /**
   * Gives messages into `batch` until that holds `until` or what was taken
   * weighs `maxBytes` (one message always goes). Returns the weight taken. What
   * is taken is written: the lane accounts for it so.
   */
  take(batch: DataMessage[], until: number, maxBytes: number): number;
}
