/** One feed, six clients: five that read too slowly, or pause, each with a policy of its own, and a fast one as the measure. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../src/client/index.js';
import { GatewayProcess } from '../kit/gateway-process.js';
import { LiveView } from '../kit/live-view.js';
import { Report } from '../kit/report.js';
import type { ExampleOptions } from '../run.js';
import { Feed } from './feed.js';
import { drawn } from './picture.js';
import { proveAll } from './proofs.js';
import { QueueAlert } from './queue-alert.js';
import { lineOf, screenOf } from './view.js';
import { Viewer } from './viewer.js';
import { Watch } from './watch.js';

export const about = 'what becomes of a client that reads too slowly: every overflow policy on the same feed';

const SLOW_MS = 100;
const LOOK_EVERY_MS = 200;
/** Of the feed's time. */
const PAUSE = { from: 0.25, to: 0.6 };
/** To read what still waits when the feed is over. */
const PATIENCE_S = 60;

export async function run({ short, pictures }: ExampleOptions): Promise<void> {
  const seconds = short ? 6 : 20;
  const report = new Report();
  await using gateway = await GatewayProcess.start({
    config: join(import.meta.dirname, 'gateway.yaml'),
    flags: ['--server.listen', '127.0.0.1:0', '--admin.listen', '127.0.0.1:0', '--edge.enabled', 'false'],
  });
  await using publisher = connect(gateway.address, { clientId: 'feed' });
  const live = new Feed(publisher, 'live/quotes');
  const ledger = new Feed(publisher, 'ledger/quotes');
  const open = (feed: Feed, overflow: Viewer['overflow'], takesMs: number, name: string = overflow) =>
    Viewer.open(gateway.address, feed, { name, overflow, takesMs });
  const pausing = await open(live, 'drop-oldest', 0, 'pausing');
  const viewers = [
    await open(live, 'drop-oldest', 0, 'fast'),
    await open(live, 'drop-oldest', SLOW_MS),
    await open(live, 'drop-newest', SLOW_MS),
    await open(live, 'conflate', SLOW_MS),
    await open(live, 'disconnect', SLOW_MS),
    await open(ledger, 'block', SLOW_MS),
    pausing,
  ];
  report.say(
    `the gateway is at ${gateway.address}; ${seconds} s of a quote every 25 ms, the slow take ${SLOW_MS} ms for each`,
  );

  const view = new LiveView(report);
  const watch = new Watch(gateway, viewers, new QueueAlert(), view);
  const startedMs = performance.now();
  const feeds = Promise.all([live.run(seconds), ledger.run(seconds), paused(pausing, seconds)]);
  const state = { isPublishing: true };
  void feeds.finally(() => (state.isPublishing = false));
  do {
    await watch.look();
    view.show(screenOf(watch), lineOf(watch));
    await sleep(LOOK_EVERY_MS);
    // What it would wait for may never come: then that is what was proved.
    if (performance.now() - startedMs > (seconds + PATIENCE_S) * 1_000) break;
  } while (state.isPublishing || !watch.isSettled || !viewers.every(({ knowsAll }) => knowsAll));
  await feeds;
  await watch.look();
  const metrics = await gateway.metrics();
  for (const viewer of viewers) await viewer.close();

  const picture = join(pictures, 'flow-control.svg');
  drawn(picture, watch);
  report.say(`the picture: ${picture}`);
  proveAll(report, watch, metrics, pausing);
  report.end();
}

/** A client whose window is minimised: nothing is to come for a while. */
async function paused(viewer: Viewer, seconds: number): Promise<void> {
  await sleep(PAUSE.from * seconds * 1_000);
  viewer.pause();
  await sleep((PAUSE.to - PAUSE.from) * seconds * 1_000);
  viewer.resume();
}
