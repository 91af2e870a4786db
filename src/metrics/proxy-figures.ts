import type { TimeHistogram } from './time-histogram.js';

/** What is passed on to other people's services, now and since the start. */
export interface ProxiesFigures {
  readonly proxies: readonly ProxyFigures[];
  /** Calls of services that no proxy has. */
  readonly unknownServices: number;
}

export interface ProxyFigures {
  readonly name: string;
  /** Calls under way now. */
  readonly calls: number;
  /** What its calls hold: on the way to backends, and to clients. */
  readonly heldUpBytes: number;
  readonly heldDownBytes: number;
  /** Calls that were not let in, by the code that they were refused with. */
  readonly refused: ReadonlyMap<string, number>;
  /** From the admission of calls to their end. */
  readonly durations: TimeHistogram;
  readonly methods: readonly ProxyMethodFigures[];
}

export interface ProxyMethodFigures {
  /** `package.Service/Method`; "other" for those beyond the most that are told apart. */
  readonly method: string;
  readonly open: number;
  /** Calls that ended, by the name of their gRPC status. */
  readonly ended: ReadonlyMap<string, number>;
  readonly messagesUp: number;
  readonly messagesDown: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly pausesUp: number;
  readonly pausesDown: number;
  readonly retries: number;
}

/** Upper bounds of the buckets for how long calls take: of one message in milliseconds, of streams in hours. */
export const CALL_BOUNDS_MS: readonly number[] = [
  1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 1_800_000, 7_200_000,
];

/** What a call may be refused with. Values of the label `reason`. */
export const PROXY_REFUSALS = [
  'AUTH_UNAVAILABLE',
  'CALL_LIMIT',
  'DRAINING',
  'INTERNAL',
  'INVALID_MESSAGE',
  'OVERLOADED',
  'PERMISSION_DENIED',
  'RATE_LIMITED',
  'TOKEN_EXPIRED',
  'UNAUTHENTICATED',
  'UNKNOWN_METHOD',
] as const;
