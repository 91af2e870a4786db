import type { BodyOutcome } from './request-body.js';

/** What a route needs of a request. */
export interface AdminRequest {
  /** In capitals, as it stands in the request line. */
  readonly method: string;
  /** The path and query of the request line. */
  readonly target: string;
  /** As it stands; undefined where there is none. */
  readonly contentType: string | undefined;
  readonly body: {
    readonly present: boolean;
    read(maxBytes: number): Promise<BodyOutcome>;
  };
  /** Where the operator sits: `host:port`. */
  readonly peer: string;
  /** Why it must not change anything; undefined when it may. */
  whyNoChange(): string | undefined;
}
