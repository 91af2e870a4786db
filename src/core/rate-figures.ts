/** How one caller stands with one rate limit, as it is told to callers that count for themselves. */
export interface RateFigures {
  /** Of the configuration; one that counts several things has one of these for each. */
  readonly limit: string;
  readonly unit: 'messages' | 'bytes' | 'opens';
  readonly amount: number;
  readonly perMs: number;
  /** What may still come at once. */
  readonly remaining: number;
  /** Until everything may again, if nothing comes meanwhile. */
  readonly resetMs: number;
}
