/**
 * What the network costs a client: the SDK's own channel (node:http2) beside
 * grpc-js's client, each with the same codec, against an echo of bytes in
 * another process. CPU time of this process a message, 256 bytes, in pairs, round
 * after round; and the memory that an idle stream takes (docs/adr/0002).
 *
 *   node --expose-gc --import tsx bench/micro/client-channel.ts [--rounds n] [--streams n]
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Client, type ClientDuplexStream, credentials } from '@grpc/grpc-js';
import { SystemClock } from '../../src/core/clock.js';
import { encodeBodies, BodyReader } from '../../src/transport/bodies.js';
import { REQUEST_FRAMING, RESPONSE_FRAMING } from '../../src/transport/framing.js';
import type { StreamMethod } from '../../src/transport/contract.js';
import { grpcDial } from '../../src/transport/grpc/channel.js';
import { controlMessage, type DataMessage, dataMessage } from '../../src/wire/messages.js';

/** One stream to the echo: what it takes, it sends; what comes is told in messages. */
interface Line {
  send(messages: readonly DataMessage[]): void;
  close(): void;
}
type Open = (method: StreamMethod, received: (messages: number) => void) => Line;
interface Side {
  readonly open: Open;
  end(): void;
}

const MAX_BYTES = 5 << 20;
const DATA = Buffer.alloc(256, 0x5a);
const MESSAGE = dataMessage({ sessionId: 'session-0042', sequence: 7, data: DATA });
/** Tells the SDK's channel how large a batch may be. */
const WELCOME = controlMessage({
  action: 'welcome',
  ...{ connectionId: 'c', clientId: 'ann', nodeId: 'n', heartbeatIntervalMs: 0, maxMessageBytes: MAX_BYTES },
  ...{ maxSessions: 128, resumeWindowMs: 0, protocolVersion: 1 },
});
/** Frames under way at once. */
const OUTSTANDING = 16;

const sides: Record<string, (address: string) => Side> = {
  sdk(address) {
    const connector = grpcDial({ clock: new SystemClock(), streamsPerConnection: 10_000 })(address);
    return {
      open(method, received) {
        const stream = connector.stream(
          method,
          {},
          {
            onMessages: ({ length }) => {
              received(length);
            },
            onWritable: () => undefined,
            onEnd: () => undefined,
          },
        );
        return {
          send: (messages) => void stream.send(messages),
          close: () => {
            stream.cancel();
          },
        };
      },
      end: () => {
        connector.close();
      },
    };
  },
  grpcjs(address) {
    const client = new Client(address, credentials.createInsecure());
    return {
      open(method, received) {
        const reader = new BodyReader(RESPONSE_FRAMING[method]);
        const batch: DataMessage[] = [];
        const call: ClientDuplexStream<readonly DataMessage[], number> = client.makeBidiStreamRequest(
          `/sluice.v1.StreamService/${method}`,
          (messages: readonly DataMessage[]) =>
            encodeBodies(REQUEST_FRAMING[method], messages, MAX_BYTES)[0] as Buffer,
          (body) => {
            reader.push(body);
            reader.fill(batch, 1_024);
            const { length } = batch;
            batch.length = 0;
            return length;
          },
        );
        call.on('data', received);
        call.on('error', () => undefined);
        return {
          send: (messages) => {
            if (method === 'StreamBatches') call.write(messages);
            else for (const message of messages) call.write([message]);
          },
          close: () => {
            call.cancel();
          },
        };
      },
      end: () => {
        client.close();
      },
    };
  },
};

/** Microseconds of CPU a message. */
async function load(side: Side, method: StreamMethod, batch: number, messages: number): Promise<number> {
  const frame = new Array<DataMessage>(batch).fill(MESSAGE);
  let left = messages;
  let done = (): void => undefined;
  const finished = new Promise<void>((resolve) => {
    done = resolve;
  });
  let began = (): void => undefined;
  const begun = new Promise<void>((resolve) => {
    began = resolve;
  });
  let warm = false;
  let owed = 0;
  const line = side.open(method, (count) => {
    if (!warm) {
      warm = true;
      began();
      return;
    }
    left -= count;
    owed += count;
    for (; owed >= batch && left > 0; owed -= batch) line.send(frame);
    if (left <= 0) done();
  });
  line.send([WELCOME]);
  await begun;
  const before = process.cpuUsage();
  for (let i = 0; i < OUTSTANDING; i += 1) line.send(frame);
  await finished;
  const { user, system } = process.cpuUsage(before);
  line.close();
  return (user + system) / messages;
}

