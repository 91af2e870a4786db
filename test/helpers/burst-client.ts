/**
 * Connects very often at once, from many addresses, in a process whose
 * descriptors are its own. Says on its standard output what became of each, one
 * line of JSON when all know; holds what is open until its standard input ends.
 *
 *     burst-client.ts http|grpc|websocket host:port times
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { WebSocketCall } from './websocket-client.js';

/** How often each outcome was met. */
export interface BurstReport {
  readonly outcomes: Readonly<Record<string, number>>;
  readonly tookMs: number;
}

const ADDRESSES = 20;
/** HTTP/2: the preface and empty SETTINGS (RFC 9113 section 3.4). */
const PREFACE = Buffer.from('505249202a20485454502f322e300d0a0d0a534d0d0a0d0a000000040000000000', 'hex');
const REQUEST = 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n';

const localAddress = (n: number): string => `127.0.0.${2 + (n % ADDRESSES)}`;

/** `open` once it is answered; else how it ended, and what it was told before. */
function knock(host: string, port: number, n: number, greeting: Buffer | string): Promise<string> {
  return new Promise((resolve) => {
    let heard = '';
    const socket = connect({ host, port, localAddress: localAddress(n) });
    socket.on('connect', () => socket.write(greeting));
    socket.on('data', (piece) => {
      heard += piece.toString('latin1');
      if (!heard.startsWith('HTTP/1.1 503')) resolve('open');
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      const [, status, wait, code] =
        /^HTTP\/1\.1 (\d+) [^]*\r\nretry-after: (\d+)\r\n[^]*"code":"(\w+)"/.exec(heard) ?? [];
      resolve(status === undefined ? 'closed' : `${status} ${code} after ${wait} s`);
    });
  });
}

/** `open` once it is greeted; else its Close. */
function upgrade(address: string, n: number): Promise<string> {
  return new Promise((resolve) => {
    const call = new WebSocketCall(address, {
      metadata: { 'x-client-id': `burst-${n}` },
      options: { localAddress: localAddress(n) },
    });
    call.onMessage = () => {
      resolve('open');
    };
    call.ws.on('unexpected-response', (_request, response) => {
      resolve(`${response.statusCode}`);
    });
    void call.ended.then(({ closeCode, reason, retryAfterMs }) => {
      resolve(`${closeCode} ${reason} after ${(retryAfterMs ?? 0) / 1_000} s`);
    });
  });
}

const [kind, address = '', times] = process.argv.slice(2);
const colon = address.lastIndexOf(':');
const [host, port] = [address.slice(0, colon), Number(address.slice(colon + 1))];
const began = performance.now();
const outcomes: Record<string, number> = {};
const knocks = Array.from({ length: Number(times) }, (_, n) =>
  kind === 'websocket' ? upgrade(address, n) : knock(host, port, n, kind === 'grpc' ? PREFACE : REQUEST),
);
for (const outcome of await Promise.all(knocks)) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
const report: BurstReport = { outcomes, tookMs: Math.round(performance.now() - began) };
process.stdout.write(`${JSON.stringify(report)}\n`);
process.stdin.resume();
await once(process.stdin, 'end');
process.exit();
