/** Serves the page and the SDK's bundle: the gateway itself serves no files. `npx tsx examples/chat-web/page-server.ts` */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const PAGE = join(import.meta.dirname, 'page');
const SDK = join(import.meta.dirname, '../../src/client/web.ts');

/** What a page may load, and whom it may speak to: any WebSocket, for the gateway is named in the page's address. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src data:; connect-src ws: wss:";

export class PageServer {
  readonly origin: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(port = 0): Promise<PageServer> {
    const files = new Map<string, readonly [type: string, text: string]>([
      ['/', ['text/html', readFileSync(join(PAGE, 'index.html'), 'utf8')]],
      ['/chat.css', ['text/css', readFileSync(join(PAGE, 'chat.css'), 'utf8')]],
      ['/chat.js', ['text/javascript', readFileSync(join(PAGE, 'chat.js'), 'utf8')]],
      // With the package installed: node_modules/sluice/dist/client/web-bundle.js, as it is.
      ['/sluice.js', ['text/javascript', sdk()]],
    ]);
    const server = createServer(({ url = '/' }, response) => {
      const file = files.get(url.replace(/\?.*$/, ''));
      if (file === undefined) {
        response.writeHead(404).end();
        return;
      }
      const [type, text] = file;
      response
        .writeHead(200, { 'content-type': `${type}; charset=utf-8`, 'content-security-policy': POLICY })
        .end(text);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
    return new PageServer(server);
  }

  /** The room's address, for somebody of this name. */
  urlOf(room: string, name: string, gateway: string): string {
    return `${this.origin}/?${new URLSearchParams({ room, name, gateway }).toString()}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function sdk(): string {
  const bundle = buildSync({
    ...{ entryPoints: [SDK], bundle: true, minify: true, write: false },
    ...{ platform: 'browser', format: 'esm', target: 'es2022' },
  });
  return bundle.outputFiles[0]?.text ?? '';
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { origin } = await PageServer.start(8090);
  console.log(`${origin}/?room=lobby&name=ann`);
}
