import { makeCertificate, type Certificate } from './certificate.js';
import type { GoTools } from './go-tools.js';
import {
  defineServer,
  isMissing,
  startServer,
  type Missing,
  type RunningServer,
  type ServerDefinition,
  type ServerName,
} from './servers.js';

/** What a run needs of its server. */
export interface ServerNeed {
  readonly server: ServerName;
  readonly tls: boolean;
  /** Other routes than echo. */
  readonly routes: boolean;
}

/** The servers of a benchmark: each started at its first use, and shared until `stopAll`. */
export class ServerPool {
  readonly #go: GoTools;
  readonly #running = new Map<string, RunningServer>();
  /** Those that ended between two runs, and nobody was told yet. */
  readonly #died = new Map<string, string>();
  #certificate: Certificate | undefined;

  constructor(go: GoTools) {
    this.#go = go;
  }

  /** The authority that clients of servers with TLS have to trust; a file. */
  get authorityFile(): string | undefined {
    return this.#certificate?.certFile;
  }

  async define(need: ServerNeed): Promise<ServerDefinition | Missing> {
    const { server, tls, routes } = need;
    if (tls) this.#certificate ??= await makeCertificate();
    return defineServer(server, this.#go, {
      routes,
      ...(tls && this.#certificate !== undefined ? { tls: this.#certificate } : {}),
    });
  }

  /**
   * The shared server of this kind.
   * @throws Error once where it died since it was used last; the next use starts another.
   */
  async use(need: ServerNeed): Promise<RunningServer> {
    const key = keyOf(need);
    const died = this.#died.get(key);
    if (died !== undefined) {
      this.#died.delete(key);
      throw new Error(died);
    }
    const known = this.#running.get(key);
    if (known !== undefined) return known;
    const server = await this.startFresh(need);
    this.#running.set(key, server);
    void server.exited.then((code) => {
      if (this.#running.get(key) !== server) return;
      this.#running.delete(key);
      this.#died.set(key, `the server ended with ${String(code)} by itself. ${server.stderr()}`.trim());
    });
    return server;
  }

  /** A server of its own, which the caller stops. */
  async startFresh(need: ServerNeed): Promise<RunningServer> {
    const definition = await this.define(need);
    if (isMissing(definition)) throw new Error(`no ${definition.name}: ${definition.reason}`);
    return startServer(definition);
  }

  /** Stops one that may no longer be trusted: the next use starts another. */
  async discard(need: ServerNeed): Promise<void> {
    const key = keyOf(need);
    const server = this.#running.get(key);
    this.#running.delete(key);
    this.#died.delete(key);
    await server?.stop();
  }

  /** Stops all: the next use starts another. */
  async stopAll(): Promise<void> {
    const servers = [...this.#running.values()];
    this.#running.clear();
    this.#died.clear();
    await Promise.all(servers.map((server) => server.stop()));
  }

  async close(): Promise<void> {
    await this.stopAll();
    await this.#certificate?.remove();
  }
}

function keyOf({ server, tls, routes }: ServerNeed): string {
  // Only Sluice serves its routes with another program.
  return `${server} ${tls ? 'tls' : ''} ${routes && server === 'sluice' ? 'routes' : ''}`;
}
