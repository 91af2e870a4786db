/** A resilient server as configuration alone: thousands of connections, clients that break in every way, and who is not harmed by it. */
import { join } from 'node:path';
import { GatewayProcess } from '../kit/gateway-process.js';
import { Report } from '../kit/report.js';
import type { ExampleOptions } from '../run.js';
import { Bystanders } from './bystanders.js';
import { CrowdProcess } from './crowd-process.js';
import { affordable } from './descriptors.js';
import { GatewayLog } from './gateway-log.js';
import { writePicture } from './picture.js';
import { brokenClients } from './scenes/broken-clients.js';
import { chat } from './scenes/chat.js';
import { drain } from './scenes/drain.js';
import { file } from './scenes/file.js';
import { fullHouse } from './scenes/full-house.js';
import { ON_CABLE, outage } from './scenes/outage.js';
import { rooms } from './scenes/rooms.js';
import { throttled } from './scenes/throttled.js';
import { Marks, type Stage } from './stage.js';
import { Watch } from './watch.js';

export const about =
  'thousands of connections on a server that is configuration alone; clients break in every way, and nobody else loses anything';

const BYSTANDERS = 8;
/** Connections that the crowd gives back for what comes after it. */
const ROOM = 60;

export async function run({ short, pictures }: ExampleOptions): Promise<void> {
  const report = new Report();
  const marks = new Marks(report);
  const connections = connectionsFor(short ? 300 : 5_000, report);
  const times = shorterTimes(short);
  const flags = Object.entries(times).map(([key, value]) => `--${key} ${value}`);
  report.say(`gateway.yaml, but for this run ${flags.join(' ')}`);

  const log = new GatewayLog();
  await using gateway = await GatewayProcess.start({
    config: join(import.meta.dirname, 'gateway.yaml'),
    flags: [
      ...['--server.listen', '127.0.0.1:0', '--admin.listen', '127.0.0.1:0', '--edge.enabled', 'false'],
      ...['--pool.maxConnections', String(connections)],
      ...Object.entries(times).flatMap(([key, value]) => [`--${key}`, value]),
    ],
    onLog: log.write,
  });
  const { address } = gateway;
  const bystanders = new Bystanders(address, BYSTANDERS);
  const watch = new Watch(gateway, report, bystanders);
  const restingBytes = await watch.now('process_resident_memory_bytes');

  marks.happens('the crowd comes');
  using crowd = new CrowdProcess(address, short ? 1_000 : 10_000);
  using _ = every(1_000, () => {
    const { present, echoed, failed, failure } = crowd.state;
    const trouble = failed === 0 ? '' : `; ${failed} could not come in: ${failure}`;
    report.say(
      `${present} clients, ${echoed} answers to them, ${bystanders.answered} to bystanders${trouble}`,
    );
  });
  await crowd.grow(connections - BYSTANDERS, Math.floor(connections / ON_CABLE));
  await crowd.news();

  const awayMs = short ? 2_000 : 3_000;
  const breakMs = short ? 300 : 1_000;
  const stage: Stage = { address, log, watch, crowd, report, marks, connections, awayMs, breakMs };
  await fullHouse(stage, restingBytes, BYSTANDERS);
  await crowd.shrink(ROOM);
  const [table] = await Promise.all([brokenClients(stage), rooms(stage)]);
  await Promise.all([chat(stage), file(stage), throttled(stage)]);
  await outage(stage);
  await bystanders.stop();
  await drain(stage, gateway);
  await watch.stop();

  const { p50, p99 } = bystanders.latencyMs();
  report.prove(
    'bystanders lost nothing all the while',
    bystanders.wrong === 0 && bystanders.answered > 0,
    `${bystanders.answered} answers, ${bystanders.wrong} of them not the next; half within ${p50.toFixed(1)} ms, 99 % within ${p99.toFixed(0)} ms`,
  );
  report.say(`the picture: ${writePicture(pictures, watch.samples, marks)}`);
  process.stdout.write(`\n${table}`);
  report.end();
}

/** As many as are wanted, or as the system lets a process hold. */
function connectionsFor(wanted: number, report: Report): number {
  // A client of the crowd takes one descriptor; the cable takes two more for those who are on it.
  const { count, limit } = affordable(wanted, 1 + 2 / ON_CABLE);
  if (count < wanted) {
    report.say(`"ulimit -n" is ${limit}, too low for ${wanted} connections: there will be ${count}`);
  }
  return count;
}

/** The times of gateway.yaml, shortened so that all of it happens within a minute or so, in the same order as there; everything else is as it is. */
function shorterTimes(short: boolean): Readonly<Record<string, string>> {
  return {
    'stream.heartbeatInterval': short ? '2s' : '4s',
    'stream.receiveTimeout': short ? '5s' : '10s',
    'stream.sendTimeout': short ? '2s' : '5s',
    'health.interval': '1s',
    'health.maxInactivity': short ? '7s' : '12s',
    'health.probeAnswerTimeout': '2s',
    'server.drainGrace': short ? '6s' : '15s',
  };
}

function every(ms: number, act: () => void): Disposable {
  const timer = setInterval(act, ms);
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
    },
  };
}
