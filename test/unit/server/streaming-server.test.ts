import { describe, expect, it } from 'vitest';
import { echoRoute } from '../../../src/routes/echo.js';
import { dataMessage } from '../../../src/wire/messages.js';
import { memoryServer, readingClient } from '../../helpers/memory-server.js';

function faulty(): never {
  throw new Error('an interceptor that throws');
}

describe('StreamingServer', () => {
  it('an interceptor that throws costs neither the stream, nor the others, nor a place in the pool', async () => {
    const told: string[] = [];
    const world = memoryServer(echoRoute(), {}, [
      { opened: faulty, ended: faulty, refused: faulty },
      {
        opened: () => told.push('opened'),
        ended: () => told.push('ended'),
        refused: () => told.push('refused'),
      },
    ]);
    const { client, received } = readingClient(world);
    client.send(dataMessage({ sessionId: 's', key: 'mine' }));
    await world.clock.settle();
    expect(received.at(-1)?.key).toBe('mine');
    client.halfClose();
    await world.clock.settle();
    expect(world.pool.size).toBe(0);
    const left = world.server.drain(1_000);
    const late = readingClient(world);
    await world.clock.settle();
    await left;
    expect((await late.client.ended).error?.code).toBe('DRAINING');
    expect(told).toEqual(['opened', 'ended', 'refused']);
    expect(world.clock.activeTimers).toBe(0);
  });

  it('drained twice, it tells both when it is empty', async () => {
    const world = memoryServer(echoRoute());
    const { client } = readingClient(world);
    await world.clock.settle();
    const both = Promise.all([world.server.drain(5_000), world.server.drain(1_000)]);
    await world.clock.settle();
    client.halfClose();
    await world.clock.settle();
    await both;
    expect(world.clock.activeTimers).toBe(0);
  });
});
