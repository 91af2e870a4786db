/** Chunks smaller than this are counted as one: what is known of many little ones is bounded, too. */
const GRAIN_BYTES = 1024;

/** The messages that ended in some bytes. */
interface Mark {
  /** Bytes sent when the last of them had ended. */
  endBytes: number;
  messages: number;
}

/**
 * How many messages one side was sent and has not taken, from the bytes that
 * it has not: they count as taken with the chunk, or the kibibyte, that they ended in.
 */
export class UntakenMessages {
  count = 0;
  #sentBytes = 0;
  #marks: Mark[] = [];
  /** Of the first mark that is left. */
  #at = 0;

  sent(bytes: number, messages: number): void {
    this.#sentBytes += bytes;
    if (messages === 0) return;
    this.count += messages;
    const last = this.#marks.at(-1);
    const begun = this.#marks.at(-2)?.endBytes ?? 0;
    if (last !== undefined && this.#at < this.#marks.length && this.#sentBytes - begun <= GRAIN_BYTES) {
      last.endBytes = this.#sentBytes;
      last.messages += messages;
    } else this.#marks.push({ endBytes: this.#sentBytes, messages });
  }

  /** So many bytes are in flight now. */
  inFlight(bytes: number): void {
    const takenBytes = this.#sentBytes - bytes;
    for (let mark = this.#marks[this.#at]; mark !== undefined; mark = this.#marks[this.#at]) {
      if (mark.endBytes > takenBytes) break;
      this.count -= mark.messages;
      this.#at += 1;
    }
    if (this.#at * 2 <= this.#marks.length) return;
    this.#marks = this.#marks.slice(this.#at);
    this.#at = 0;
  }
}
