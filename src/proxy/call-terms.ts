/** What a call of a proxy may take. 0 is no limit, or off. */
export interface CallTerms {
  /** The largest message, either way, as it is on the wire. */
  readonly maxMessageBytes: number;
  /** What one direction may hold that the other side has not taken: over it, reading stops; below half of it, it goes on. */
  readonly queueBytes: number;
  /** The same in whole messages. */
  readonly queueMessages: number;
  /** No byte either way for so long ends it. */
  readonly idleTimeoutMs: number;
  /** From the client: what is over it waits. */
  readonly messagesPerSecond: number;
  readonly bytesPerSecond: number;
  /** In all, the first one among them; at most 5 (gRFC A6). 0 and 1: no retries but those that gRPC always makes. */
  readonly maxAttempts: number;
  /** The statuses that another attempt follows. */
  readonly retryOn: ReadonlySet<number>;
  /** A request is kept for another attempt while it is no larger. */
  readonly retryBufferBytes: number;
}

/** What the calls of one method have done: plain numbers that they raise. "Up" is from the client. */
export interface MethodCounters {
  messagesUp: number;
  messagesDown: number;
  bytesUp: number;
  bytesDown: number;
  /** How often one side was stopped because the other did not take. */
  pausesUp: number;
  pausesDown: number;
  retries: number;
}
