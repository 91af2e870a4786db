/** The messages of Subscribe, Publish and Ingest in proto/sluice/v1/stream.proto, as the code holds them. */

export interface SubscribeRequest {
  /** "route/subject". */
  readonly topic: string;
  /** 0: with what comes from now on. */
  readonly afterSequence: number;
  readonly history: number;
  /** `OverflowPolicy`. */
  readonly overflow: number;
}

export interface IngestSummary {
  readonly messages: number;
  readonly bytes: number;
  readonly rejected: number;
  readonly aggregates: ReadonlyMap<string, number>;
}

export interface PublishRequest {
  /** "route/subject". */
  readonly topic: string;
  readonly data: Uint8Array;
  readonly key: string;
  readonly metadata: ReadonlyMap<string, string> | undefined;
  /** "": every call publishes. */
  readonly idempotencyKey: string;
  readonly ttlMs: number;
}

export interface PublishResponse {
  readonly sequence: number;
  readonly subscribers: number;
  readonly duplicate: boolean;
}
