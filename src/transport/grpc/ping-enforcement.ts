/** With no stream open and pings not permitted then, one ping in this time is allowed (grpc proposal A8; grpc-go defaultPingTimeout). */
const IDLE_PING_INTERVAL_MS = 2 * 60 * 60 * 1000;
/** grpc-go's maxPingStrikes: the third bad ping ends the connection. */
const MAX_STRIKES = 2;

export interface PingPolicy {
  /** The shortest time between two pings (EnforcementPolicy.MinTime). */
  readonly minPingIntervalMs: number;
  /** Whether pings are welcome while no stream is open (EnforcementPolicy.PermitWithoutStream). */
  readonly permitPingsWithoutStreams: boolean;
}

/**
 * Judges one connection's pings as gRPC does (proposal A8 and grpc-go's
 * handlePing): a ping that comes too soon after the last is a strike, more
 * than two strikes are too many, and whatever the server sends besides answers
 * to pings forgives them. The last is for the pings of bandwidth estimators,
 * which come with the traffic that they measure.
 */
export class PingEnforcement {
  readonly #policy: PingPolicy;
  #strikes = 0;
  #lastPingAt = Number.NEGATIVE_INFINITY;
  #mostSentBytes = 0;

  constructor(policy: PingPolicy) {
    this.#policy = policy;
  }

  /**
   * Notes a ping at `now`; true when it was one too many. `sentBytes` is how
   * much the server has sent on the connection so far, answers to pings and
   * settings left out.
   */
  isTooMany(now: number, openStreams: number, sentBytes: number): boolean {
    const sinceLastMs = now - this.#lastPingAt;
    this.#lastPingAt = now;
    if (sentBytes > this.#mostSentBytes) {
      this.#mostSentBytes = sentBytes;
      this.#strikes = 0;
      return false;
    }
    const idle = openStreams === 0 && !this.#policy.permitPingsWithoutStreams;
    if (sinceLastMs < (idle ? IDLE_PING_INTERVAL_MS : this.#policy.minPingIntervalMs)) this.#strikes += 1;
    return this.#strikes > MAX_STRIKES;
  }
}
