/** Messages, and bytes of data, key and metadata: a window, a bound, or what is held against one. */
export interface Size {
  readonly messages: number;
  readonly bytes: number;
}

/** What is held against a window or a bound, as a running sum. */
export class Load implements Size {
  messages = 0;
  bytes = 0;

  add(bytes: number): void {
    this.messages += 1;
    this.bytes += bytes;
  }

  subtract(bytes: number): void {
    this.messages -= 1;
    this.bytes -= bytes;
  }

  clear(): void {
    this.messages = 0;
    this.bytes = 0;
  }
}

/** Whether so many more may join what is held; anything may when nothing is. */
export function fits(bound: Size, held: Size, messages: number, bytes: number): boolean {
  if (held.messages === 0) return true;
  return held.messages + messages <= bound.messages && held.bytes + bytes <= bound.bytes;
}

/** Whether a message of no weight could be sent: what a Gap with no message behind it asks for. */
export function hasRoom(window: Size, held: Size): boolean {
  return held.messages === 0 || (held.messages < window.messages && held.bytes < window.bytes);
}

/** A window as a `Window` changes it: 0 leaves a part as it is. */
export function changed(window: Size, change: Size): Size {
  return {
    messages: change.messages === 0 ? window.messages : change.messages,
    bytes: change.bytes === 0 ? window.bytes : change.bytes,
  };
}

/** The largest of two windows, part by part: what is enforced, so that shrinking never convicts. */
export function largest(one: Size, other: Size): Size {
  return { messages: Math.max(one.messages, other.messages), bytes: Math.max(one.bytes, other.bytes) };
}

/** What is asked for, cut to what may be had, part by part. */
export function smallest(asked: Size, most: Size): Size {
  return { messages: Math.min(asked.messages, most.messages), bytes: Math.min(asked.bytes, most.bytes) };
}
