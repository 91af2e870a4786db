import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../src/core/errors.js';
import { echoRoute } from '../../../src/routes/echo.js';
import type { Route } from '../../../src/session/route.js';
import { messageSize } from '../../../src/wire/codec.js';
import { controlMessage, dataMessage, MessageType } from '../../../src/wire/messages.js';
import { memoryServer, readingClient } from '../../helpers/memory-server.js';

const HUGE = 'x'.repeat(1_000_000);

describe('answers to a client that names things at length', () => {
  it.each([
    ['data', dataMessage({ sessionId: HUGE })],
    ['an unknown type', dataMessage({ type: 77, sessionId: HUGE })],
    ['an ACK', dataMessage({ type: MessageType.ACK, sessionId: HUGE })],
    ['a probe', dataMessage({ type: MessageType.HEALTH_CHECK, sequence: 7, sessionId: HUGE })],
    ['Pause', controlMessage({ action: 'pause', reason: '' }, HUGE)],
    ['Close', controlMessage({ action: 'close' }, HUGE)],
    ['Window', controlMessage({ action: 'window', messages: 1, bytes: 1 }, HUGE)],
    ['an unknown action', controlMessage({ action: 'unknown', field: 99 }, HUGE)],
  ])('%s: an Error that quotes the beginning of the name', async (_, message) => {
    const world = memoryServer(echoRoute());
    const { client, received, controls } = readingClient(world);
    client.send(message);
    await world.clock.settle();
    expect(controls('error')).toHaveLength(1);
    expect(controls('error')[0]).toMatchObject({ code: 'INVALID_MESSAGE' });
    expect(controls('error')[0]?.message).toContain('session_id "xxx');
    for (const answer of received) expect(messageSize(answer)).toBeLessThan(1_000);
    client.cancel();
    await world.clock.settle();
  });

  it('data with a sequence: a status that quotes the beginning of the name', async () => {
    const world = memoryServer(echoRoute());
    const { client } = readingClient(world);
    client.send(dataMessage({ sessionId: `\n${HUGE}`, sequence: 1 }));
    await world.clock.settle();
    const { error } = await client.ended;
    expect(error?.code).toBe('INVALID_MESSAGE');
    expect(error?.message.length).toBeLessThan(1_000);
    expect(error?.message).not.toContain('\n');
  });

  it('what a route says at length is cut in its Error and in its Closed', async () => {
    const verbose: Route = {
      kind: 'test',
      open: (session) => ({
        handle({ data }) {
          if (data.length === 0) session.end(HUGE);
          else throw new SluiceError('ROUTE_FAILED', HUGE);
        },
      }),
    };
    const world = memoryServer(verbose);
    const { client, received, controls } = readingClient(world);
    client.send(dataMessage({ sessionId: 's', data: new Uint8Array(1) }));
    client.send(dataMessage({ sessionId: 's' }));
    await world.clock.settle();
    expect(controls('error')).toHaveLength(1);
    expect(controls('closed')[0]?.reason).toMatch(/^x+…$/);
    for (const answer of received) expect(messageSize(answer)).toBeLessThan(2_000);
    client.cancel();
    await world.clock.settle();
  });
});

describe('a probe of the client', () => {
  it('is answered with all that it bore', async () => {
    const world = memoryServer(echoRoute());
    const { client, received } = readingClient(world);
    client.send(dataMessage({ type: MessageType.HEALTH_CHECK, sequence: 7, timestampMs: 5, sessionId: 's' }));
    await world.clock.settle();
    expect(received.at(-1)).toMatchObject({ type: 4, sequence: 7, ack: 7, timestampMs: 5, sessionId: 's' });
    client.cancel();
    await world.clock.settle();
  });
});
