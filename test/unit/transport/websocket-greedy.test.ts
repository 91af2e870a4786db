/** WebSockets of peers that send more than is good for all others. */
import { expect, it, onTestFinished } from 'vitest';
import { SluiceError } from '../../../src/core/errors.js';
import { frame, Opcode, RawWebSocket } from '../../helpers/raw-websocket.js';
import { RecordingReceiver } from '../../helpers/recording-receiver.js';
import { serveWebSockets } from '../../helpers/websocket-server.js';

const MESSAGE_BYTES = 4 * 1024 * 1024;
const UNFINISHED = frame(Opcode.TEXT, Buffer.alloc(MESSAGE_BYTES, ' '), { fin: false });

it('reads a little of each in a turn, however much has come', async () => {
  let held = 0;
  const served = await serveWebSockets((stream) => new RecordingReceiver(stream), {
    account: { add: (bytes) => (held += bytes) },
  });
  onTestFinished(() => served.close());
  using client = await new RawWebSocket(served.address).opened();
  client.write(UNFINISHED);
  let before = 0;
  let most = 0;
  while (held < MESSAGE_BYTES) {
    await new Promise(setImmediate);
    most = Math.max(most, held - before);
    before = held;
  }
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(256 * 1024);
});

it('waits for no answer of one that is ended for what it holds, and takes no more of it', async () => {
  let receiver: RecordingReceiver | undefined;
  let held = 0;
  const served = await serveWebSockets((stream) => (receiver = new RecordingReceiver(stream)), {
    account: { add: (bytes) => (held += bytes) },
    closeTimeoutMs: 600_000,
  });
  onTestFinished(() => served.close());
  using client = await new RawWebSocket(served.address).opened();
  client.write(UNFINISHED.subarray(0, MESSAGE_BYTES / 2));
  while (held < MESSAGE_BYTES / 4) await new Promise(setImmediate);
  receiver?.stream.end(new SluiceError('OVERLOADED', 'too much was held for it'));
  client.write(UNFINISHED.subarray(MESSAGE_BYTES / 2));
  await client.until(() => client.close !== undefined);
  expect(client.close).toMatchObject({ code: 4029 });
  // It has not answered, and never will.
  while (served.server.size > 0) await new Promise(setImmediate);
  expect(held).toBe(0);
  expect(receiver?.close).toBe('ended');
});