/** Bytes that an idle stream takes. */
async function idle(side: Side, streams: number): Promise<{ rss: number; heap: number }> {
  const open = async (): Promise<Line> => {
    let answered = (): void => undefined;
    const answer = new Promise<void>((resolve) => {
      answered = resolve;
    });
    const line = side.open('StreamBatches', answered);
    line.send([WELCOME]);
    await answer;
    return line;
  };
  const lines = [await open()];
  const before = memory();
  while (lines.length <= streams) lines.push(...(await Promise.all(Array.from({ length: 50 }, open))));
  const after = memory();
  for (const line of lines) line.close();
  return {
    rss: (after.rss - before.rss) / (lines.length - 1),
    heap: (after.heap - before.heap) / (lines.length - 1),
  };
}

function memory(): { rss: number; heap: number } {
  for (let i = 0; i < 3; i += 1) globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heap: heapUsed + external };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    streams: { type: 'string', default: '1000' },
    /** Internal: what a child measures. */
    idle: { type: 'string' },
    address: { type: 'string' },
  },
});

if (values.idle !== undefined && values.address !== undefined) {
  const side = (sides[values.idle] as (address: string) => Side)(values.address);
  const { rss, heap } = await idle(side, Number(values.streams));
  side.end();
  console.log(`${(rss / 1024).toFixed(1)} KiB resident, ${(heap / 1024).toFixed(1)} KiB heap`);
  process.exit();
}

const peer = spawn(process.execPath, [
  ...['--import', 'tsx'],
  fileURLToPath(new URL('../peers/http2-echo.ts', import.meta.url)),
]);
const [ready] = (await once(createInterface(peer.stdout), 'line')) as [string];
const address = (JSON.parse(ready) as { grpc: [string] }).grpc[0];

const loads = [
  ['StreamData, a message a frame', 'StreamData', 1, 100_000],
  ['StreamBatches, 8 a frame', 'StreamBatches', 8, 400_000],
  ['StreamBatches, 64 a frame', 'StreamBatches', 64, 1_000_000],
] as const;
for (const [name, method, batch, messages] of loads) {
  const taken: Record<string, number[]> = { sdk: [], grpcjs: [] };
  for (let round = 0; round <= Number(values.rounds); round += 1) {
    // Who goes first changes, and the first round warms up.
    const order = Object.keys(taken);
    if (round % 2 === 1) order.reverse();
    for (const which of order) {
      const side = (sides[which] as (address: string) => Side)(address);
      const us = await load(side, method, batch, round === 0 ? messages / 5 : messages);
      side.end();
      if (round > 0) taken[which]?.push(us);
    }
  }
  const { sdk = [], grpcjs = [] } = taken;
  const ratios = grpcjs.map((us, i) => us / (sdk[i] as number)).sort((a, b) => a - b);
  console.log(
    `${name}: node:http2 ${median(sdk).toFixed(2)} µs, grpc-js ${median(grpcjs).toFixed(2)} µs CPU a message;` +
      ` ratio ${median(ratios).toFixed(2)} (${ratios[0]?.toFixed(2)} to ${ratios.at(-1)?.toFixed(2)})`,
  );
}
for (const which of Object.keys(sides)) {
  const child = [...['--expose-gc', '--import', 'tsx'], fileURLToPath(import.meta.url)];
  const options = ['--idle', which, '--address', address, '--streams', values.streams];
  const said = execFileSync(process.execPath, [...child, ...options], { encoding: 'utf8' });
  console.log(`an idle stream of ${values.streams}, ${which}: ${said.trim()}`);
}
peer.kill();
