/** How a stream is read past the queue of a Readable: frames by hand, for each read is to bring certain ones. */
import { createServer as createHttp2Server, type Http2Session, type ServerHttp2Stream } from 'node:http2';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import type { Server } from '@grpc/grpc-js';
import { describe, expect, it, type TestContext } from 'vitest';
import { SystemClock } from '../../../src/core/clock.js';
import { attachDirectHandler } from '../../../src/transport/grpc/direct-handler.js';
import { encodeMessage, messageSize } from '../../../src/wire/codec.js';
import { dataMessage } from '../../../src/wire/messages.js';
import { ACK, FrameType, RawHttp2Client } from '../../helpers/raw-http2.js';
import { frame } from '../../helpers/raw-http2-call.js';
import { RecordingAcceptor, type RecordingReceiver } from '../../helpers/recording-receiver.js';

const WINDOW_BYTES = 65_535;
const CANCEL = Buffer.from([0, 0, 0, 8]);

interface World {
  readonly client: RawHttp2Client;
  readonly receiver: RecordingReceiver;
  /** As the server has it. */
  readonly http2Stream: ServerHttp2Stream;
  /** A DATA frame for each message, all in one read of the server, which has read them when it resolves. */
  send(messages: readonly Buffer[], behind?: () => void): Promise<void>;
  /** What was handed over: the numbers of the messages. */
  readonly numbers: readonly number[];
}

/** The message of a number, of about so many bytes. */
function numbered(number: number, bytes = 4): Buffer {
  const data = new Uint8Array(bytes);
  new DataView(data.buffer).setUint32(0, number);
  const message = dataMessage({ sessionId: 's', data });
  const body = new Uint8Array(messageSize(message));
  encodeMessage(message, body, 0);
  return Buffer.from(body);
}

