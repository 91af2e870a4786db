import type { Overflow } from '../session/overflow.js';

/** A topic route as it is configured (`routes.<name>`); config/route-kinds.ts says what each means. */
export interface TopicRouteOptions {
  readonly overflow: Overflow;
  readonly allowedOverflow: readonly Overflow[];
  readonly historyMessages: number;
  readonly historySize: number;
  readonly historyAge: number;
  readonly maxHistorySize: number;
  readonly conflateHistory: boolean;
  readonly maxTopics: number;
  readonly maxSubscribers: number;
  readonly idempotencyKeys: number;
  readonly idempotencyAge: number;
  readonly maxWaitingPublishes: number;
  readonly waitingPublishSize: number;
  readonly ownMessages: boolean;
  readonly presence: boolean;
  readonly maxPresence: number;
}
