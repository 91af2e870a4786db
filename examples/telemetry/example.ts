/** The gateway, a process of its own, between six clients, in another, and a processor that is slower than they are. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setInterval } from 'node:timers/promises';
import { takenAlong } from '../kit/child-process.js';
import { GatewayProcess } from '../kit/gateway-process.js';
import { LiveView } from '../kit/live-view.js';
import { Report } from '../kit/report.js';
import type { ExampleOptions } from '../run.js';
import type { ClientsLook } from './clients.js';
import { Measurements, type GatewayLook } from './measurements.js';
import { drawn } from './picture.js';
import { proveAll } from './proofs.js';
import { lineOf, screenOf } from './view.js';

export const about =
  'clients send more than the processor takes, and everybody waits: nothing piles up, nothing is lost';

const CLIENTS = 6;
const LOOK_EVERY_MS = 250;

export async function run({ short, pictures }: ExampleOptions): Promise<void> {
  const seconds = short ? 8 : 40;
  const report = new Report();
  await using gateway = await GatewayProcess.start({
    config: join(import.meta.dirname, 'gateway.yaml'),
    flags: ['--server.listen', '127.0.0.1:0', '--admin.listen', '127.0.0.1:0', '--edge.enabled', 'false'],
  });
  report.say(`the gateway is process ${gateway.pid}, at ${gateway.address}`);
  const clients = takenAlong(
    fork(join(import.meta.dirname, 'clients.ts'), [gateway.address, String(CLIENTS)], {
      execArgv: ['--import', 'tsx'],
    }),
  );
  const left = once(clients, 'exit');
  report.say(`${CLIENTS} clients are process ${clients.pid ?? 0}; they send for ${seconds} s`);

  const measurements = new Measurements();
  await watch(gateway, clients, measurements, report, seconds);
  measurements.gateway(await lookAt(gateway));
  clients.send('leave');
  await left;

  const picture = join(pictures, 'telemetry.svg');
  drawn(picture, measurements);
  report.say(`the picture: ${picture}`);
  proveAll(report, measurements);
  report.end();
}

/** Until each event is acked; shows how it goes. */
async function watch(
  gateway: GatewayProcess,
  clients: ChildProcess,
  measurements: Measurements,
  report: Report,
  lasts: number,
): Promise<void> {
  const view = new LiveView(report);
  // Of the first look at the clients.
  let startedAt: number | undefined;
  let isStopped = false;
  clients.on('message', (look) => {
    measurements.clients(look as ClientsLook);
  });
  for await (const _ of setInterval(LOOK_EVERY_MS)) {
    measurements.gateway(await lookAt(gateway));
    if (measurements.now.length > 0) startedAt ??= report.seconds;
    const seconds = startedAt === undefined ? 0 : report.seconds - startedAt;
    measurements.sample(seconds);
    view.show(screenOf(measurements), lineOf(measurements));
    if (!isStopped && seconds >= lasts) {
      isStopped = true;
      clients.send('stop');
    }
    if (measurements.isOver) return;
    const ended = clients.exitCode ?? clients.signalCode;
    if (ended !== null) throw new Error(`the clients ended with ${ended}`);
  }
}

async function lookAt(gateway: GatewayProcess): Promise<GatewayLook> {
  const [{ connections }, totals] = await Promise.all([
    gateway.look<Pick<GatewayLook, 'connections'>>('/connections'),
    gateway.look<Omit<GatewayLook, 'connections'>>('/totals'),
  ]);
  return { ...totals, connections };
}
