/** What the peers on Node have in common: where they listen, TLS, the ready line. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

export const HOST = '127.0.0.1';

export interface Tls {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** What `--tls-cert FILE --tls-key FILE` name; undefined without them. */
export function tlsFromFlags(): Tls | undefined {
  const { values } = parseArgs({
    options: { 'tls-cert': { type: 'string' }, 'tls-key': { type: 'string' } },
  });
  const { 'tls-cert': cert, 'tls-key': key } = values;
  if (cert === undefined || key === undefined) return undefined;
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

/** As the gateway's own line says it: the harness waits for it. */
export function announce(port: number): void {
  process.stdout.write(`${JSON.stringify({ msg: 'gateway ready', grpc: [`${HOST}:${port}`] })}\n`);
}
