/** Fifty clients that flood and never read: what they cost, in bytes, and what the others notice: nothing. */
import { describe, expect, it } from 'vitest';
import type { Totals } from '../../src/metrics/totals.js';
import { Bystander } from '../helpers/bystander.js';
import { GatewayProcess } from '../helpers/gateway-process.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';
import { framedMessage, WireClient } from '../helpers/wire-client.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const CLIENTS = 50;
const MESSAGE_BYTES = 16 * KIB;
const OFFERED_BYTES = 8 * MIB;
const QUEUE_BYTES = 256 * KIB;
const SEND_BUFFER_BYTES = 64 * KIB;
/** HTTP/2 flow control: what a client may have on its way before it is read. */
const WINDOW_BYTES = 64 * KIB;

async function totalsOf(gateway: GatewayProcess): Promise<Totals> {
  return (await (await fetch(`http://${gateway.admin}/totals`)).json()) as Totals;
}

async function residentBytes(gateway: GatewayProcess): Promise<number> {
  const text = await (await fetch(`http://${gateway.admin}/metrics`)).text();
  return Number(/^\S*process_resident_memory_bytes(?:{[^}]*})? (\S+)$/m.exec(text)?.[1]);
}

describe.each(STREAM_HANDLERS)('clients that never read, through the %s handler', (streamHandler) => {
  it('cost their bounds and no more, are reset and counted, and slow nobody down', async () => {
    await using gateway = await GatewayProcess.ready([
      ...['--server.streamHandler', streamHandler, '--stream.sendTimeout', '5s'],
      ...['--stream.receiveQueueSize', '256KiB', '--stream.sendQueueSize', '256KiB'],
      ...['--stream.sendBufferSize', '64KiB'],
    ]);
    using bystander = new Bystander(gateway.address);
    await bystander.check(5_000);
    const before = await residentBytes(gateway);
    expect(before).toBeGreaterThan(10 * MIB);

    const clients = Array.from({ length: CLIENTS }, () => new WireClient(gateway.address));
    try {
      const message = framedMessage({ sessionId: 's', data: Buffer.alloc(MESSAGE_BYTES, 'x') });
      for (const client of clients) {
        const call = client.open();
        // The same memory each time: what is offered costs the test nothing.
        for (let bytes = 0; bytes < OFFERED_BYTES; bytes += MESSAGE_BYTES) call.write(message);
      }
      // All stand: both queues of each are full, as far as a whole message fits.
      const full = 0.9 * CLIENTS * QUEUE_BYTES;
      await expect
        .poll(
          async () => {
            const { receive, send } = (await totalsOf(gateway)).queues;
            return Math.min(receive.bytes, send.bytes);
          },
          { timeout: 20_000 },
        )
        .toBeGreaterThan(full);
      await bystander.check();
      const { queues, bytes } = await totalsOf(gateway);
      const growth = (await residentBytes(gateway)) - before;

      // One message may stand above each bound: it always fits an empty queue, and is taken when there is any room.
      expect(queues.receive.bytes).toBeLessThanOrEqual(CLIENTS * (QUEUE_BYTES + MESSAGE_BYTES));
      expect(queues.send.bytes).toBeLessThanOrEqual(CLIENTS * (QUEUE_BYTES + MESSAGE_BYTES));
      expect(queues.bytesInFlight).toBeLessThanOrEqual(CLIENTS * (SEND_BUFFER_BYTES + 2 * MESSAGE_BYTES));
      const bounds = CLIENTS * (2 * QUEUE_BYTES + SEND_BUFFER_BYTES + 2 * WINDOW_BYTES + 4 * MESSAGE_BYTES);
      expect(bytes.received).toBeLessThan(CLIENTS * OFFERED_BYTES * 0.2);
      // Twice the bounds (the collector is not idle, chunks are rounded up) and some for the code that now runs warm.
      expect(growth).toBeLessThan(2 * bounds + 40 * MIB);

      await expect
        .poll(async () => (await totalsOf(gateway)).errors.slowConsumers, { timeout: 20_000 })
        .toBe(CLIENTS);
      await bystander.check();
    } finally {
      for (const client of clients) client.session.destroy();
    }
    await expect.poll(async () => (await totalsOf(gateway)).connections.active).toBe(1);
    // The bystander stays, and a heartbeat to it may be on its way at any moment.
    await expect
      .poll(async () => (await totalsOf(gateway)).queues)
      .toMatchObject({
        receive: { messages: 0, bytes: 0 },
        send: { messages: 0, bytes: 0 },
        bytesInFlight: 0,
      });
    const after = await totalsOf(gateway);
    expect(after.connections.ended).toEqual({ SLOW_CONSUMER: CLIENTS });
    for (const flow of [after.flow.up, after.flow.down]) {
      expect(flow.pending).toBe(0);
      expect(flow.admitted).toBe(flow.delivered + flow.dropped);
    }
  });
});
