/** What goes the other way: what a backend is told of its call, and of its end. */
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { FaultProxy } from './fault-proxy.js';
import type { Language } from './play-backends.js';
import { PlayClient } from './play-client.js';
import type { Entry } from './play-steps.js';
import type { PlayWorld } from './play-world.js';

interface Told {
  readonly metadata: Readonly<Record<string, readonly string[]>>;
  /** null: it has no deadline. */
  readonly remainingMs: number | null;
}

async function told(client: PlayClient, metadata: readonly Entry[], timeoutMs?: number): Promise<Told> {
  const seen = await client.play({
    shape: 'Unary',
    steps: [['read', 1], ['seen']],
    metadata,
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
  expect(seen.status, seen.message).toBe(0);
  return JSON.parse(String(seen.first)) as Told;
}

/** What the gateway says of its own; its documentation names them. */
const OWN = ['x-client-id', 'x-client-class', 'x-forwarded-for'];

async function sameMetadata({ direct, through }: PlayWorld): Promise<void> {
  const metadata: readonly Entry[] = [
    ['x-one', 'first'],
    ['x-one', 'second'],
    ['x-text', 'a b; c="d", 100% ~'],
    ['authorization', 'Bearer abc.def'],
    ['x-request-id', '1234'],
    ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
    ['x-all-bin', Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('base64')],
    ['x-two-bin', Buffer.from('1').toString('base64')],
    ['x-two-bin', Buffer.from('zwei').toString('base64')],
    ['x-one', 'third'],
  ];
  const at = await told(direct, metadata);
  expect(at.metadata).toMatchObject({ 'x-request-id': ['1234'], authorization: ['Bearer abc.def'] });
  const via = await told(through, metadata);
  const rest = Object.entries(via.metadata).filter(([name]) => !OWN.includes(name) && name !== ':authority');
  const { ':authority': _, ...expected } = at.metadata;
  expect(Object.fromEntries(rest)).toEqual(expected);
  expect(via.metadata['x-forwarded-for']).toEqual(['127.0.0.1']);
}

/** At most the client's own, and not much less: what passes on the way is no hour. */
async function sameDeadline({ direct, through }: PlayWorld): Promise<void> {
  for (const timeoutMs of [60_000, 5 * 60_000, 3_600_000, 24 * 3_600_000]) {
    for (const client of [direct, through]) {
      const { remainingMs } = await told(client, [], timeoutMs);
      expect(remainingMs).toBeLessThanOrEqual(timeoutMs + 1);
      expect(remainingMs).toBeGreaterThan(timeoutMs / 2);
    }
  }
  // grpc-js has a number for none, grpcio a very large one.
  const at = await told(direct, []);
  const via = await told(through, []);
  expect(via.remainingMs === null || via.remainingMs > 1e12).toBe(true);
  expect(at.remainingMs === null || at.remainingMs > 1e12).toBe(true);
}

/** The backend hears of it, whoever is asked. */
async function sameCancellation({ direct, through }: PlayWorld): Promise<void> {
  for (const client of [direct, through]) {
    const name = randomUUID();
    const seen = await client.play({
      shape: 'Talk',
      name,
      steps: [['echo', 1], ['wait']],
      requests: [Buffer.from('one')],
      staysOpen: true,
      onAnswer: (_, stream) => {
        stream.cancel();
      },
    });
    expect(seen).toMatchObject({ status: 1, answers: { count: 1 } });
    expect(await direct.ask('Report', name)).toMatchObject({ read: 1, cancelled: true, over: true });
  }
}

/** A deadline that passes while the backend is at it ends its work. */
async function sameExpiry({ direct, through }: PlayWorld): Promise<void> {
  for (const client of [direct, through]) {
    const name = randomUUID();
    const seen = await client.play({ shape: 'Unary', name, timeoutMs: 400, steps: [['read', 1], ['wait']] });
    expect(seen.status).toBe(4);
    expect(await direct.ask('Report', name)).toMatchObject({ read: 1, cancelled: true, over: true });
  }
}

/** Its socket is reset, in the midst of a stream each way. */
async function sameVanishing({ direct, under }: PlayWorld, backend: string): Promise<void> {
  for (const target of [backend, under.address]) {
    await using network = await FaultProxy.start(target);
    using client = new PlayClient(network.address);
    const name = randomUUID();
    let cut = false;
    const seen = await client.play({
      shape: 'Talk',
      name,
      steps: [['echo', -1], ['wait']],
      requests: Array.from({ length: 50 }, () => Buffer.alloc(1_000)),
      staysOpen: true,
      onAnswer: (answers) => {
        if (answers < 50 || cut) return;
        cut = true;
        network.cutAll('reset');
      },
    });
    expect(seen).toMatchObject({ status: 14, answers: { count: 50 } });
    expect(await direct.ask('Report', name)).toMatchObject({ read: 50, cancelled: true, over: true });
  }
}

export const sameWays: readonly {
  readonly what: string;
  readonly expectIt: (world: PlayWorld, backend: string) => Promise<void>;
  readonly notBy?: readonly Language[];
}[] = [
  { what: 'a backend is given the same metadata, and the gateway names the caller', expectIt: sameMetadata },
  { what: 'a backend is given the same deadline', expectIt: sameDeadline },
  { what: 'a cancellation reaches the backend', expectIt: sameCancellation },
  { what: 'a deadline that passes ends the work of the backend', expectIt: sameExpiry },
  { what: 'a client that vanishes is a cancellation to the backend', expectIt: sameVanishing },
];
