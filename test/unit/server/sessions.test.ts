import { describe, expect, it } from 'vitest';
import type { Route, RouteSession } from '../../../src/session/route.js';
import { controlMessage, dataMessage } from '../../../src/wire/messages.js';
import { memoryServer, readingClient } from '../../helpers/memory-server.js';

describe('sessions of a simple connection', () => {
  it('a route that sends and then refuses leaves nothing to account for', async () => {
    let kept: RouteSession | undefined;
    const route: Route = {
      kind: 'test',
      open(session) {
        kept = session;
        void session.send({ data: new Uint8Array(10) });
        throw new Error('not today');
      },
    };
    const world = memoryServer(route);
    const { client, controls, received } = readingClient(world);
    client.send(dataMessage({ sessionId: 's' }));
    await world.clock.settle();
    expect(controls('closed')).toMatchObject([{ code: 'ROUTE_FAILED' }]);
    expect(received.filter(({ sessionId, control }) => sessionId === 's' && control === undefined)).toEqual(
      [],
    );
    expect(() => kept?.send({})).toThrow();
    expect(world.metrics.down).toMatchObject({ admitted: 1, delivered: 0, dropped: 1, pending: 0 });
    client.cancel();
    await world.clock.settle();
    expect(world.metrics.down.pending).toBe(0);
  });

  it('Closed comes before the status of a client that closed its session and half-closed', async () => {
    let letGo = (): void => undefined;
    const sink: Route = {
      kind: 'test',
      open: () => ({
        handle: () =>
          new Promise<void>((resolve) => {
            letGo = resolve;
          }),
      }),
    };
    const world = memoryServer(sink);
    const { client, controls } = readingClient(world);
    client.send(dataMessage({ sessionId: 's' }));
    client.send(controlMessage({ action: 'close' }, 's'));
    client.halfClose();
    await world.clock.settle();
    letGo();
    await world.clock.settle();
    expect(await client.ended).toEqual({ close: 'ended', error: undefined });
    expect(controls('closed')).toMatchObject([{ code: '' }]);
    expect(world.metrics.up).toMatchObject({ admitted: 1, delivered: 1 });
  });
});
