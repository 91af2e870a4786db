/** Those who do nothing wrong, at every door of a gateway, and should notice nothing of those who do. */
import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { expect } from 'vitest';
import { dataMessage } from '../../src/wire/messages.js';
import { Bystander } from './bystander.js';
import { Following } from './edge-world.js';
import type { GatewayProcess } from './gateway-process.js';
import { WebSocketCall } from './websocket-client.js';

/** A stream over gRPC, a WebSocket, and a topic that one writes to, over one connection, and one follows. */
export class Regulars implements AsyncDisposable {
  slowestMs = 0;
  rounds = 0;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #gateway: GatewayProcess;
  readonly #stream: Bystander;
  readonly #webSocket: WebSocketCall;
  readonly #events: Following;

  private constructor(gateway: GatewayProcess, events: Following) {
    this.#gateway = gateway;
    this.#stream = new Bystander(gateway.address);
    this.#webSocket = new WebSocketCall(gateway.edge, {
      metadata: { 'x-client-id': 'regular', 'x-route': 'echo' },
    });
    this.#events = events;
  }

  static async of(gateway: GatewayProcess): Promise<Regulars> {
    const regulars = new Regulars(gateway, await Following.at(`http://${gateway.edge}/v1/topics/news/a`));
    await regulars.goOn();
    return regulars;
  }

  /** All of them do what they are here for, and all is well. */
  async goOn(): Promise<void> {
    const began = performance.now();
    const word = `round ${this.rounds}`;
    await this.#stream.check(10);
    await this.#echoed(word);
    expect(await this.publish('news/a', word)).toContain('"duplicate":false');
    expect((await this.#events.next()).data).toBe(word);
    this.rounds += 1;
    this.slowestMs = Math.max(this.slowestMs, Math.round(performance.now() - began));
  }

  /** The answer's body. */
  publish(topic: string, body: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const url = `http://${this.#gateway.edge}/v1/topics/${topic}`;
      request(url, { method: 'POST', agent: this.#agent }, (response) => {
        text(response).then(resolve, reject);
      })
        .once('error', reject)
        .end(body);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stream[Symbol.dispose]();
    this.#webSocket.close();
    await this.#webSocket.ended;
    this.#agent.destroy();
    await this.#events[Symbol.asyncDispose]();
  }

  async #echoed(word: string): Promise<void> {
    const heard = new Promise<void>((resolve) => {
      this.#webSocket.onMessage = ({ data }) => {
        if (Buffer.from(data).toString() === word) resolve();
      };
    });
    this.#webSocket.send([dataMessage({ sessionId: 'w', data: Buffer.from(word) })]);
    const ended = this.#webSocket.ended.then(({ closeCode, closeReason }) => {
      throw new Error(`the WebSocket was ended: ${closeCode} ${closeReason}`);
    });
    await Promise.race([heard, ended]);
  }
}
