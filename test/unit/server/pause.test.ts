import { describe, expect, it } from 'vitest';
import { conformanceRoute } from '../../../src/routes/conformance.js';
import { echoRoute } from '../../../src/routes/echo.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { controlMessage, dataMessage, MessageType } from '../../../src/wire/messages.js';
import { memoryServer, readingClient } from '../../helpers/memory-server.js';

const pause = (sessionId: string) => controlMessage({ action: 'pause', reason: '' }, sessionId);

describe('a client that pauses', () => {
  it('is not convicted when its probes, not its data, have stopped the reading', async () => {
    const world = memoryServer(echoRoute());
    const { client, received } = readingClient(world);
    client.send(pause(''));
    for (let n = 1; n <= 50; n += 1) {
      client.send(dataMessage({ type: MessageType.HEALTH_CHECK, sequence: n, timestampMs: n }));
    }
    await world.clock.settle();
    expect(world.metrics.readsStopped).toBeGreaterThan(0);
    expect(received.filter(({ type }) => type === MessageType.HEALTH_CHECK)).toHaveLength(50);
    expect(world.pool.size).toBe(1);
    client.cancel();
    await world.clock.settle();
  });

  it('one session, and fills its send queue only after the reading has stopped: SLOW_CONSUMER', async () => {
    const routeClock = new FakeClock();
    const world = memoryServer(conformanceRoute(routeClock), {
      receiveQueueMessages: 8,
      sendQueueMessages: 8,
    });
    const { client } = readingClient(world);
    client.send(dataMessage({ sessionId: 'a' }));
    await world.clock.settle();
    client.send(pause('a'));
    // Six wait for the client; then one that takes its time, and enough behind it to stop the reading.
    for (let n = 0; n < 6; n += 1) client.send(dataMessage({ sessionId: 'a' }));
    client.send(dataMessage({ sessionId: 'a', metadata: new Map([['delay-ms', '1000']]) }));
    for (let n = 0; n < 20; n += 1) client.send(dataMessage({ sessionId: 'a' }));
    await world.clock.settle();
    expect(world.pool.size).toBe(1);
    expect(world.metrics.readsStopped).toBe(1);
    await routeClock.advanceAsync(1_000);
    await world.clock.settle();
    const { error } = await client.ended;
    expect(error?.code).toBe('SLOW_CONSUMER');
    expect(error?.message).toContain('stream.receiveQueueMessages = 8');
  });

  it('one session whose messages keep another waiting: SLOW_CONSUMER when that stops the reading', async () => {
    const routeClock = new FakeClock();
    const world = memoryServer(conformanceRoute(routeClock), {
      receiveQueueMessages: 8,
      sendQueueMessages: 8,
    });
    const { client } = readingClient(world);
    client.send(dataMessage({ sessionId: 'a' }));
    await world.clock.settle();
    client.send(pause('a'));
    for (let n = 0; n < 8; n += 1) client.send(dataMessage({ sessionId: 'a' }));
    for (let n = 0; n < 20; n += 1) client.send(dataMessage({ sessionId: 'b' }));
    await world.clock.settle();
    expect((await client.ended).error?.code).toBe('SLOW_CONSUMER');
  });

  it('one session goes on with the others while they have room', async () => {
    const world = memoryServer(echoRoute(), { receiveQueueMessages: 8, sendQueueMessages: 8 });
    const { client, received } = readingClient(world);
    client.send(dataMessage({ sessionId: 'a' }));
    await world.clock.settle();
    client.send(pause('a'));
    for (let n = 0; n < 7; n += 1) client.send(dataMessage({ sessionId: 'a' }));
    for (let n = 0; n < 100; n += 1) client.send(dataMessage({ sessionId: 'b' }));
    await world.clock.settle();
    expect(received.filter(({ sessionId }) => sessionId === 'b')).toHaveLength(100);
    client.send(controlMessage({ action: 'resume' }, 'a'));
    await world.clock.settle();
    expect(received.filter(({ sessionId }) => sessionId === 'a')).toHaveLength(8);
    client.cancel();
    await world.clock.settle();
  });
});
