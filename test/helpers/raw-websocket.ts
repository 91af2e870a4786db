/**
 * WebSocket frames by hand (RFC 6455 section 5), for peers that no library
 * would be. Nothing is answered by itself, and nothing is checked that is sent.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';

export const Opcode = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 } as const;

export interface RawFrame {
  readonly fin: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
}

export interface FrameOptions {
  readonly fin?: boolean;
  readonly masked?: boolean;
  /** The three reserved bits, as they stand: 0x40, 0x20, 0x10. */
  readonly reserved?: number;
  /** The length that is said, where that is not the payload's. */
  readonly length?: bigint;
}

export function frame(opcode: number, payload: Buffer | string = '', options: FrameOptions = {}): Buffer {
  const { fin = true, masked = true, reserved = 0, length = BigInt(Buffer.byteLength(payload)) } = options;
  const body = Buffer.from(payload);
  const head = Buffer.alloc(length < 126n ? 2 : length < 65_536n ? 4 : 10);
  head[0] = (fin ? 0x80 : 0) | reserved | opcode;
  if (length < 126n) head[1] = Number(length);
  else if (length < 65_536n) {
    head[1] = 126;
    head.writeUInt16BE(Number(length), 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(length, 2);
  }
  if (!masked) return Buffer.concat([head, body]);
  head[1] |= 0x80;
  const mask = randomBytes(4);
  for (let index = 0; index < body.length; index += 1) {
    body[index] = (body[index] as number) ^ (mask[index % 4] as number);
  }
  return Buffer.concat([head, mask, body]);
}

export interface RawWebSocketOptions {
  readonly path?: string;
  readonly subprotocol?: string;
  /** Header lines beside those of the handshake; one of the same name takes its place, "" leaves it out. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: string;
  /** The authority of the server's certificate: with one it speaks TLS. */
  readonly ca?: string;
}

export class RawWebSocket {
  readonly socket: Socket;
  readonly frames: RawFrame[] = [];
  /** The status line and headers of the answer, and behind them, where it is no upgrade, the body. */
  answer = '';
  #buffer = Buffer.alloc(0);
  #changed: () => void = () => undefined;

  constructor(address: string, options: RawWebSocketOptions = {}) {
    const { path = '/v1/stream', subprotocol = 'sluice.v1.json', method = 'GET', ca } = options;
    const port = Number(address.slice(address.lastIndexOf(':') + 1));
    const to = { port, host: '127.0.0.1', noDelay: true };
    this.socket = ca === undefined ? connect(to) : connectSecurely({ ...to, ca, servername: 'localhost' });
    this.socket.on('error', () => undefined);
    this.socket.on('data', (piece: Buffer) => {
      this.#read(piece);
    });
    this.socket.on('close', () => {
      this.#changed();
    });
    const headers = {
      host: address,
      upgrade: 'websocket',
      connection: 'Upgrade',
      'sec-websocket-key': randomBytes(16).toString('base64'),
      'sec-websocket-version': '13',
      'sec-websocket-protocol': subprotocol,
      ...options.headers,
    };
    const lines = Object.entries(headers)
      .filter(([, value]) => value !== '')
      .map(([name, value]) => `${name}: ${value}\r\n`);
    this.socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
  }

  get isClosed(): boolean {
    return this.socket.destroyed || this.socket.readableEnded;
  }

  /** The text of a JSON stream's messages so far, parsed. */
  get messages(): readonly Record<string, unknown>[] {
    return this.frames
      .filter(({ opcode }) => opcode === Opcode.TEXT)
      .map(({ payload }) => JSON.parse(payload.toString()) as Record<string, unknown>);
  }

  /** The Close that came. */
  get close(): { readonly code: number; readonly reason: string } | undefined {
    const payload = this.frames.find(({ opcode }) => opcode === Opcode.CLOSE)?.payload;
    if (payload === undefined) return undefined;
    return payload.length < 2
      ? { code: 1005, reason: '' }
      : { code: payload.readUInt16BE(0), reason: payload.toString('utf8', 2) };
  }

  write(...pieces: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(pieces));
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.isClosed)
        throw new Error(`the connection ended: ${this.answer} ${JSON.stringify(this.close)}`);
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  /** Resolves once it is upgraded. */
  async opened(): Promise<this> {
    await this.until(() => this.answer.includes('\r\n\r\n'));
    return this;
  }

  /** Resolves with the Close, if one comes, once the socket is closed: a Close is answered by leaving. */
  async closed(): Promise<{ readonly code: number; readonly reason: string } | undefined> {
    await this.until(() => this.isClosed || this.close !== undefined);
    this.socket.end();
    if (!this.isClosed) await once(this.socket, 'close');
    return this.close;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  #read(piece: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, piece]);
    if (!this.answer.startsWith('HTTP/1.1 101') || !this.answer.includes('\r\n\r\n')) this.#readAnswer();
    if (this.answer.startsWith('HTTP/1.1 101')) this.#readFrames();
    this.#changed();
  }

  #readAnswer(): void {
    this.answer += this.#buffer.toString('latin1');
    this.#buffer = Buffer.alloc(0);
    const end = this.answer.indexOf('\r\n\r\n') + 4;
    if (end < 4 || !this.answer.startsWith('HTTP/1.1 101')) return;
    this.#buffer = Buffer.from(this.answer.slice(end), 'latin1');
    this.answer = this.answer.slice(0, end);
  }

  #readFrames(): void {
    for (;;) {
      const buffer = this.#buffer;
      if (buffer.length < 2) return;
      const short = (buffer[1] as number) & 0x7f;
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (buffer.length < head) return;
      const length =
        short < 126 ? short : short === 126 ? buffer.readUInt16BE(2) : Number(buffer.readBigUInt64BE(2));
      if (buffer.length < head + length) return;
      const first = buffer[0] as number;
      this.frames.push({
        fin: (first & 0x80) !== 0,
        opcode: first & 0x0f,
        payload: buffer.subarray(head, head + length),
      });
      this.#buffer = buffer.subarray(head + length);
    }
  }
}
