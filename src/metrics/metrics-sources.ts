/** What rises and falls, asked of its owners when somebody looks. Called a few times a minute: may walk all connections. */
export interface MetricsSources {
  /** Connections registered now. */
  connections(): number;
  /** Sessions that exist now. */
  sessions(): number;
  /** Network connections open now, those without a stream included. */
  sockets(): number;
  queues(): QueueDepths;
}

export interface QueueDepths {
  /** Received, and not yet handed to a route. */
  readonly receive: QueueDepth;
  /** To be sent, and not yet handed to the network. */
  readonly send: QueueDepth;
  /** Bytes handed to the network that it has not taken yet, in all. */
  readonly bytesInFlight: number;
}

/** All connections' queues of one direction. */
export interface QueueDepth {
  readonly messages: number;
  readonly bytes: number;
  /** Messages in the fullest of them: one slow client does not show in a sum. */
  readonly maxMessages: number;
}
