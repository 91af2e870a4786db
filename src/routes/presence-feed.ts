import type { PresenceFollower } from '../engine/contract.js';
import { PRESENCE_CLIENT_NAME, PRESENCE_NAME } from '../engine/topic-message.js';
import type { RouteMessage } from '../session/route.js';

/** How many joins and leaves may wait for one follower; over it the list is sent anew. */
const MAX_PENDING = 256;

export interface PresenceFeedPort {
  /** Whether a send waits: then joins and leaves do. */
  readonly isBusy: boolean;
  sendOwn(fields: RouteMessage): void;
  /** Sends who is there now. */
  sendList(): void;
}

/**
 * The joins and leaves that one session follows. What it can't take at once is
 * kept by client, of which only the last counts: one who left and is back again
 * is no news.
 */
export class PresenceFeed implements PresenceFollower {
  readonly #port: PresenceFeedPort;
  readonly #pending = new Map<string, 'join' | 'leave'>();
  /** Too much has happened to tell it one by one. */
  #stale = false;

  constructor(port: PresenceFeedPort) {
    this.#port = port;
  }

  joined(clientId: string): void {
    this.#note(clientId, 'join');
  }

  left(clientId: string): void {
    this.#note(clientId, 'leave');
  }

  /** Sends what waits, as far as there is room. */
  flush(): void {
    while (!this.#port.isBusy) {
      if (this.#stale) {
        this.#stale = false;
        this.#port.sendList();
        continue;
      }
      const [next] = this.#pending;
      if (next === undefined) return;
      this.#pending.delete(next[0]);
      this.#port.sendOwn({ metadata: presenceMetadata(next[1], next[0]) });
    }
  }

  #note(clientId: string, what: 'join' | 'leave'): void {
    if (this.#stale) return;
    const before = this.#pending.get(clientId);
    if (before !== undefined && before !== what) this.#pending.delete(clientId);
    else this.#pending.set(clientId, what);
    if (this.#pending.size > MAX_PENDING) {
      this.#pending.clear();
      this.#stale = true;
    }
    this.flush();
  }
}

function presenceMetadata(what: 'join' | 'leave', clientId: string): ReadonlyMap<string, string> {
  return new Map([
    [PRESENCE_NAME, what],
    [PRESENCE_CLIENT_NAME, clientId],
  ]);
}
