/**
 * Whether this gateway wants traffic: up once everything is started, down as
 * the first thing of leaving. The gRPC health service follows it and the
 * admin address shows it.
 */
export class Readiness {
  readonly #listeners = new Set<(ready: boolean) => void>();
  #ready = false;
  #reason = 'starting';

  get ready(): boolean {
    return this.#ready;
  }

  /** Why not, for a person; "" when ready. */
  get reason(): string {
    return this.#reason;
  }

  setReady(): void {
    this.#set(true, '');
  }

  /** `reason` in a word or two: `draining`, `engine away`. */
  setUnready(reason: string): void {
    this.#set(false, reason);
  }

  /** Calls `listener` with the present state now and at every change; returns what ends that. */
  follow(listener: (ready: boolean) => void): () => void {
    this.#listeners.add(listener);
    listener(this.#ready);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #set(ready: boolean, reason: string): void {
    this.#reason = reason;
    if (this.#ready === ready) return;
    this.#ready = ready;
    for (const listener of this.#listeners) listener(ready);
  }
}
