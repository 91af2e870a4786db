/** What the service that is asked about a caller has answered. */
export interface CalloutAnswer {
  readonly allow: boolean;
  /** For the client, where it is a no. */
  readonly reason?: string;
  /** Narrower than what is known of the caller: each replaces what the credentials say. */
  readonly clientClass?: string;
  readonly permissions?: readonly string[];
  /** Unix milliseconds; the sooner of this and the credentials' own holds. */
  readonly expiresAtMs?: number;
}
