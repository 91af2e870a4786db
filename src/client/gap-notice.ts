/** Messages between `fromSequence` and `toSequence`, both included, will not come. */
export interface GapNotice {
  readonly fromSequence: number;
  readonly toSequence: number;
  /** overflow, expired, drained, RESUME_EXPIRED, or one that a later gateway knows. */
  readonly reason: string;
}
