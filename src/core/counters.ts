/** Why a message that was admitted was not delivered. A metric label: keep the set small. */
export type DropReason =
  | 'connection-closed'
  | 'session-closed'
  | 'session-expired'
  | 'drained'
  | 'overflow'
  | 'expired'
  | 'evicted'
  | 'overloaded';

export const DROP_REASONS: readonly DropReason[] = [
  'connection-closed',
  'session-closed',
  'session-expired',
  'drained',
  'overflow',
  'expired',
  'evicted',
  'overloaded',
];

/** Why a message of an opened session was not admitted: it came twice, or for a session not open there. A metric label. */
export type RefusalReason = 'duplicate' | 'not-open';

export const REFUSAL_REASONS: readonly RefusalReason[] = ['duplicate', 'not-open'];

/**
 * The account of one direction: of a session, or of the whole gateway.
 * At every moment `admitted = delivered + dropped + pending`.
 */
export class FlowCounters {
  admitted = 0;
  delivered = 0;
  /** Bytes of data, key and metadata of what was admitted. */
  admittedBytes = 0;
  /** Made when it is asked for: most sessions drop nothing, and there may be a hundred thousand. */
  #droppedBy: Record<DropReason, number> | undefined;

  get droppedBy(): Record<DropReason, number> {
    return (this.#droppedBy ??= {
      'connection-closed': 0,
      'session-closed': 0,
      'session-expired': 0,
      drained: 0,
      overflow: 0,
      expired: 0,
      evicted: 0,
      overloaded: 0,
    });
  }

  get dropped(): number {
    if (this.#droppedBy === undefined) return 0;
    let sum = 0;
    for (const reason of DROP_REASONS) sum += this.#droppedBy[reason];
    return sum;
  }

  /** What the identity leaves: messages held somewhere between admission and delivery. */
  get pending(): number {
    return this.admitted - this.delivered - this.dropped;
  }
}

/** Adds to a count by code or reason. */
export function tally<K extends string>(tallies: Map<K, number>, key: K, count = 1): void {
  tallies.set(key, (tallies.get(key) ?? 0) + count);
}