async function world(
  context: TestContext,
  room: number,
  { windowBytes = WINDOW_BYTES, headers = {}, first = [] as readonly Buffer[], isPreRead = false } = {},
): Promise<World> {
  const acceptor = new RecordingAcceptor();
  acceptor.room = room;
  const http2 = createHttp2Server({ settings: { initialWindowSize: windowBytes } });
  http2.on('stream', () => undefined);
  const sessions = new Set<Http2Session>();
  http2.on('session', (session) => {
    session.setLocalWindowSize(4 * 1024 * 1024);
    sessions.add(session);
  });
  const attached = attachDirectHandler({ http2Servers: new Map([[http2, {}]]) } as unknown as Server, {
    accept: acceptor.accept,
    clock: new SystemClock(),
    maxMessageBytes: 1 << 20,
  });
  if ('unsupported' in attached) throw new Error(attached.unsupported);
  const streams: ServerHttp2Stream[] = [];
  http2.prependListener('stream', (stream) => streams.push(stream));
  const listener = createServer({ noDelay: true }, (socket) => {
    if (!isPreRead) {
      http2.emit('connection', socket);
      return;
    }
    socket.once('data', (chunk) => {
      socket.pause();
      socket.unshift(chunk);
      http2.emit('connection', socket);
    });
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  context.onTestFinished(() => {
    for (const session of sessions) session.destroy();
    listener.close();
  });

  const client = await RawHttp2Client.connect(context, (listener.address() as AddressInfo).port);
  client.socket.setNoDelay(true);
  let pings = 0;
  const sendFrames = (messages: readonly Buffer[]): void => {
    for (const message of messages) client.sendFrame(FrameType.DATA, 0, 1, message);
  };
  client.socket.cork();
  client.sendPreface();
  client.sendHeaders(1, '/sluice.v1.StreamService/StreamData', headers);
  sendFrames(first);
  client.socket.uncork();
  const receiver = await acceptor.receiver();
  // The window holds once its SETTINGS are acknowledged.
  await client.frameOf(FrameType.SETTINGS);
  client.sendFrame(FrameType.SETTINGS, ACK, 0, Buffer.alloc(0));
  await client.roundTrip((pings += 1));
  const [http2Stream] = streams;
  if (http2Stream === undefined) throw new Error('no stream came');
  return {
    client,
    receiver,
    http2Stream,
    async send(messages, behind) {
      client.socket.cork();
      sendFrames(messages);
      behind?.();
      client.socket.uncork();
      await client.roundTrip((pings += 1));
    },
    get numbers() {
      expect(acceptor.violations).toEqual([]);
      return receiver.messages.map(({ data }) => new DataView(data.buffer, data.byteOffset).getUint32(0));
    },
  };
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, n) => n + 1);

/** More than the window, a message at a time, each read before the next. */
async function goesOn(under: World, from: number): Promise<number> {
  const last = from + 200;
  for (let n = from; n <= last; n += 1) {
    await under.send([frame(numbered(n, 1_000))]);
    await under.receiver.until(() => under.receiver.messages.length >= n);
  }
  return last;
}

describe('a stream of the direct handler', () => {
  it('goes on when room was made after the end of a turn left none', async (context) => {
    const under = await world(context, 2);
    await under.send([frame(numbered(1)), frame(numbered(2))]);
    await under.receiver.until(() => under.receiver.room === 0);
    under.receiver.makeRoom(1_000);
    const last = await goesOn(under, 3);
    expect(under.numbers).toEqual(upTo(last));
  });

  it('goes on when it stood still for what was being inflated', async (context) => {
    const under = await world(context, 1_000, { headers: { 'grpc-encoding': 'gzip' } });
    // Not made smaller: the window is to be filled.
    const zipped = (number: number): Buffer => gzipSync(numbered(number, 1_000), { level: 0 });
    for (let n = 1; n < 200; n += 2) {
      await under.send([frame(zipped(n), 1), frame(zipped(n + 1), 1)]);
      await under.receiver.until(() => under.receiver.messages.length > n);
    }
    expect(under.numbers).toEqual(upTo(200));
  });

  it('takes what is more than a turn takes, and goes on', async (context) => {
    const under = await world(context, 1_000_000, { windowBytes: 1024 * 1024 });
    const burst = upTo(60).map((n) => frame(numbered(n, 12_000)));
    await under.send(burst);
    await under.receiver.until(() => under.receiver.messages.length === 60);
    await under.send(upTo(60).map((n) => frame(numbered(60 + n, 12_000))));
    await under.receiver.until(() => under.receiver.messages.length === 120);
    expect(under.numbers).toEqual(upTo(120));
  });

  it('asks for no more than 256 KiB a turn, and for more when it has taken that in', async (context) => {
    const { http2Stream, receiver } = await world(context, 1_000_000);
    let reads = 0;
    const read = http2Stream._read.bind(http2Stream);
    http2Stream._read = (size) => {
      reads += 1;
      read(size);
    };
    const chunk = frame(numbered(1, 16 * 1024));
    const wantsMore = upTo(20).map(() => http2Stream.push(chunk));
    expect(wantsMore.indexOf(false)).toBeGreaterThan(14);
    expect(wantsMore.indexOf(false)).toBeLessThan(18);
    expect([wantsMore.lastIndexOf(true) < wantsMore.indexOf(false), reads]).toEqual([true, 0]);
    await receiver.until(() => receiver.messages.length === 20);
    expect([reads, http2Stream.push(chunk)]).toEqual([1, true]);
    await receiver.until(() => receiver.messages.length === 21);
  });

  it('brings nothing to who has had no room until he says that he has', async (context) => {
    const under = await world(context, 1);
    await under.send([frame(numbered(1))]);
    await under.receiver.until(() => under.receiver.room === 0);
    under.receiver.room = 10;
    await under.send([frame(numbered(2))]);
    await under.send([frame(numbered(3)), frame(numbered(4))]);
    await under.send([frame(numbered(5))]);
    expect(under.numbers).toEqual([1]);
    under.receiver.stream.resume();
    expect(under.numbers).toEqual(upTo(5));
  });

  it('keeps the order where something came before it was there', async (context) => {
    const under = await world(context, 0, {
      isPreRead: true,
      first: [frame(numbered(1)), frame(numbered(2))],
    });
    await under.send([frame(numbered(3))]);
    under.receiver.makeRoom(1);
    await under.send([frame(numbered(4))]);
    under.receiver.makeRoom(10);
    await under.receiver.until(() => under.receiver.messages.length === 4);
    expect(under.numbers).toEqual(upTo(4));
  });

  it('hands over what came in one read with its reset', async (context) => {
    const under = await world(context, 100);
    await under.send(
      upTo(3).map((n) => frame(numbered(n))),
      () => {
        under.client.sendFrame(FrameType.RST_STREAM, 0, 1, CANCEL);
      },
    );
    expect(await under.receiver.closed()).toBe('cancelled');
    expect(under.numbers).toEqual(upTo(3));
  });

  it('hands over what came before the connection was lost', async (context) => {
    const under = await world(context, 100);
    under.client.socket.cork();
    for (const n of upTo(3)) under.client.sendFrame(FrameType.DATA, 0, 1, frame(numbered(n)));
    under.client.socket.end();
    expect(await under.receiver.closed()).not.toBe('ended');
    expect(under.numbers).toEqual(upTo(3));
  });
});
