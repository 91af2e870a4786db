import { describe, expect, it } from 'vitest';
import { ClientWorld } from '../../helpers/client-world.js';

describe('Client', () => {
  it('opens, sends, receives, and closes', async () => {
    await using world = new ClientWorld();
    const { client, events } = world.client();
    expect(client.state).toBe('idle');
    const session = await world.run(client.open('echo'));
    expect(client.state).toBe('connected');
    await world.run(session.sendAndWait('hello'));
    expect((await world.run(session.receive()))?.text).toBe('hello');
    await world.run(client.close());
    expect(client.state).toBe('closed');
    expect(client.sessions).toBe(0);
    expect(events.map(({ kind }) => kind)).toEqual(['connecting', 'connected']);
    expect(world.clock.activeTimers).toBeLessThan(20);
  });

  it('comes back, and goes on', async () => {
    await using world = new ClientWorld();
    const { client, events } = world.client();
    const session = await world.run(client.open('echo'));
    for (let i = 0; i < 10; i += 1) {
      await world.run(session.send(String(i)));
      world.place.dial.breakConnections();
      expect((await world.run(session.receive()))?.text).toBe(String(i));
    }
    expect(events.filter(({ kind }) => kind === 'connected').length).toBeGreaterThan(5);
  });
});
