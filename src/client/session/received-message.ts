import { type DataMessage, joinedData } from '../../wire/messages.js';
import { decodeText } from '../../wire/text.js';
import type { Message } from '../message.js';
import { NO_METADATA } from './outgoing-payload.js';

/** What the application receives. */
export class ReceivedMessage implements Message {
  readonly data: Uint8Array;
  readonly metadata: ReadonlyMap<string, string>;
  readonly key: string;
  readonly sequence: number;
  readonly timestampMs: number;
  readonly more: boolean;

  constructor(message: DataMessage, data = message.data, sequence = message.sequence, more = message.more) {
    this.data = data;
    this.metadata = message.metadata ?? NO_METADATA;
    this.key = message.key;
    this.sequence = sequence;
    this.timestampMs = message.timestampMs;
    this.more = more;
  }

  get text(): string {
    const { data } = this;
    const text = decodeText(data, 0, data.byteLength);
    if (text === undefined) throw new TypeError(`message ${this.sequence} is not UTF-8: read its data`);
    return text;
  }
}

/** One message for the pieces of a payload: key, metadata and time are those of the first, the sequence is that of the last. */
export function joined(pieces: readonly DataMessage[]): Message | undefined {
  const [first] = pieces;
  const last = pieces.at(-1);
  if (first === undefined || last === undefined) return undefined;
  return new ReceivedMessage(first, joinedData(pieces), last.sequence, false);
}
