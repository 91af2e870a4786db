/** Connections as a balancer makes them: with what it says of its client in front. */
import { once } from 'node:events';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** PROXY protocol, version 1. */
export function headerLine(address: string, port: number): Buffer {
  const kind = address.includes(':') ? 'TCP6' : 'TCP4';
  const own = address.includes(':') ? '::1' : '127.0.0.1';
  return Buffer.from(`PROXY ${kind} ${address} ${own} ${port} 443\r\n`);
}

/** Version 2: `family` is that of the header, 0x11 for TCP over IPv4; `rest` is what follows the fixed part. */
export function binaryHeader(command: number, family: number, rest: Uint8Array): Buffer {
  const fixed = Buffer.from('0d0a0d0a000d0a515549540a00000000', 'hex');
  fixed.writeUInt8(command, 12);
  fixed.writeUInt8(family, 13);
  fixed.writeUInt16BE(rest.length, 14);
  return Buffer.concat([fixed, rest]);
}

/** The addresses of version 2, TCP over IPv4. */
export function ipv4Block(address: string, port: number): Buffer {
  const block = Buffer.alloc(12);
  block.set(address.split('.').map(Number), 0);
  block.set([127, 0, 0, 1], 4);
  block.writeUInt16BE(port, 8);
  block.writeUInt16BE(443, 10);
  return block;
}

/** A connection that has sent `header`, encrypted behind it where an authority is named. */
export async function connectBehind(
  address: string,
  header: Uint8Array,
  tls?: { readonly ca: string; readonly protocol: 'h2' | 'http/1.1' },
): Promise<Socket> {
  const colon = address.lastIndexOf(':');
  const socket = connect({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)) });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(header);
  if (tls === undefined) return socket;
  const secure = connectTls({ socket, ca: tls.ca, servername: 'localhost', ALPNProtocols: [tls.protocol] });
  secure.on('error', () => undefined);
  await Promise.race([once(secure, 'secureConnect'), once(secure, 'close')]);
  return secure;
}

export function http2Over(socket: Socket): ClientHttp2Session {
  const session = connectHttp2('http://localhost', { createConnection: () => socket });
  session.on('error', () => undefined);
  return session;
}
