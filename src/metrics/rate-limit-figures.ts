/** What one rate limit of the configuration has done, and holds. */
export interface RateLimitFigures {
  readonly limit: string;
  /** What went at once. */
  readonly allowed: number;
  readonly delayed: number;
  readonly refused: number;
  /** Milliseconds that the delayed were held. */
  readonly delayedMs: number;
  /** Held now. */
  readonly waiting: number;
  /** Clients, addresses and so on with a rate of their own now. */
  readonly keys: number;
  readonly maxKeys: number;
  /** Times that somebody had to share a rate, for there were `maxKeys`. */
  readonly shared: number;
}
