import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../../src/core/errors.js';
import type { Published } from '../../../../src/session/topic-route.js';
import { call, callsWorld, type CallsWorld, publishedBy, publishing } from '../../../helpers/memory-calls.js';

async function answered(world: CallsWorld, client: ReturnType<typeof publishing>): Promise<Published> {
  await world.clock.settle();
  return publishedBy(client);
}

async function refusal(world: CallsWorld, client: ReturnType<typeof publishing>) {
  await world.clock.settle();
  return (await client.ended).error;
}

async function expectOver(world: CallsWorld): Promise<void> {
  await world.clock.settle();
  expect({
    connections: world.pool.size,
    publishes: world.server.publishes.size,
    bytes: world.account.bytes,
  }).toEqual({ connections: 0, publishes: 0, bytes: 0 });
}

describe('Publish', () => {
  it('tells the sequence; the same key is the same message', async () => {
    const world = callsWorld();
    const one = await answered(world, publishing(world, { idempotencyKey: 'k' }));
    expect(one).toMatchObject({ subscribers: 0, duplicate: false });
    expect(await answered(world, publishing(world, { idempotencyKey: 'k' }))).toEqual({
      ...one,
      duplicate: true,
    });
    expect(await answered(world, publishing(world))).toMatchObject({ sequence: one.sequence + 1 });
    const other = publishing(world, { idempotencyKey: 'k', data: Buffer.from('another') });
    expect(await refusal(world, other)).toMatchObject({ code: 'INVALID_MESSAGE' });
    await expectOver(world);
  });

  it.each(['x'.repeat(129), 'a\nb'])('refuses the idempotency key %j', async (idempotencyKey) => {
    const world = callsWorld();
    const error = await refusal(world, publishing(world, { idempotencyKey }));
    expect(error).toMatchObject({ code: 'INVALID_MESSAGE' });
    expect(error?.message).toMatch(/idempotency key .* is not 1 to 128 printable characters/);
    await expectOver(world);
  });

  it('refuses what could not be sent to subscribers', async () => {
    const world = callsWorld({ maxMessageBytes: 10_000 });
    const error = await refusal(world, publishing(world, { data: new Uint8Array(9_500) }));
    expect(error).toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
      message: expect.stringContaining('server.maxMessageSize = 10000 bytes') as string,
    });
    await expectOver(world);
  });

  it('of a route without topics says of which kind it is', async () => {
    const world = callsWorld();
    const { topic: _none, ...plain } = {
      kind: 'echo',
      open: () => ({ handle: () => undefined }),
      topic: undefined,
    };
    (world.routes as Map<string, unknown>).set('plain', plain);
    const error = await refusal(world, publishing(world, { topic: 'plain/x' }));
    expect(error).toMatchObject({
      code: 'INVALID_MESSAGE',
      message: expect.stringContaining('route "plain" is of kind "echo", which has no topics') as string,
    });
    await expectOver(world);
  });

  it('held, is bounded, and keeps its place until the topic lets it go, whatever its client does', async () => {
    const held: (() => void)[] = [];
    const published = { sequence: 7, subscribers: 1, duplicate: false };
    const world = callsWorld(
      {},
      {
        publish: () =>
          new Promise((resolve) => {
            held.push(() => {
              resolve(published);
            });
          }),
      },
    );
    const clients = Array.from({ length: 5 }, () => publishing(world));
    await world.clock.settle();
    expect(world.server.publishes.levels).toEqual({ underWay: 4, held: 4 });
    expect(world.account.bytes).toBeGreaterThan(0);
    // Ending them would free nothing, and fail what is published all the same.
    expect([...world.server.publishes].map(({ heldBytes }) => heldBytes)).toEqual([0, 0, 0, 0]);
    expect((await clients[4]!.ended).error).toMatchObject({
      code: 'CLIENT_LIMIT',
      message: expect.stringContaining('pool.maxPublishesPerClient = 4') as string,
    });
    clients[0]!.cancel();
    await world.clock.settle();
    expect(world.server.publishes.size).toBe(4);
    const others = Array.from({ length: 3 }, (_, n) =>
      publishing(world, {}, { metadata: { 'x-client-id': `other-${n}` } }),
    );
    await world.clock.settle();
    expect((await others[2]!.ended).error).toMatchObject({
      code: 'OVERLOADED',
      message: expect.stringContaining('pool.maxPublishes = 6') as string,
    });
    for (const letGo of held) letGo();
    expect(await answered(world, clients[1]!)).toEqual(published);
    await expectOver(world);
  });

  it('held, ends with its client, and when the gateway goes', async () => {
    const world = callsWorld({}, { publish: () => new Promise(() => undefined) });
    const first = publishing(world);
    const second = publishing(world, {}, { metadata: { 'x-client-id': 'ben' } });
    await world.clock.settle();
    world.server.endClient('ann', new SluiceError('UNAUTHENTICATED', 'this client has been revoked'));
    expect(await refusal(world, first)).toMatchObject({ code: 'UNAUTHENTICATED' });
    world.server.destroy();
    await world.clock.settle();
    expect((await second.ended).close).toBe('reset');
    expect(world.clock.activeTimers).toBe(0);
  });

  it('is refused above the budget of memory', async () => {
    const world = callsWorld();
    world.account.add(1 << 30);
    world.account.add(1);
    expect(await refusal(world, publishing(world))).toMatchObject({
      code: 'OVERLOADED',
      retryAfterMs: 1_000,
    });
    world.account.add(-1 - (1 << 30));
    await expectOver(world);
    world.server.destroy();
  });

  it('whose topic fails is told so', async () => {
    const limit = callsWorld(
      {},
      {
        publish: () => {
          throw new SluiceError('TOPIC_LIMIT', 'too many topics');
        },
      },
    );
    expect(await refusal(limit, publishing(limit))).toMatchObject({ code: 'TOPIC_LIMIT' });
    const fault = callsWorld({}, { publish: () => Promise.reject(new Error('secret')) });
    expect(await refusal(fault, publishing(fault))).toMatchObject({
      code: 'INTERNAL',
      message: expect.not.stringContaining('secret') as string,
    });
  });

  it('cancelled before it is whole leaves nothing', async () => {
    const world = callsWorld();
    const client = call(world, 'Publish');
    await world.clock.settle();
    expect(world.server.publishes.size).toBe(1);
    client.cancel();
    await expectOver(world);
    expect(world.clock.activeTimers).toBe(0);
  });
});
