import { expect } from 'vitest';
import { StreamClient, type Received } from './stream-client.js';

/** A client that does nothing wrong, and should notice nothing of those who do. */
export class Bystander {
  readonly #client: StreamClient;
  #sent = 0;

  constructor(address: string) {
    this.#client = new StreamClient(address, { metadata: { 'x-client-id': 'bystander', 'x-route': 'echo' } });
    // It is well-behaved: where it is silent for long it answers probes.
    this.#client.call.on('data', (message: Received) => {
      if (message.type !== 'MESSAGE_TYPE_HEALTH_CHECK' || message.ack !== 0) return;
      this.#client.send({ type: message.type, sequence: message.sequence, ack: message.sequence });
    });
  }

  /** Says something in two sessions and hears all of it back, in order, and nothing else. */
  async check(messages = 20): Promise<void> {
    for (let n = 0; n < messages; n += 1) {
      this.#client.sendData(`b${n % 2}`, `word ${this.#sent + n}`);
    }
    this.#sent += messages;
    await this.#client.untilData(this.#sent);
    const words = this.#client.data.map((message) => message.data.toString());
    expect(words.sort()).toEqual(Array.from({ length: this.#sent }, (_, n) => `word ${n}`).sort());
    expect(this.#client.controls('error')).toEqual([]);
    expect(this.#client.controls('closed')).toEqual([]);
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}
