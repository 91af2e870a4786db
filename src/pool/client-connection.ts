import type { ConnectionEnd } from '../core/connection-end.js';
import type { FlowCounters } from '../core/counters.js';
import type { Identity } from '../core/identity.js';
import { Quota } from '../flow/quota.js';
import type { Throttle } from '../flow/throttle.js';
import type { TransportStream } from '../transport/contract.js';
import { SendQueue, type SendQueueOptions } from './send-queue.js';

export type ConnectionState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'open' }
  /** Told to leave, by `deadline` (Clock.now()) at the latest. */
  | { readonly kind: 'draining'; readonly deadline: number }
  | { readonly kind: 'closed'; readonly end: ConnectionEnd };

/** Messages that wait for routes or are with them, messages that wait for the client, bytes that the network has not taken. */
export interface Owed {
  readonly toRoutes: number;
  readonly toClient: number;
  readonly bytesInFlight: number;
}

/** Which states may follow which; a connection never comes back. */
const ALLOWED: Readonly<Record<ConnectionState['kind'], readonly ConnectionState['kind'][]>> = {
  connecting: ['open', 'closed'],
  open: ['draining', 'closed'],
  // Told again: the sooner deadline holds.
  draining: ['draining', 'closed'],
  closed: [],
};

export interface ClientConnectionOptions extends SendQueueOptions {
  readonly id: string;
  readonly identity: Identity;
  readonly stream: TransportStream;
  /** Clock.now() */
  readonly now: number;
  readonly receiveMessages: number;
  readonly receiveBytes: number;
  readonly throttle: Throttle | undefined;
  readonly totalDown: FlowCounters;
}

/**
 * One client stream as the gateway keeps it: who it is, its state, when it was
 * last heard, its two queues and its throttle. The loops move messages through
 * it; the pool finds it; the health checker and the operator look at it.
 */
export class ClientConnection {
  readonly id: string;
  readonly clientId: string;
  /** A refreshed token changes it, never the client ID. */
  identity: Identity;
  readonly stream: TransportStream;
  readonly openedAt: number;
  /** When something last arrived, in Clock.now(); also when reading went on after a stop of our own. */
  lastActivity: number;
  /** What is held of what arrived: the bounded receive queue, over all sessions of a simple connection. */
  readonly receiveQuota: Quota;
  readonly sendQueue: SendQueue;
  /** A refreshed token of another class changes it. */
  throttle: Throttle | undefined;
  messagesReceived = 0;
  messagesSent = 0;
  throttledMs = 0;
  /** Whether the send loop waits for the throttle now. */
  throttled = false;
  /** Whether a full receive queue has stopped the reading. */
  readingStopped = false;
  /** How often it has, and for how long in all, the present stop left out. */
  readingStops = 0;
  readingStoppedMs = 0;
  /** When the present stop began, in Clock.now(). */
  readingStoppedAt = 0;
  /** The gateway's last HEALTH_CHECK: what comes back like it is its answer. */
  openProbe: { readonly sequence: number; readonly timestampMs: number } | undefined;
  /** Whether the client has sent its last message. */
  halfClosed = false;
  /** What was owed when it closed, and was dropped unless the network took it after all; undefined before. */
  owedAtEnd: Owed | undefined;
  #state: ConnectionState = { kind: 'connecting' };

  constructor(options: ClientConnectionOptions) {
    this.id = options.id;
    this.clientId = options.identity.clientId;
    this.identity = options.identity;
    this.stream = options.stream;
    this.openedAt = options.now;
    this.lastActivity = options.now;
    this.receiveQuota = new Quota(options.receiveMessages, options.receiveBytes, options.account);
    this.sendQueue = new SendQueue(options, options.totalDown);
    this.throttle = options.throttle;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** What is buffered for it, in bytes, sessions that outlive it left out; nothing once it is closed: what is left then is on its way. */
  get bufferedBytes(): number {
    if (this.#state.kind === 'closed') return 0;
    const { bytesInFlight, bytesHeld = 0 } = this.stream;
    return this.receiveQuota.bytes + this.sendQueue.quota.bytes + bytesInFlight + bytesHeld;
  }

  /** Moves to `next`; false (and no change) where that can't follow. */
  transition(next: ConnectionState): boolean {
    if (!ALLOWED[this.#state.kind].includes(next.kind)) return false;
    this.#state = next;
    if (next.kind === 'closed') {
      this.owedAtEnd = {
        toRoutes: this.receiveQuota.messages,
        toClient: this.sendQueue.quota.messages,
        bytesInFlight: this.stream.bytesInFlight,
      };
    }
    return true;
  }
}
