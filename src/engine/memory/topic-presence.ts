import type { Presence, PresenceFollower } from '../contract.js';

/** Which clients follow a topic: each once, however many subscriptions it has. */
export class TopicPresence {
  readonly #counts = new Map<string, number>();
  readonly #followers = new Set<PresenceFollower>();

  get isEmpty(): boolean {
    return this.#counts.size === 0 && this.#followers.size === 0;
  }

  join(clientId: string): void {
    const count = this.#counts.get(clientId) ?? 0;
    this.#counts.set(clientId, count + 1);
    if (count === 0) for (const follower of this.#followers) follower.joined(clientId);
  }

  leave(clientId: string): void {
    const count = this.#counts.get(clientId);
    if (count === undefined) return;
    if (count > 1) {
      this.#counts.set(clientId, count - 1);
      return;
    }
    this.#counts.delete(clientId);
    for (const follower of this.#followers) follower.left(clientId);
  }

  list(limit: number): Presence {
    const clients: string[] = [];
    for (const clientId of this.#counts.keys()) {
      if (clients.length >= limit) break;
      clients.push(clientId);
    }
    return { clients, count: this.#counts.size };
  }

  follow(follower: PresenceFollower): void {
    this.#followers.add(follower);
  }

  unfollow(follower: PresenceFollower): void {
    this.#followers.delete(follower);
  }
}
