/** What the options of one route have done, and what they hold; for metrics. */
export class RouteCounters {
  /** Sessions open, where `maxSessions` counts them. */
  sessions = 0;
  /** Sessions refused for `maxSessions`. */
  sessionsRefused = 0;
  /** Messages failed for `maxMessageSize`. */
  messagesTooLarge = 0;
  /** Times that a handler took longer than `timeout`. */
  timeouts = 0;
  /** Attempts after the first. */
  retries = 0;
  /** Messages that wait for their next attempt. */
  retrying = 0;
  /** Messages that failed after they were acknowledged (`acknowledge: received`). */
  failedAfterAcknowledged = 0;
  /** Messages that went to the dead letter. */
  deadLettered = 0;
  /** Messages that the dead letter failed on, too. */
  deadLetterFailures = 0;
}
