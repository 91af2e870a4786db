import type { Presence, PresenceFollower } from '../contract.js';

/** Which clients follow a topic: each once, however many subscriptions it has. */
export class TopicPresence {
  readonly #counts = new Map<string, number>();
  readonly #followers = new Set<PresenceFollower>();
  /** What the followers are being told, or are still to be. */
  readonly #news: { readonly what: 'joined' | 'left'; readonly clientId: string }[] = [];

  get isEmpty(): boolean {
    return this.#counts.size === 0 && this.#followers.size === 0;
  }

  join(clientId: string): void {
    const count = this.#counts.get(clientId) ?? 0;
    this.#counts.set(clientId, count + 1);
    if (count === 0) this.#tell('joined', clientId);
  }

  leave(clientId: string): void {
    const count = this.#counts.get(clientId);
    if (count === undefined) return;
    if (count > 1) {
      this.#counts.set(clientId, count - 1);
      return;
    }
    this.#counts.delete(clientId);
    this.#tell('left', clientId);
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

  /**
   * One after the other, not one within the other: whoever is told may end over
   * it, which is news for the rest, a thousand of whom may end over that.
   */
  #tell(what: 'joined' | 'left', clientId: string): void {
    if (this.#followers.size === 0) return;
    this.#news.push({ what, clientId });
    if (this.#news.length > 1) return;
    try {
      // Those that are added meanwhile, too.
      for (const news of this.#news) {
        for (const follower of this.#followers) follower[news.what](news.clientId);
      }
    } finally {
      this.#news.length = 0;
    }
  }
}
