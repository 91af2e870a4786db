/**
 * What quiet clients cost: connections of their own, a session open on each, heartbeats every 20 s. Exits 1
 * when the server's resident memory went over the limit or any connection was lost.
 *
 *   npm run bench:idle -- [--windowed] [--connections n] [--seconds s] [--limit-mib n] [--server sluice|go|plain|http2]
 *
 * With --windowed the sessions are opened, which only sluice knows.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

import { killChildrenOnExit } from './harness/child.js';
import { environment } from './harness/environment.js';
import { chooseGenerator, generateIdle } from './harness/generator.js';
import { buildGoTools } from './harness/go-tools.js';
import { pathOf } from './harness/paths.js';
import { processCpuSeconds, residentBytes } from './harness/proc.js';
import { defineServer, isMissing, SERVER_NAMES, startServer } from './harness/servers.js';

const SAMPLE_MS = 1_000;
/** One line of progress each so many samples. */
const PROGRESS_SAMPLES = 15;
const MIB = 1024 * 1024;

function mebibytes(bytes: number): string {
  return `${(bytes / MIB).toFixed(0)} MiB`;
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      connections: { type: 'string', default: '5000' },
      seconds: { type: 'string', default: '120' },
      'limit-mib': { type: 'string', default: '290' },
      server: { type: 'string', default: 'sluice' },
      windowed: { type: 'boolean', default: false },
    },
  });
  const server = SERVER_NAMES.find((name) => name === values.server);
  if (server === undefined)
    throw new Error(`--server: "${values.server}" is none of ${SERVER_NAMES.join(', ')}`);
  const options = {
    server,
    connections: Number(values.connections),
    seconds: Number(values.seconds),
    limitBytes: Number(values['limit-mib']) * MIB,
    windowed: values.windowed,
  };
  if (options.windowed && server !== 'sluice')
    throw new Error('--windowed: only sluice has sessions to open');
  if (!(options.connections >= 1 && options.seconds > 0 && options.limitBytes > 0)) {
    throw new Error('--connections, --seconds and --limit-mib are numbers above 0');
  }
  return options;
}

async function main(): Promise<boolean> {
  const options = readOptions();
  killChildrenOnExit();
  const go = await buildGoTools(console.log);
  const generator = chooseGenerator(go);
  const definition = defineServer(options.server, go);
  if (isMissing(definition)) throw new Error(`no ${definition.name}: ${definition.reason}`);
  console.log(
    `${String(options.connections)} connections${options.windowed ? ' with opened sessions' : ''} to ${definition.title}, ` +
      `held for ${String(options.seconds)} s by the generator (${generator.title})`,
  );

  const server = await startServer(definition);
  const samples: number[] = [];
  const sample = (): number => {
    const bytes = residentBytes(server.pid);
    if (bytes === undefined) throw new Error('the resident memory of the server can not be read in /proc');
    samples.push(bytes);
    return bytes;
  };
  const empty = sample();
  let connectedAtSample = 0;
  const sampler = setInterval(() => {
    const bytes = residentBytes(server.pid);
    if (bytes === undefined) return;
    samples.push(bytes);
    if (samples.length % PROGRESS_SAMPLES === 0) console.log(`  ${mebibytes(bytes)}`);
  }, SAMPLE_MS);
  const died = server.exited.then((code): never => {
    throw new Error(`${definition.name} ended with ${String(code)}: ${server.stderr()}`);
  });
  try {
    const held = generateIdle(
      generator,
      server.address,
      options.connections,
      options.seconds,
      options.windowed,
      (opened, seconds) => {
        connectedAtSample = sample();
        const each = (connectedAtSample - empty) / opened / 1024;
        console.log(
          `  ${String(opened)} connected in ${seconds.toFixed(1)} s: ` +
            `${mebibytes(connectedAtSample)}, ${each.toFixed(1)} KiB each`,
        );
      },
    );
    const result = await Promise.race([held, died]);
    const final = sample();
    const max = Math.max(...samples);
    const lost = options.connections - result.connected;
    console.log(
      `\nresident memory: max ${mebibytes(max)}, final ${mebibytes(final)}, ` +
        `${mebibytes(empty)} before the first connection; limit ${mebibytes(options.limitBytes)}`,
    );
    console.log(
      `connections: ${String(result.connected)} of ${String(options.connections)} answered a last echo; ` +
        `heartbeats ${String(result.heartbeatsSent)} sent, ${String(result.heartbeatsReceived)} received, ` +
        `${String(result.probesAnswered)} probes answered; ` +
        `server CPU ${(processCpuSeconds(server.pid) ?? Number.NaN).toFixed(1)} s`,
    );
    for (const [error, count] of Object.entries(result.errors ?? {}))
      console.log(`  ${String(count)} × ${error}`);
    const stamp = new Date().toISOString();
    const file = `bench/results/idle-${stamp.replaceAll(':', '-')}.json`;
    await mkdir(pathOf('bench/results'), { recursive: true });
    const record = {
      stamp,
      environment: environment(go.version),
      options,
      empty,
      max,
      final,
      result,
      samples,
    };
    await writeFile(pathOf(file), `${JSON.stringify(record, null, 2)}\n`);
    console.log(`written to ${file}`);
    const met = max <= options.limitBytes && lost === 0;
    console.log(met ? 'within the limit' : 'OVER the limit');
    return met;
  } finally {
    clearInterval(sampler);
    died.catch(() => undefined);
    await server.stop();
  }
}

try {
  if (!(await main())) process.exitCode = 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  // The exit handler ends the children.
  process.exit(1);
}
