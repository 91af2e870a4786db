/** A peer that pings while much is sent to it, over TLS, where no write is out at once: a pong is then behind what is being sent. */
import { expect, it, onTestFinished } from 'vitest';
import { dataMessage } from '../../src/wire/messages.js';
import { TestAuthority } from '../helpers/certificates.js';
import { frame, Opcode, RawWebSocket } from '../helpers/raw-websocket.js';
import { RecordingAcceptor, type RecordingReceiver } from '../helpers/recording-receiver.js';
import { serveWebSockets } from '../helpers/websocket-server.js';

const { BINARY, CONTINUATION, PING, PONG } = Opcode;
const LARGE = dataMessage({ sessionId: 's', data: Buffer.alloc(1024 * 1024, 'x') });

/** Keys take their time: made once. */
const authority = await TestAuthority.create('Servers');
const pair = await authority.issue({ name: 'server' });

async function meet(): Promise<{ readonly client: RawWebSocket; readonly receiver: RecordingReceiver }> {
  const acceptor = new RecordingAcceptor();
  const served = await serveWebSockets(acceptor.accept, {}, pair);
  onTestFinished(() => served.close());
  const client = new RawWebSocket(served.address, { subprotocol: 'sluice.v1.proto', ca: authority.cert });
  onTestFinished(() => {
    client[Symbol.dispose]();
  });
  await client.opened();
  return { client, receiver: await acceptor.receiver() };
}

function count({ frames }: RawWebSocket, ...opcodes: readonly number[]): number {
  return frames.filter(({ opcode }) => opcodes.includes(opcode)).length;
}

/** Of messages in fragments. */
function wholes({ frames }: RawWebSocket): number {
  return frames.filter(({ fin, opcode }) => fin && opcode === CONTINUATION).length;
}

it('one that pings with every fragment it reads gets all of them, a pong for each, and the Close behind them', async () => {
  const { client, receiver } = await meet();
  let pings = 0;
  client.socket.on('data', () => {
    const fragments = count(client, BINARY, CONTINUATION);
    for (; pings < fragments; pings += 1) client.write(frame(PING, `${pings}`));
  });
  for (let sent = 1; sent <= 3; sent += 1) {
    receiver.stream.send([LARGE]);
    await client.until(() => wholes(client) === sent);
    await receiver.until(() => receiver.stream.bytesInFlight === 0);
  }
  await client.until(() => count(client, PONG) === pings);
  receiver.stream.send([LARGE]);
  receiver.stream.end();
  await client.until(() => client.close !== undefined);
  expect(client.close).toEqual({ code: 1000, reason: '' });
  expect(wholes(client)).toBe(4);
});

it('a ping and a request that come together: the answer goes, however long it is, and the pong is not counted', async () => {
  const { client, receiver } = await meet();
  let inFlight: number | undefined;
  receiver.onBatch = () => {
    inFlight = receiver.stream.bytesInFlight;
    receiver.stream.send([LARGE]);
    receiver.stream.end();
  };
  // In one record: both have been read before anything is written.
  client.write(frame(PING, 'p'), frame(BINARY, Buffer.from([0x12, 1, 0x73])));
  await client.until(() => client.close !== undefined);
  expect(client.close).toEqual({ code: 1000, reason: '' });
  expect([count(client, PONG), wholes(client)]).toEqual([1, 1]);
  expect(inFlight).toBe(0);
});
