/** The page that Prometheus scrapes: what prom-client has counted. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

/** Serves `/metrics`; resolves with its port when it does. */
export async function serveMetrics(registry: Registry, host: string, port: number): Promise<MetricsPage> {
  const server = createServer((request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    void registry.metrics().then((text) => {
      response.writeHead(200, { 'content-type': registry.contentType }).end(text);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  });
  return { port: (server.address() as AddressInfo).port, server };
}

export interface MetricsPage {
  readonly port: number;
  readonly server: Server;
}
