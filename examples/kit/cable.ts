/** A network cable between clients and the gateway that can be pulled out, and put in again. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export class Cable implements Disposable {
  /** Where its clients connect. */
  readonly address: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  private constructor(server: Server) {
    this.#server = server;
    this.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** A cable to this address. */
  static async to(address: string): Promise<Cable> {
    const [host, port] = address.split(':') as [string, string];
    const server = createServer();
    server.listen(0, '127.0.0.1', 2_048);
    await once(server, 'listening');
    const cable = new Cable(server);
    server.on('connection', (near) => {
      if (cable.#isCut) {
        near.resetAndDestroy();
        return;
      }
      const far = connect(Number(port), host);
      cable.#join(near, far);
      cable.#join(far, near);
    });
    return cable;
  }

  /** Whoever is on it loses the connection, without a word; who tries anew does, too. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  /** Resolves when it is whole again. */
  async cutFor(ms: number): Promise<void> {
    this.cut();
    await sleep(ms);
    this.mend();
  }

  [Symbol.dispose](): void {
    this.cut();
    this.#server.close();
  }

  /** Passes on what comes, no faster than the other side takes it, and its end. */
  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.pipe(to);
    from.on('error', () => {
      // 'close' follows.
    });
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
