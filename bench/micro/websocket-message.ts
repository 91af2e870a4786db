/**
 * What a message costs over a WebSocket, in protobuf and in JSON, beside gRPC's
 * StreamData: CPU time of a whole gateway, an echo of 256 bytes, with 100 of
 * them under way on one stream there and back. The client, in this process,
 * writes frames that were made before. In turns, round after round.
 *
 *   node --import tsx bench/micro/websocket-message.ts [--rounds n] [--messages n]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadConfig } from '../../src/config/load.js';
import { Gateway } from '../../src/gateway.js';
import { encodeMessage, messageSize } from '../../src/wire/codec.js';
import { messageToJson } from '../../src/wire/json-codec.js';
import { dataMessage } from '../../src/wire/messages.js';

const UNDER_WAY = 100;
const MESSAGE = dataMessage({ sessionId: 's', data: Buffer.alloc(256, 0x5a) });
const KINDS = ['gRPC', 'WebSocket, protobuf', 'WebSocket, JSON'] as const;
type Kind = (typeof KINDS)[number];

const quiet = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

interface Addresses {
  readonly grpc: string;
  readonly edge: string;
}

/** The other process. */
async function serve(): Promise<void> {
  const { config } = loadConfig({ argv: ['--config', 'config/test.yaml', '--edge.enabled', 'true'] });
  const gateway = new Gateway({ config, logger: quiet });
  await gateway.start();
  process.on('message', () => process.send?.(process.cpuUsage()));
  process.on('disconnect', () => void gateway.destroy());
  process.send?.({ grpc: gateway.addresses[0]?.text, edge: gateway.edgeAddresses[0]?.text });
}

function encoded(): Buffer {
  const body = Buffer.alloc(messageSize(MESSAGE));
  encodeMessage(MESSAGE, body, 0);
  return body;
}

/** As every client has to mask it; one of zeros the library would not look at. */
const MASK = [0x37, 0xfa, 0x21, 0x3d];

function webSocketFrame(opcode: number, body: Buffer): Buffer {
  const head = Buffer.from([0x80 | opcode, 0x80 | 126, 0, 0, ...MASK]);
  head.writeUInt16BE(body.length, 2);
  return Buffer.concat([head, body.map((byte, index) => byte ^ (MASK[index % 4] ?? 0))]);
}

/** How many whole frames have come; what is behind them waits. */
function frameCounter(lengthAt: (bytes: Buffer) => number | undefined): (piece: Buffer) => number {
  let rest: Buffer = Buffer.alloc(0);
  return (piece) => {
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    let frames = 0;
    for (
      let length = lengthAt(rest);
      length !== undefined && length <= rest.length;
      length = lengthAt(rest)
    ) {
      rest = rest.subarray(length);
      // Welcome and heartbeats are short.
      if (length > 256) frames += 1;
    }
    return frames;
  };
}

const webSocketLength = (bytes: Buffer): number | undefined => {
  if (bytes.length < 4) return undefined;
  const short = (bytes[1] ?? 0) & 0x7f;
  return short < 126 ? 2 + short : 4 + bytes.readUInt16BE(2);
};
const grpcLength = (bytes: Buffer): number | undefined =>
  bytes.length < 5 ? undefined : 5 + bytes.readUInt32BE(1);

interface Link {
  write(bytes: Buffer): void;
  onData(read: (piece: Buffer) => void): void;
  close(): void;
}

function overGrpc(address: string): Link {
  const session = connectHttp2(`http://${address}`);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/sluice.v1.StreamService/StreamData',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  return {
    write: (bytes) => void stream.write(bytes),
    onData: (read) => void stream.on('data', read),
    close: () => {
      session.destroy();
    },
  };
}

async function overWebSocket(address: string, subprotocol: string): Promise<Link> {
  const [host = '', port] = address.split(':');
  const socket = connect({ host, port: Number(port), noDelay: true });
  socket.write(
    `GET /v1/stream HTTP/1.1\r\nHost: ${address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n` +
      `Sec-WebSocket-Protocol: ${subprotocol}\r\n\r\n`,
  );
  const [answer] = (await once(socket, 'data')) as [Buffer];
  const end = answer.indexOf('\r\n\r\n') + 4;
  if (end < answer.length) socket.unshift(answer.subarray(end));
  return {
    write: (bytes) => void socket.write(bytes),
    onData: (read) => void socket.on('data', read),
    close: () => {
      socket.destroy();
    },
  };
}

/** Microseconds of the gateway's CPU a message. */
async function measure(
  kind: Kind,
  child: ChildProcess,
  { grpc, edge }: Addresses,
  messages: number,
): Promise<number> {
  const json = kind === 'WebSocket, JSON';
  const link =
    kind === 'gRPC' ? overGrpc(grpc) : await overWebSocket(edge, json ? 'sluice.v1.json' : 'sluice.v1.proto');
  const body = json ? Buffer.from(messageToJson(MESSAGE)) : encoded();
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  const one = kind === 'gRPC' ? Buffer.concat([prefix, body]) : webSocketFrame(json ? 1 : 2, body);
  const many = Buffer.concat(Array.from({ length: UNDER_WAY }, () => one));
  const count = frameCounter(kind === 'gRPC' ? grpcLength : webSocketLength);
  const exchange = async (total: number): Promise<void> => {
    let sent = Math.min(UNDER_WAY, total);
    let came = 0;
    await new Promise<void>((resolve) => {
      onFrames = (frames) => {
        came += frames;
        const next = Math.min(frames, total - sent);
        sent += next;
        if (next > 0) link.write(many.subarray(0, next * one.length));
        if (came === total) resolve();
      };
      link.write(many.subarray(0, sent * one.length));
    });
  };
  let onFrames: (frames: number) => void = () => undefined;
  link.onData((piece) => {
    onFrames(count(piece));
  });
  await exchange(messages / 5);
  const before = await cpuOf(child);
  await exchange(messages);
  const after = await cpuOf(child);
  link.close();
  return (after - before) / messages;
}

async function cpuOf(child: ChildProcess): Promise<number> {
  child.send('cpu');
  const [usage] = (await once(child, 'message')) as [NodeJS.CpuUsage];
  return usage.user + usage.system;
}

async function run(): Promise<void> {
  const { values } = parseArgs({
    options: { rounds: { type: 'string', default: '5' }, messages: { type: 'string', default: '50000' } },
  });
  const child = fork(fileURLToPath(import.meta.url), ['serve']);
  const [addresses] = (await once(child, 'message')) as [Addresses];
  const figures = new Map<Kind, number[]>(KINDS.map((kind) => [kind, []]));
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const kind of KINDS) {
      figures.get(kind)?.push(await measure(kind, child, addresses, Number(values.messages)));
    }
  }
  for (const [kind, costs] of figures) {
    const sorted = costs.toSorted((a, b) => a - b);
    const middle = sorted[Math.floor(sorted.length / 2)] ?? NaN;
    console.log(`${middle.toFixed(2)} µs  (${sorted.map((cost) => cost.toFixed(2)).join(' ')})  ${kind}`);
  }
  child.disconnect();
}

if (process.argv[2] === 'serve') await serve();
else await run();
