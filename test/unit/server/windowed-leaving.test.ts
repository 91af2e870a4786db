import { expect, it } from 'vitest';
import { controlMessage, dataMessage } from '../../../src/wire/messages.js';
import { memoryServer, readingClient } from '../../helpers/memory-server.js';
import { openOf } from '../../helpers/windowed-world.js';

it('a connection that has to leave sooner than the gateway does not take its sessions along', async () => {
  const world = memoryServer(
    {
      kind: 'test',
      open: (session) => ({
        handle: () => {
          void session.send({});
        },
      }),
    },
    { maxStreamMessages: 3, ageGraceMs: 2_000 },
  );
  const { client, controls } = readingClient(world);
  client.send(controlMessage(openOf(), 's'));
  client.send(dataMessage({ sessionId: 's', sequence: 1 }));
  await world.clock.advanceAsync(100);
  expect(controls('drain')).toHaveLength(1);
  void world.server.drain(30_000);
  await world.clock.advanceAsync(3_000);
  expect(world.server.size).toBe(0);
  expect(world.server.windowed.detached.size).toBe(1);
  await world.clock.advanceAsync(30_000);
  expect(world.server.windowed.size).toBe(0);
  expect(world.metrics.down.droppedBy.drained).toBe(1);
  // The record of its end goes with the gateway.
  world.server.destroy();
  expect(world.clock.activeTimers).toBe(0);
});
