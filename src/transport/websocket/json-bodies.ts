import { asUnreadable, manyRequests, noRequest } from '../stream-errors.js';
import type { SluiceError } from '../../core/errors.js';
import { batchFromJson, messageFromJson } from '../../wire/json-codec.js';
import { publishRequestFromJson, subscribeRequestFromJson } from '../../wire/json-topic-codec.js';
import { type DataMessage, dataMessage } from '../../wire/messages.js';
import { decodeText } from '../../wire/text.js';
import { encodePublishRequest, encodeSubscribeRequest } from '../../wire/topic-codec.js';
import type { BodyReading } from '../bodies.js';
import type { ServedMethod } from '../contract.js';
import { REQUEST_FRAMING } from '../framing.js';

/** Bodies in proto3 JSON in, messages out, no more at a time than asked for: what `BodyReader` is for protobuf. */
export class JsonBodies implements BodyReading {
  held = 0;
  bytes = 0;

  readonly #method: ServedMethod;
  #bodies: Uint8Array[] = [];
  #next = 0;
  /** What is left of the batch being read. */
  #batch: readonly DataMessage[] = [];
  #batchNext = 0;
  #batchBytes = 0;
  #hasRequest = false;

  constructor(method: ServedMethod) {
    this.#method = method;
  }

  get isEmpty(): boolean {
    return this.held === 0 && this.#batch.length === 0;
  }

  get missing(): SluiceError | undefined {
    return REQUEST_FRAMING[this.#method] === 'request' && !this.#hasRequest ? noRequest() : undefined;
  }

  push(body: Uint8Array): void {
    this.#bodies.push(body);
    this.held += 1;
    this.bytes += body.length;
  }

  clear(): void {
    this.#bodies = [];
    this.#next = 0;
    this.held = 0;
    this.#endBatch();
    this.bytes = 0;
  }

  fill(target: DataMessage[], room: number): SluiceError | undefined {
    try {
      while (target.length < room) {
        const message = this.#batch[this.#batchNext];
        if (message !== undefined) {
          this.#batchNext += 1;
          target.push(message);
          continue;
        }
        this.#endBatch();
        const body = this.#shift();
        if (body === undefined) break;
        this.#read(body, target);
      }
      return undefined;
    } catch (error) {
      this.clear();
      return asUnreadable(error);
    }
  }

  #read(body: Uint8Array, target: DataMessage[]): void {
    // The library has refused what is not UTF-8.
    const text = decodeText(body, 0, body.length) ?? '';
    if (REQUEST_FRAMING[this.#method] === 'batch') {
      this.#batch = batchFromJson(text);
      this.#batchNext = 0;
      this.#batchBytes = body.length;
      return;
    }
    this.bytes -= body.length;
    if (REQUEST_FRAMING[this.#method] === 'message') target.push(messageFromJson(text));
    else target.push(dataMessage({ data: this.#request(text) }));
  }

  #request(text: string): Uint8Array {
    if (this.#hasRequest) throw manyRequests();
    this.#hasRequest = true;
    return this.#method === 'Subscribe'
      ? encodeSubscribeRequest(subscribeRequestFromJson(text))
      : encodePublishRequest(publishRequestFromJson(text));
  }

  #endBatch(): void {
    this.#batch = [];
    this.#batchNext = 0;
    this.bytes -= this.#batchBytes;
    this.#batchBytes = 0;
  }

  #shift(): Uint8Array | undefined {
    const body = this.#bodies[this.#next];
    if (body === undefined) return undefined;
    this.held -= 1;
    this.#next += 1;
    if (this.held === 0) {
      this.#bodies = [];
      this.#next = 0;
    }
    return body;
  }
}
