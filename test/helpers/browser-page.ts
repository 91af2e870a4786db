/** Chromium with an empty page that has the SDK: `globalThis.sluice`, and what the test evaluates there. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { stop } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { bundleWeb } from '../../esbuild.config.js';
import { startBrowser } from '../../examples/kit/browser.js';

/** The file as the package has it: its inner names are written shorter, so only it can tell that none is missed. */
async function shippedBundle(): Promise<string> {
  const root = resolve(import.meta.dirname, '../..');
  const dist = await mkdtemp(join(tmpdir(), 'sluice-web-'));
  try {
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const options = ['--incremental', 'false', '--tsBuildInfoFile', 'null', '--noCheck', '--outDir', dist];
    await promisify(execFile)(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json'), ...options]);
    return await bundleWeb(dist);
  } finally {
    // Its process would stay as long as ours.
    await stop();
    await rm(dist, { recursive: true });
  }
}

/** Pages of two origins, and a browser that shows them. */
export class BrowserWorld implements AsyncDisposable {
  /** From here comes every page but those of strangers. */
  readonly origin: string;
  /** The same server by another name. */
  readonly strange: string;
  readonly #browser: Browser;
  readonly #server: Server;

  private constructor(browser: Browser, server: Server) {
    this.#browser = browser;
    this.#server = server;
    const { port } = server.address() as AddressInfo;
    this.origin = `http://127.0.0.1:${port}`;
    this.strange = `http://localhost:${port}`;
  }

  static async start(): Promise<BrowserWorld> {
    const script = await shippedBundle();
    const server = createServer(({ url }, response) => {
      const isScript = url === '/sluice.js';
      response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' });
      response.end(
        isScript
          ? script
          : '<!doctype html><title>test</title><script type="module">import * as sluice from "/sluice.js"; globalThis.sluice = sluice;</script>',
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new BrowserWorld(await startBrowser(), server);
  }

  async page(origin = this.origin): Promise<Page> {
    const page = await this.#browser.newPage();
    await page.goto(origin);
    await page.waitForFunction('globalThis.sluice !== undefined');
    return page;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
