import { encodeMessage, messageSize } from '../../wire/codec.js';
import type { DataMessage } from '../../wire/messages.js';

/** The message of a WebSocket that carries this one. */
export function bodyOf(message: DataMessage): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(messageSize(message));
  encodeMessage(message, body, 0);
  return body;
}
