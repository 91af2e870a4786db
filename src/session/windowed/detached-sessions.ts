import { LinkedList, type Linked } from '../../flow/linked-list.js';

/** What has to be known of a session to keep it within bounds. */
export interface Detached<T> extends Linked<T> {
  readonly attached: boolean;
  readonly detachedAt: number;
  readonly heldBytes: number;
}

export interface DetachedBounds {
  /** How long each may wait for its client, in milliseconds. */
  readonly keepMs: number;
  readonly max: number;
  /** Over all of them. */
  readonly maxBytes: number;
}

/** Sessions without a connection, the longest so first. */
export class DetachedSessions<T extends Detached<T>> {
  readonly #bounds: DetachedBounds;
  readonly #sessions = new LinkedList<T>();
  readonly #known = new Set<T>();
  #bytes = 0;

  constructor(bounds: DetachedBounds) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#known.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** When the first has waited long enough, in Clock.now(). */
  get nextExpiryMs(): number | undefined {
    const first = this.#sessions.first;
    return first === undefined ? undefined : first.detachedAt + this.#bounds.keepMs;
  }

  get isOverBounds(): boolean {
    return this.size > this.#bounds.max || this.#bytes > this.#bounds.maxBytes;
  }

  add(session: T): void {
    this.#known.add(session);
    this.#sessions.append(session);
    this.#bytes += session.heldBytes;
  }

  /** Nothing happens where it is not among them. */
  remove(session: T): void {
    if (!this.#known.delete(session)) return;
    this.#sessions.remove(session);
    this.#bytes -= session.heldBytes;
  }

  /** A session holds so many bytes more, or less; whether it is one of these. */
  changed(session: T, bytes: number): boolean {
    if (session.attached || !this.#known.has(session)) return false;
    this.#bytes += bytes;
    return true;
  }

  /** The first that has waited long enough. */
  expired(now: number): T | undefined {
    const first = this.#sessions.first;
    return first !== undefined && now - first.detachedAt >= this.#bounds.keepMs ? first : undefined;
  }

  /** The next to go: the oldest where they are too many, the costliest where they hold too much. */
  toEvict(): { readonly session: T; readonly because: string } | undefined {
    const { max, maxBytes } = this.#bounds;
    const oldest = this.#sessions.first;
    if (oldest === undefined) return undefined;
    if (this.size > max) {
      return {
        session: oldest,
        because: `made room: ${this.size} sessions wait for their clients, of ${max} (session.maxDetached)`,
      };
    }
    if (this.#bytes <= maxBytes) return undefined;
    let costliest = oldest;
    for (let next = oldest.next; next !== undefined; next = next.next) {
      if (next.heldBytes > costliest.heldBytes) costliest = next;
    }
    return {
      session: costliest,
      because:
        `made room: sessions that wait for their clients hold ${this.#bytes} bytes, ` +
        `of ${maxBytes} (session.maxDetachedSize)`,
    };
  }
}
