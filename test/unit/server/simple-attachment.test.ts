import { describe, expect, it } from 'vitest';
import { FlowCounters } from '../../../src/core/counters.js';
import { SimpleAttachment, type SimpleAttachmentHost } from '../../../src/server/simple-attachment.js';
import type { SimpleSession } from '../../../src/session/simple-session.js';
import { dataMessage, type DataMessage } from '../../../src/wire/messages.js';
import { fakeConnection } from '../../helpers/fake-stream.js';

function setUp(sendingIsHeld: boolean) {
  const { connection, totalDown } = fakeConnection();
  const host: SimpleAttachmentHost = {
    connection,
    maxMessageBytes: 1_000,
    sendingIsHeld,
    now: () => 0,
    stampMs: () => 0,
    wake: () => undefined,
    handled: () => undefined,
    sendWaits: () => undefined,
    observeProcessing: () => undefined,
    refuse: () => undefined,
    fail: () => undefined,
  };
  const owner = { detach: () => undefined, routeFailed: () => undefined };
  const attachment = new SimpleAttachment('s', host, owner, totalDown);
  const session = { down: new FlowCounters() } as unknown as SimpleSession;
  return { attachment, session, connection };
}

/** What the send loop would write. */
function taken({ connection }: ReturnType<typeof setUp>): DataMessage | undefined {
  const batch: DataMessage[] = [];
  connection.sendQueue.resumeAll();
  connection.sendQueue.takeData(batch, 1, Infinity);
  return batch[0];
}

describe('SimpleAttachment', () => {
  const view = (): Uint8Array => new Uint8Array(64 * 1024).subarray(0, 10);

  it('sends a view of what arrived as it is when it goes out this turn', () => {
    const world = setUp(false);
    void world.attachment.send(world.session, dataMessage({ data: view() }));
    expect(taken(world)?.data.buffer.byteLength).toBe(64 * 1024);
  });

  it('copies a view that has to wait, so that it does not keep its chunk', () => {
    const world = setUp(true);
    void world.attachment.send(world.session, dataMessage({ data: view() }));
    expect(taken(world)?.data.buffer.byteLength).toBe(10);
  });

  it('refuses what is larger than the gateway sends, naming the limit', () => {
    const { attachment, session } = setUp(false);
    const send = (): unknown => attachment.send(session, dataMessage({ data: new Uint8Array(1_001) }));
    expect(send).toThrow(/server\.maxMessageSize = 1000 bytes/);
  });
});
