import type { DataMessage } from '../wire/messages.js';

/** Beside the message rather than in it: only messages that may be given up have one. */
const signals = new WeakMap<DataMessage, AbortSignal>();

/** What is aborted when this message is given up, or its session ends; undefined: nobody gives it up. */
export function signalOf(message: DataMessage): AbortSignal | undefined {
  return signals.get(message);
}

export function giveSignal(message: DataMessage, signal: AbortSignal): void {
  signals.set(message, signal);
}
