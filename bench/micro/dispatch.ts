/**
 * Nanoseconds a message costs a whole gateway without a network: receive loop,
 * session, route, send queue, send loop. In a session of a simple connection and
 * in an opened one (sequences, acks, windows, what is kept to be sent again). By
 * a transport that does nothing, so that the gateway is all there is; and by
 * that of memory, where both sides encode and decode as on the wire.
 *
 *   npx tsx bench/micro/dispatch.ts
 */
import { Bench } from 'tinybench';
import { memoryGateway } from '../../src/testing/memory-gateway.js';
import type { StreamMethod } from '../../src/transport/contract.js';
import { memoryDial } from '../../src/transport/memory/memory-connector.js';
import { controlMessage, type DataMessage, dataMessage, MessageType } from '../../src/wire/messages.js';
import { benchRoutes } from '../peers/routes.js';
import { firstOpen } from '../load/first-open.js';
import { printNanoseconds } from './nanoseconds.js';
import { QuietStream } from './quiet-stream.js';
import { TurnClock } from './turn-clock.js';

/** Messages inside one measured call, and how many of them come together. */
const MESSAGES = 4096;
const PER_TURN = 16;
const SESSION = 'session-0042';
const SUBSCRIBERS = 128;

const clock = new TurnClock();
const { gateway } = memoryGateway({ clock, routes: benchRoutes(), defaultRoute: 'echo' });
const dial = memoryDial(gateway.accept, { clock })('memory');
let clients = 0;

/** One client's connection, as the client sees it. */
interface Line {
  send(messages: readonly DataMessage[]): void;
  /** Messages of data that have come. */
  received: number;
}

function countData(messages: readonly DataMessage[]): number {
  let count = 0;
  for (const { type } of messages) if (type === MessageType.DATA) count += 1;
  return count;
}

function metadata(route: string): Readonly<Record<string, string>> {
  clients += 1;
  return { 'x-client-id': `client-${clients}`, 'x-route': route };
}

function bareLine(route: string): Line {
  const receiver = gateway.accept(
    new QuietStream(metadata(route), (messages) => {
      line.received += countData(messages);
    }),
  );
  const line = lineOf((messages) => {
    receiver.onMessages(messages);
  });
  return line;
}

/** Each send has a turn of its own. */
function lineOf(send: Line['send']): Line {
  return {
    received: 0,
    send(messages) {
      send(messages);
      clock.runImmediates();
    },
  };
}

function memoryLine(method: StreamMethod): Line {
  const stream = dial.stream(method, metadata('echo'), {
    onMessages(messages) {
      line.received += countData(messages);
    },
    onWritable: () => undefined,
    // Too early, the count tells.
    onEnd: () => undefined,
  });
  const line = lineOf((messages) => {
    stream.send(messages);
  });
  return line;
}

/** With an opened session. */
function opened(line: Line): Line {
  const open = controlMessage(firstOpen(), SESSION);
  line.send([open]);
  return line;
}

/** A measured call: each message comes back. */
function echo(line: Line, bytes: number, isOpened: boolean): () => void {
  const chunk = Buffer.alloc(PER_TURN * bytes, 0x5a);
  let sent = 0;
  return () => {
    for (let turn = 0; turn < MESSAGES; turn += PER_TURN) {
      const messages: DataMessage[] = [];
      for (let i = 0; i < PER_TURN; i += 1) {
        sent += 1;
        messages.push(
          dataMessage({
            sessionId: SESSION,
            sequence: isOpened ? sent : 0,
            ack: isOpened ? line.received : 0,
            // Parts of one chunk, as they come from a network.
            data: chunk.subarray(i * bytes, (i + 1) * bytes),
          }),
        );
      }
      line.send(messages);
    }
    if (line.received !== sent) throw new Error(`${line.received} of ${sent} came back`);
  };
}

/** A measured call: so many publications that there are MESSAGES deliveries. */
function fanOut(): () => void {
  const hello = dataMessage({ sessionId: SESSION });
  const subscribers = Array.from({ length: SUBSCRIBERS }, () => bareLine('fanout-out'));
  for (const subscriber of subscribers) subscriber.send([hello]);
  const publisher = bareLine('fanout-in');
  const message = dataMessage({ sessionId: SESSION, data: Buffer.alloc(256, 0x5a) });
  let published = 0;
  return () => {
    for (let delivered = 0; delivered < MESSAGES; delivered += SUBSCRIBERS) {
      published += 1;
      publisher.send([message]);
    }
    for (const { received } of subscribers) {
      if (received !== published) throw new Error(`${received} of ${published} came`);
    }
  };
}

const bench = new Bench({ time: 500, warmupTime: 250 });
for (const bytes of [16, 256, 4096]) {
  bench
    .add(`echo, ${bytes} B, simple`, echo(bareLine('echo'), bytes, false))
    .add(`echo, ${bytes} B, opened`, echo(opened(bareLine('echo')), bytes, true));
}
bench.add(`fan-out to ${SUBSCRIBERS}, 256 B, each delivery`, fanOut());
for (const method of ['StreamData', 'StreamBatches'] as const) {
  bench
    .add(`echo, 256 B, simple, encoded (${method})`, echo(memoryLine(method), 256, false))
    .add(`echo, 256 B, opened, encoded (${method})`, echo(opened(memoryLine(method)), 256, true));
}
await printNanoseconds(bench, MESSAGES);
const gone = gateway.destroy();
clock.runImmediates();
await gone;
