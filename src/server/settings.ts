/** What every connection of a StreamingServer is held to. Times in milliseconds, sizes in bytes; 0 = off where it says so. */
export interface StreamSettings {
  readonly receiveQueueMessages: number;
  readonly receiveQueueBytes: number;
  readonly sendQueueMessages: number;
  readonly sendQueueBytes: number;
  readonly sendBufferBytes: number;
  readonly maxControlAnswers: number;
  readonly maxMessageBytes: number;
  readonly firstMessageTimeoutMs: number;
  readonly receiveTimeoutMs: number;
  readonly sendTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly flowControlDelayMs: number;
  /** Rates of the throttle before each send; 0 = no limit. */
  readonly messagesPerSecond: number;
  readonly bytesPerSecond: number;
  /** Limits of one stream, after which it is told to leave; 0 = none. */
  readonly maxStreamAgeMs: number;
  readonly maxStreamMessages: number;
  readonly maxStreamBytes: number;
  /** Ages vary by up to this share, so that what came together does not leave together. */
  readonly ageJitter: number;
  /** How long a connection that was told to leave may take. */
  readonly ageGraceMs: number;
  /** A connection that was told to leave and neither sends nor is owed anything for this long is ended. */
  readonly drainQuietMs: number;
  /** From the start of a stream until who is calling is known. */
  readonly identifyTimeoutMs: number;
  /** Streams that have not shown yet who is calling. */
  readonly maxUnidentified: number;
  /** How long before a token expires its client is told; 0 = never. */
  readonly expiryNoticeMs: number;
  /** From a token's expiry until its connection is ended. */
  readonly expiryGraceMs: number;
  /** What `Welcome.max_sessions` tells. */
  readonly maxSessionsPerConnection: number;
  /** How long a windowed session waits for its client; what `Welcome.resume_window_ms` tells. */
  readonly resumeWindowMs: number;
  /** The most an ack waits for company. */
  readonly ackDelayMs: number;
  /** How long more may be buffered than the budget allows before the costliest are ended. */
  readonly shedAfterMs: number;
}
