import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A way to a gateway that can be broken, for a client that does not let go of its socket. */
export class BreakableLine {
  /** What to dial. */
  readonly address: string;
  readonly #directory = mkdtempSync(join(tmpdir(), 'sluice-line-'));
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  /** `to`: host:port. */
  constructor(to: string) {
    const { hostname, port } = new URL(`tcp://${to}`);
    this.#server = createServer({ allowHalfOpen: true }, (near) => {
      const far = connect({ host: hostname, port: Number(port), noDelay: true, allowHalfOpen: true });
      this.#join(near, far);
      this.#join(far, near);
    });
    // A path is listened at before this returns, which a port is not.
    const path = join(this.#directory, 'line');
    this.#server.listen(path);
    this.address = `unix:${path}`;
  }

  /** Both sides lose it without a word. */
  break(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.pipe(to);
    from.on('error', () => undefined);
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
