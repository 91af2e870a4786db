import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/**
 * A network between a client and a server that can go silent: from `freeze` on
 * it takes what it is sent, passes nothing on and closes nothing, as a router
 * without power does.
 */
export class FreezingProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #frozen = false;

  private constructor(target: string) {
    const [host, port] = target.split(':');
    this.#server = createServer({ allowHalfOpen: true }, (near) => {
      const far = connect({ host: host ?? '', port: Number(port), allowHalfOpen: true });
      this.#join(near, far);
      this.#join(far, near);
    });
  }

  static async start(target: string): Promise<FreezingProxy> {
    const proxy = new FreezingProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  freeze(): void {
    this.#frozen = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on('error', () => undefined);
    from.on('close', () => this.#sockets.delete(from));
    from.on('data', (chunk) => {
      if (!this.#frozen) to.write(chunk);
    });
    from.on('end', () => {
      if (!this.#frozen) to.end();
    });
  }
}
