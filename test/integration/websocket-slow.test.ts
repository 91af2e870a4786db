import { expect, it } from 'vitest';
import { dataMessage } from '../../src/wire/messages.js';
import { startGateway } from '../helpers/gateway.js';
import { WebSocketCall } from '../helpers/websocket-client.js';

const MESSAGE_BYTES = 256 * 1024;

it.each(['sluice.v1.proto', 'sluice.v1.json'] as const)(
  '%s: a client that reads nothing is held within bounds, ended, and reads why when it reads again',
  async (subprotocol) => {
    await using under = await startGateway({ 'edge.enabled': true, 'stream.sendTimeout': '500ms' });
    const call = new WebSocketCall(new URL(under.edge).host, { subprotocol });
    const data = Buffer.alloc(MESSAGE_BYTES, 'x');
    let echoed = 0;
    await new Promise<void>((resolve) => {
      call.onMessage = (message) => {
        if (message.data.length > 0) echoed += 1;
        resolve();
      };
      call.send([dataMessage({ sessionId: 's', data: Buffer.from('first') })]);
    });
    call.stopReading();
    // More than all buffers between here and there take.
    for (let sent = 0; sent < 64; sent += 1) call.send([dataMessage({ sessionId: 's', data })]);
    await expect.poll(() => under.gateway.metrics.slowConsumers, { timeout: 10_000 }).toBe(1);
    call.startReading();
    const end = await call.ended;
    expect(end).toMatchObject({ closeCode: 4008, reason: 'SLOW_CONSUMER' });
    expect(end.message).toContain('stream.sendTimeout = 500 ms');
    expect(echoed).toBeLessThan(64);
    await expect.poll(() => under.gateway.metrics.connectionsEnded.get('SLOW_CONSUMER')).toBe(1);
  },
);
