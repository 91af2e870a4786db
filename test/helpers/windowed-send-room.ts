/** A window's two measures; 0 in `resize` leaves one as it is. */
export interface Size {
  readonly messages: number;
  readonly bytes: number;
}

interface Waiter extends Size {
  /** Called as soon as there is room, so that sends keep their order. */
  readonly admit: () => void;
  readonly refuse: (error: Error) => void;
}

/** Sends that may wait for room at a time. */
const MAX_WAITING = 1_024;

/**
 * The room that the gateway's window leaves for what is sent and not settled.
 * Sends wait for it in order; one message always fits when nothing else is held.
 */
export class SendRoom {
  #window: Size;
  #messages = 0;
  #bytes = 0;
  #over: Error | undefined;
  readonly #waiting: Waiter[] = [];
  readonly #whenIdle: (() => void)[] = [];

  constructor(window: Size) {
    this.#window = window;
  }

  /** Whether no send waits. */
  get isIdle(): boolean {
    return this.#waiting.length === 0;
  }

  /**
   * Calls `admit` once so much was taken: at once or, behind those that wait,
   * when there is room. Rejects when nothing will be sent any more, or too many wait.
   */
  async wait(messages: number, bytes: number, admit: () => void): Promise<void> {
    if (this.#over !== undefined) throw this.#over;
    if (this.isIdle && this.#fits(messages, bytes)) {
      this.take(messages, bytes);
      admit();
      return;
    }
    if (this.#waiting.length >= MAX_WAITING) throw new Error(`${MAX_WAITING} sends wait for room already`);
    await new Promise<void>((resolve, refuse) => {
      const admitted = (): void => {
        admit();
        resolve();
      };
      this.#waiting.push({ messages, bytes, admit: admitted, refuse });
    });
  }

  take(messages: number, bytes: number): void {
    this.#messages += messages;
    this.#bytes += bytes;
  }

  release(messages: number, bytes: number): void {
    this.#messages -= messages;
    this.#bytes -= bytes;
    this.#admit();
  }

  resize({ messages, bytes }: Size): void {
    this.#window = { messages: messages || this.#window.messages, bytes: bytes || this.#window.bytes };
    this.#admit();
  }

  /** Whether one more message may go out while so much of what is held is in flight. */
  allows(flight: Size, bytes: number): boolean {
    const { messages: most, bytes: mostBytes } = this.#window;
    return flight.messages === 0 || (flight.messages < most && flight.bytes + bytes <= mostBytes);
  }

  /** Resolves when no send waits any more. */
  async idle(): Promise<void> {
    if (!this.isIdle) await new Promise<void>((resolve) => void this.#whenIdle.push(resolve));
  }

  /** Nothing will be sent any more. */
  fail(error: Error): void {
    this.#over = error;
    for (const { refuse } of this.#waiting.splice(0)) refuse(error);
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  #fits(messages: number, bytes: number): boolean {
    if (messages === 1 && this.#messages === 0) return true;
    const { messages: most, bytes: mostBytes } = this.#window;
    return this.#messages + messages <= most && this.#bytes + bytes <= mostBytes;
  }

  #admit(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (!this.#fits(first.messages, first.bytes)) return;
      this.take(first.messages, first.bytes);
      this.#waiting.shift();
      first.admit();
    }
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }
}
