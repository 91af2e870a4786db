/** A backend, a client that calls it directly, and one that calls it through a gateway. */
import { type GatewayUnderTest, type Settings, startGateway } from './gateway.js';
import { PlayClient } from './play-client.js';
import { PLAY_SERVICE } from './play-steps.js';

export class PlayWorld implements AsyncDisposable {
  readonly under: GatewayUnderTest;
  readonly direct: PlayClient;
  readonly through: PlayClient;

  private constructor(under: GatewayUnderTest, backend: string) {
    this.under = under;
    this.direct = new PlayClient(backend);
    this.through = new PlayClient(under.address);
  }

  /** `proxy`: beside its services and addresses. */
  static async start(backend: string, proxy: object = {}, settings: Settings = {}): Promise<PlayWorld> {
    const calls = { services: [PLAY_SERVICE], addresses: [backend], ...proxy };
    return new PlayWorld(await startGateway({ proxies: JSON.stringify({ calls }), ...settings }), backend);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.through[Symbol.dispose]();
    this.direct[Symbol.dispose]();
    await this.under[Symbol.asyncDispose]();
  }
}
