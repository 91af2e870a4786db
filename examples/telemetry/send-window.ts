/**
 * What HTTP/2 flow control lets a client send, read off the frames of its network connection: Node.js does not tell the
 * window of a stream. RFC 9113, section 6.9: DATA takes from the windows of its stream and of the connection,
 * WINDOW_UPDATE gives, SETTINGS say where streams begin. For a connection that carries one stream.
 */
import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';

const PREFACE_BYTES = 24;
const HEADER_BYTES = 9;
const DATA = 0;
const SETTINGS = 4;
const WINDOW_UPDATE = 8;
const INITIAL_WINDOW_SIZE = 4;
const DEFAULT_WINDOW = 65_535;

interface Frame {
  readonly type: number;
  readonly stream: number;
  readonly length: number;
  /** Of control frames; of DATA nothing is kept. */
  readonly body: Buffer;
}

/** Both windows of a client, and who wants to know when they close and open. */
export class SendWindow {
  readonly #onChange: (isClosed: boolean) => void;
  #connection = DEFAULT_WINDOW;
  #stream = DEFAULT_WINDOW;
  #initial = DEFAULT_WINDOW;
  #isClosed = false;

  constructor(onChange: (isClosed: boolean) => void) {
    this.#onChange = onChange;
  }

  /** `socket`, with what passes through it noted. */
  around(socket: Socket): Duplex {
    const sent = new FrameReader(PREFACE_BYTES, (frame) => {
      this.#sent(frame);
    });
    const received = new FrameReader(0, (frame) => {
      this.#received(frame);
    });
    return tapped(
      socket,
      (chunk) => sent.read(chunk),
      (chunk) => received.read(chunk),
    );
  }

  #sent({ type, length }: Frame): void {
    if (type !== DATA) return;
    this.#connection -= length;
    this.#stream -= length;
    // Nobody sends more than there is room for: then it is the measure that is wrong.
    if (this.#connection < 0 || this.#stream < 0) throw new Error('frames were missed');
    this.#look();
  }

  #received({ type, stream, body }: Frame): void {
    if (type === WINDOW_UPDATE) {
      if (stream === 0) this.#connection += body.readUInt32BE(0);
      else this.#stream += body.readUInt32BE(0);
    } else if (type === SETTINGS) {
      for (let at = 0; at < body.length; at += 6) {
        if (body.readUInt16BE(at) !== INITIAL_WINDOW_SIZE) continue;
        this.#stream += body.readUInt32BE(at + 2) - this.#initial;
        this.#initial = body.readUInt32BE(at + 2);
      }
    }
    this.#look();
  }

  #look(): void {
    const isClosed = this.#connection <= 0 || this.#stream <= 0;
    if (isClosed === this.#isClosed) return;
    this.#isClosed = isClosed;
    this.#onChange(isClosed);
  }
}

/** Takes a stream of bytes apart into frames. */
class FrameReader {
  readonly #onFrame: (frame: Frame) => void;
  #skip: number;
  #held = Buffer.alloc(0);

  constructor(skipBytes: number, onFrame: (frame: Frame) => void) {
    this.#skip = skipBytes;
    this.#onFrame = onFrame;
  }

  read(chunk: Buffer): void {
    let at = Math.min(this.#skip, chunk.length);
    this.#skip -= at;
    if (at === chunk.length) return;
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk.subarray(at)]);
    if (bytes !== chunk) at = 0;
    while (bytes.length - at >= HEADER_BYTES) {
      const length = bytes.readUIntBE(at, 3);
      const type = bytes.readUInt8(at + 3);
      const keeps = type === SETTINGS || type === WINDOW_UPDATE;
      if (keeps && bytes.length - at < HEADER_BYTES + length) break;
      const end = at + HEADER_BYTES + length;
      const stream = bytes.readUInt32BE(at + 5) & 0x7fff_ffff;
      this.#onFrame({ type, stream, length, body: bytes.subarray(at + HEADER_BYTES, keeps ? end : at) });
      // The rest of a body that nobody looks at is passed over as it comes.
      this.#skip = Math.max(0, end - bytes.length);
      at = Math.min(end, bytes.length);
    }
    this.#held = Buffer.from(bytes.subarray(at));
  }
}

function tapped(socket: Socket, onWrite: (chunk: Buffer) => void, onRead: (chunk: Buffer) => void): Duplex {
  // As HTTP/2 over a bare socket has it: else each small write waits for the peer's acknowledgement.
  socket.setNoDelay();
  const tap = new Duplex({
    write(chunk: Buffer, _encoding, done) {
      onWrite(chunk);
      socket.write(chunk, done);
    },
    final(done) {
      socket.end(done);
    },
    read() {
      socket.resume();
    },
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (chunk: Buffer) => {
    onRead(chunk);
    if (!tap.push(chunk)) socket.pause();
  });
  socket.on('end', () => tap.push(null));
  socket.on('error', (error) => tap.destroy(error));
  socket.on('close', () => tap.destroy());
  return tap;
}
