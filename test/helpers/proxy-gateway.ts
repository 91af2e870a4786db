/** Gateways with proxies, their backends and clients, taken down together in the reverse order. */
import { decodeStatusDetails } from '../../src/wire/status-details.js';
import { type GatewayUnderTest, type Settings, startGateway } from './gateway.js';
import {
  type Called,
  type ShapesBackend,
  ShapesClient,
  type ShapesOptions,
  startShapes,
} from './shapes-backend.js';

export class ProxyGateways implements AsyncDisposable {
  readonly #open: AsyncDisposable[] = [];

  /** A backend, and a gateway with one proxy, `shapes`, of these options at its address. */
  async world(
    proxy: object,
    {
      settings = {},
      backend: options = {},
    }: { readonly settings?: Settings; readonly backend?: ShapesOptions } = {},
  ) {
    const backend = await this.backend(options);
    const under = await this.gateway({ shapes: { addresses: [backend.address], ...proxy } }, settings);
    return { backend, under, client: this.client(under) };
  }

  async backend(options: ShapesOptions = {}): Promise<ShapesBackend> {
    return this.#keep(await startShapes(options));
  }

  async gateway(proxies: object, settings: Settings = {}): Promise<GatewayUnderTest> {
    return this.#keep(await startGateway({ proxies: JSON.stringify(proxies), ...settings }));
  }

  client({ address }: Pick<GatewayUnderTest, 'address'>): ShapesClient {
    return this.#keep(new ShapesClient(address));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of this.#open.splice(0).reverse()) await each[Symbol.asyncDispose]();
  }

  #keep<T extends AsyncDisposable>(each: T): T {
    this.#open.push(each);
    return each;
  }
}

/** Status, code of the catalogue, words and advice of a call that ended. */
export function told({ status: { code, details, metadata } }: Pick<Called, 'status'>) {
  const [bytes] = metadata.get('grpc-status-details-bin');
  const { reason, retryAfterMs } = bytes instanceof Buffer ? decodeStatusDetails(bytes) : {};
  return { code, reason, details, retryAfterMs };
}
