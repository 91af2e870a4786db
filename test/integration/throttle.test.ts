/** The throttle before each send, as a client and an operator see it. */
import { describe, expect, it } from 'vitest';
import { SystemClock, type Timer } from '../../src/core/clock.js';
import { startGateway } from '../helpers/gateway.js';
import { StreamClient } from '../helpers/stream-client.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';

const FLOW_CONTROL_DELAY_MS = 20;

/** Counts what the gateway asks of time. */
class CountingClock extends SystemClock {
  readonly timers: number[] = [];
  immediates = 0;

  override setTimeout(callback: () => void, delayMs: number): Timer {
    this.timers.push(delayMs);
    return super.setTimeout(callback, delayMs);
  }

  override readonly setImmediate = (callback: () => void): void => {
    this.immediates += 1;
    globalThis.setImmediate(callback);
  };
}

describe.each(STREAM_HANDLERS)('throttle through the %s handler', (streamHandler) => {
  it.each<readonly [string, Readonly<Record<string, number | string>>]>([
    // A second's worth goes at once, the rest at the rate: another second.
    ['messages', { 'stream.throttle.messagesPerSecond': 100 }],
    ['bytes', { 'stream.throttle.bytesPerSecond': '10000B' }],
  ])('of %s: all arrives, in order; the waiting is counted and takes few timers', async (_, rate) => {
    const clock = new CountingClock();
    await using server = await startGateway(
      {
        'server.streamHandler': streamHandler,
        'stream.flowControlDelay': `${FLOW_CONTROL_DELAY_MS}ms`,
        ...rate,
      },
      {},
      clock,
    );
    using client = new StreamClient(server.address, { metadata: { 'x-route': 'conformance' } });
    const count = 200;
    const startedAt = clock.now();
    // About 100 bytes each, with their number; all there at once, however busy the machine is.
    client.sendData('s', '', { metadata: { produce: String(count), size: '96' } });
    await client.untilData(count);
    // The burst is out at once at the soonest; a slow machine only makes it later.
    expect(clock.now() - startedAt).toBeGreaterThan(900);

    const numbers = client.data.map((message) => Number(message.metadata['n']));
    expect(numbers).toEqual(Array.from({ length: count }, (_, n) => n + 1));
    const { metrics } = server.gateway;
    expect(metrics.down).toMatchObject({ admitted: count, delivered: count, dropped: 0 });
    expect(metrics.throttledTimes).toBeGreaterThan(0);
    expect(metrics.throttledMs).toBeGreaterThan(0);
    const waits = clock.timers.filter((delayMs) => delayMs <= FLOW_CONTROL_DELAY_MS);
    expect(waits.length).toBeGreaterThan(0);
    // No busy wait: a timer or two for each message that had to wait for its turn.
    expect(waits.length).toBeLessThan(2 * count);
    expect(clock.immediates).toBeLessThan(5 * count);
  });

  it('holds no control back, and no other connection', async () => {
    await using server = await startGateway({
      'server.streamHandler': streamHandler,
      'stream.throttle.messagesPerSecond': 1,
    });
    using throttled = new StreamClient(server.address);
    for (let n = 0; n < 10; n += 1) throttled.sendData('s', `${n}`);
    await throttled.untilData(1);
    using other = new StreamClient(server.address);
    other.sendData('s', 'hello');
    await other.untilData(1);
    throttled.send({ type: 'MESSAGE_TYPE_HEALTH_CHECK', sequence: 7, timestampMs: 1 });
    await throttled.until(() => throttled.received.some((message) => message.ack === 7));
    expect(throttled.data.length).toBeLessThan(10);
    // A client that leaves takes what waits for the throttle with it.
    throttled.close();
    await expect.poll(() => server.gateway.connections).toBe(1);
    expect(server.gateway.metrics.down.droppedBy['connection-closed']).toBeGreaterThan(0);
  });
});
