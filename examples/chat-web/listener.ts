/** Who is in the room over gRPC: says, and hears. */
import { type Client, connect, type Session } from '../../src/client/index.js';

const NAME = 'bert';

export class Listener implements AsyncDisposable {
  /** What was said, `who: text`. */
  readonly lines: string[] = [];
  readonly #client: Client;
  readonly #session: Session;
  #heard: () => void = () => undefined;

  private constructor(client: Client, session: Session) {
    this.#client = client;
    this.#session = session;
    void this.#listen();
  }

  static async in(room: string, address: string): Promise<Listener> {
    const client = connect(address, { clientId: NAME });
    return new Listener(client, await client.open('rooms', { subject: room }));
  }

  async say(text: string): Promise<void> {
    await this.#session.sendAndWait(text);
  }

  /** Resolves when so many lines have come. */
  async until(count: number): Promise<void> {
    while (this.lines.length < count) {
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
  }

  async #listen(): Promise<void> {
    for await (const { text, metadata } of this.#session) {
      this.lines.push(`${metadata.get('x-from') ?? ''}: ${text}`);
      this.#heard();
    }
  }
}
