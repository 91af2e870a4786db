/**
 * HTTP/2 frames by hand (RFC 9113), for peers that no library would be: silent
 * ones, frozen ones, ones that flood. Nothing is answered by itself.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'vitest';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const HEADER_BYTES = 9;

export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
} as const;
export const ACK = 0x1;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export class RawHttp2Client {
  readonly socket: Socket;
  /** Resolves when the connection is closed, by whomever. */
  readonly closed: Promise<void>;
  readonly frames: Frame[] = [];
  #received = Buffer.alloc(0);
  #waiting: (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        resolve();
        this.#wake();
      });
    });
    // A reset is one way of being closed.
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#parse();
    });
  }

  /** Connects and sends nothing; destroyed when the test ends. */
  static async connect(context: TestContext, port: number): Promise<RawHttp2Client> {
    const socket = connect({ port, host: '127.0.0.1' });
    const client = new RawHttp2Client(socket);
    context.onTestFinished(async () => {
      socket.destroy();
      await client.closed;
    });
    await once(socket, 'connect');
    return client;
  }

  /** The client's preface with empty SETTINGS. */
  sendPreface(): void {
    this.socket.write(PREFACE);
    this.sendFrame(FrameType.SETTINGS, 0, 0, Buffer.alloc(0));
  }

  sendFrame(type: number, flags: number, streamId: number, payload: Buffer): void {
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUIntBE(payload.length, 0, 3);
    header.writeUInt8(type, 3);
    header.writeUInt8(flags, 4);
    header.writeUInt32BE(streamId, 5);
    this.socket.write(Buffer.concat([header, payload]));
  }

  /** Opens a gRPC call and leaves it open: HEADERS without END_STREAM, in HPACK without Huffman (RFC 7541). */
  sendHeaders(streamId: number, path: string, more: Readonly<Record<string, string>> = {}): void {
    const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
    const block = Buffer.concat([
      // :method POST and :scheme http are in the static table; so are the names :authority, :path, content-type.
      Buffer.from([0x83, 0x86, 0x01]),
      text('localhost'),
      Buffer.from([0x04]),
      text(path),
      Buffer.from([0x0f, 0x10]),
      text('application/grpc'),
      ...Object.entries(more).flatMap(([name, value]) => [Buffer.from([0x00]), text(name), text(value)]),
    ]);
    const END_HEADERS = 0x4;
    this.sendFrame(FrameType.HEADERS, END_HEADERS, streamId, block);
  }

  sendPing(content: number): void {
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(content, 4);
    this.sendFrame(FrameType.PING, 0, 0, payload);
  }

  /** Pings and waits for the answer: by then the server has read everything sent before. */
  async roundTrip(content: number): Promise<void> {
    this.sendPing(content);
    await this.frame(
      (frame) =>
        frame.type === FrameType.PING && frame.flags === ACK && frame.payload.readUInt32BE(4) === content,
    );
  }

  /** The first frame, past or coming, that fits; rejects when the connection closes without one. */
  async frame(fits: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const found = this.frames.find(fits);
      if (found !== undefined) return found;
      if (this.socket.destroyed) throw new Error('the connection closed without that frame');
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }

  async frameOf(type: number): Promise<Frame> {
    return this.frame((frame) => frame.type === type);
  }

  #parse(): void {
    while (this.#received.length >= HEADER_BYTES) {
      const length = this.#received.readUIntBE(0, 3);
      if (this.#received.length < HEADER_BYTES + length) break;
      this.frames.push({
        type: this.#received.readUInt8(3),
        flags: this.#received.readUInt8(4),
        streamId: this.#received.readUInt32BE(5),
        payload: Buffer.from(this.#received.subarray(HEADER_BYTES, HEADER_BYTES + length)),
      });
      this.#received = this.#received.subarray(HEADER_BYTES + length);
    }
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
