import { join } from 'node:path';
import { Cable } from '../kit/cable.js';
import { GatewayProcess } from '../kit/gateway-process.js';
import { Report } from '../kit/report.js';
import { TemporaryFolder } from '../kit/temporary-folder.js';
import type { ExampleOptions } from '../run.js';
import { goBeyond } from './beyond.js';
import { exercise, type Places } from './exercise.js';
import { exerciseNative } from './exercise-native.js';
import { LogFile } from './log-file.js';
import { drawTimeline } from './picture.js';
import { proveBeyond, proveLeft, proveSame, proveTimeline } from './proofs.js';
import { type News, ServiceProcess } from './service-process.js';
import { runTimeline } from './timeline.js';

export const about =
  'three gRPC services that know nothing of Sluice behind it, and the same three as routes of its own';

export async function run({ short, pictures }: ExampleOptions): Promise<void> {
  const report = new Report();
  using folder = new TemporaryFolder('patterns-');
  await show(report, folder.path, short, pictures);
  report.end();
}

async function show(report: Report, folder: string, short: boolean, pictures: string): Promise<void> {
  const log = new LogFile(join(folder, 'app.log'));
  log.begin();
  const readFor = new Map<string, number>();
  const openCalls: number[] = [];
  const onNews = ({ caller, read, open }: News): void => {
    if (typeof read === 'number') readFor.set(String(caller), read);
    if (typeof open === 'number') openCalls.push(open);
  };

  const starting = [
    ServiceProcess.start('logs', ['--file', log.path], onNews),
    ServiceProcess.startMetrics(),
    ServiceProcess.start('chat'),
  ] as const;
  await using logs = await starting[0];
  await using metrics = await starting[1];
  await using chat = await starting[2];
  const direct: Places = { logs: logs.address, metrics: metrics.address, chat: chat.address };
  // The route reads the same file, and the ports are those that were free.
  process.env['PATTERNS_LOG'] = log.path;
  const upstreams = Object.entries(direct).map(([name, address]) => [name, { addresses: [address] }]);
  const flags = [
    '--server.listen',
    '127.0.0.1:0',
    '--admin.listen',
    '127.0.0.1:0',
    '--edge.enabled',
    'false',
  ];
  await using gateway = await GatewayProcess.start({
    config: join(import.meta.dirname, 'gateway.yaml'),
    flags: [...flags, '--upstreams', JSON.stringify(Object.fromEntries(upstreams))],
    onLog: onNews,
  });
  const proxied: Places = { logs: gateway.address, metrics: gateway.address, chat: gateway.address };
  report.say(`three services run, MetricsService in ${metrics.language}, and a gateway in front of them`);

  const [seenDirect, seenProxied] = [await exercise(direct, log), await exercise(proxied, log)];
  report.say('ordinary clients have asked them directly, and through the gateway');
  const seenNatively = await exerciseNative(gateway.address, log);
  report.say('and native clients the same of the routes');
  proveSame(report, seenDirect, seenProxied, seenNatively);

  proveBeyond(report, await goBeyond(gateway.address, log));

  using cable = await Cable.to(gateway.address);
  const { address: over } = cable;
  const timeline = await runTimeline({
    log,
    seconds: short ? 8 : 20,
    cutSeconds: short ? 1 : 2,
    services: proxied,
    servicesOverLink: { logs: over, metrics: over, chat: over },
    gateway: gateway.address,
    gatewayOverLink: over,
    cut: (forMs) => cable.cutFor(forMs),
    readFor,
    say: (text) => report.say(text),
  });
  proveTimeline(report, timeline);
  await proveLeft(report, openCalls);
  report.say(`the picture: ${drawTimeline(pictures, timeline)}`);
}
