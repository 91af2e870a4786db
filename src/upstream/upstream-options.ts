/** One named upstream, as the configuration describes it: durations in milliseconds, sizes in bytes. */
export interface UpstreamSettings {
  /** Where its backends are, at least one. */
  readonly addresses: readonly string[];
  /** What is asked for by `grpc.health.v1.Health/Watch`; "" is the backend as a whole. */
  readonly healthService: string;
  /** How long a connection, and the first answer about health, may take. */
  readonly connectTimeout: number;
  readonly backoffFirst: number;
  readonly backoffMax: number;
  /** So many streams in a row that fail before they did anything close an address for `breakerPause`. */
  readonly breakerFailures: number;
  readonly breakerPause: number;
  /** Sessions at one address; 0 = as many as come. */
  readonly maxSessions: number;
  readonly streamsPerConnection: number;
  /** What may be on its way from a backend on one stream. */
  readonly streamWindow: number;
  /** The largest message, or payload over several, that is taken from a backend. */
  readonly maxMessageSize: number;
  /** No progress of a backend's acks for so long gives its stream up; 0 = waits. */
  readonly ackTimeout: number;
  /** How long messages wait for a backend; 0 = as long as it takes. */
  readonly unavailableAfter: number;
  /** Streams that may end over the same message before it fails; 0 = any number. */
  readonly maxAttempts: number;
  /** From the half-close of a session's stream until it is given up. */
  readonly closeGrace: number;
}
