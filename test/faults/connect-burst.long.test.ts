/** Ten thousand connect at once: as many as may be come in, the others are told, and nobody who was there notices. */
import { expect, it, test } from 'vitest';
import { Burst } from '../helpers/burst.js';
import type { BurstReport } from '../helpers/burst-client.js';
import { descriptors, figures, OF_OUR_OWN, tell } from '../helpers/gateway-figures.js';
import { GatewayProcess } from '../helpers/gateway-process.js';
import { Regulars } from '../helpers/regulars.js';

const CONNECTS = 10_000;
/** As the configuration says. */
const MAX_SOCKETS = 2_000;
const UPGRADES = 2_000;
const MAX_CONNECTIONS = 50;

const CONFIG = 'test/helpers/fixtures/crowd.yaml';

test.each([
  ['http', 'sluice_edge_sockets', '503 CONNECTION_LIMIT after 5 s'],
  ['grpc', 'sluice_sockets', 'closed'],
] as const)('%s: a burst of connects fills its door, no further', async (kind, gauge, told) => {
  await using gateway = await GatewayProcess.ready([], { config: CONFIG });
  await using regulars = await Regulars.of(gateway);
  await figures(gateway);
  const before = { descriptors: descriptors(gateway), sockets: (await figures(gateway)).get(gauge) ?? 0 };

  await using burst = new Burst(kind, kind === 'http' ? gateway.edge : gateway.address, CONNECTS);
  let report: BurstReport | undefined;
  const reported = burst.report.then((is) => (report = is));
  let most = 0;
  while (report === undefined) {
    await regulars.goOn();
    most = Math.max(most, (await figures(gateway)).get(gauge) ?? 0);
  }
  const { outcomes, tookMs } = await reported;
  const during = await figures(gateway);
  const held = { sockets: during.get(gauge), descriptors: descriptors(gateway) };

  tell({
    ...{ kind, outcomes, tookMs, most, held, before },
    ...{ rounds: regulars.rounds, slowestMs: regulars.slowestMs },
    dropped: during.get('sluice_sockets_dropped_total'),
  });

  await burst.leave();
  await expect
    .poll(async () => (await figures(gateway)).get(gauge), { timeout: 60_000 })
    .toBe(before.sockets);
  await expect
    .poll(() => descriptors(gateway), { timeout: 10_000 })
    .toBeLessThanOrEqual(before.descriptors + OF_OUR_OWN);
  const began = performance.now();
  await using late = await Regulars.of(gateway);
  tell({ kind, answersAgainMs: Math.round(performance.now() - began) });
  expect(late.rounds).toBe(1);
  expect(held.sockets).toBe(MAX_SOCKETS);
  expect(most).toBeLessThanOrEqual(MAX_SOCKETS);
  expect(outcomes['open']).toBe(MAX_SOCKETS - before.sockets);
  expect(during.get('sluice_sockets_dropped_total')).toBe(CONNECTS - MAX_SOCKETS + before.sockets);
  // Who has spoken before it was refused may be told by its system that the connection is reset, and nothing else.
  expect(outcomes[told]).toBeGreaterThan((CONNECTS - MAX_SOCKETS) * 0.9);
  expect(Object.keys(outcomes).sort()).toEqual(
    [...new Set([told, 'closed', 'open'])].filter((one) => one in outcomes).sort(),
  );
});

it('WebSockets over the limit on connections are each told so, and when to come again', async () => {
  await using gateway = await GatewayProcess.ready(['--pool.maxConnections', String(MAX_CONNECTIONS)], {
    config: CONFIG,
  });
  // Who was there goes on talking, and a publish takes no place.
  await using regulars = await Regulars.of(gateway);
  const connections = (await figures(gateway)).get('sluice_connections') ?? 0;
  await using burst = new Burst('websocket', gateway.edge, UPGRADES);
  let report: BurstReport | undefined;
  const reported = burst.report.then((is) => (report = is));
  while (report === undefined) await regulars.goOn();
  const { outcomes, tookMs } = await reported;
  tell({ outcomes, tookMs, connections });
  const room = MAX_CONNECTIONS - connections;
  expect(outcomes).toEqual({ open: room, '4029 CONNECTION_LIMIT after 5 s': UPGRADES - room });
  await regulars.goOn();
  await burst.leave();
  await expect.poll(async () => (await figures(gateway)).get('sluice_connections')).toBe(connections);
  await using late = await Regulars.of(gateway);
  expect(late.rounds).toBe(1);
});
