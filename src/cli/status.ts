import type { CommandIo } from './frame/command-io.js';
import { exitCode } from './frame/exit-codes.js';
import { jsonLine } from './frame/json-line.js';
import type { Paint } from './frame/paint.js';
import { bytes, count, milliseconds, percent, rate, span } from './frame/quantities.js';
import { visible } from './frame/text-width.js';
import { AdminClient } from './look/admin-client.js';
import type { Totals } from './look/answers.js';
import { findings } from './look/findings.js';
import { lookAsJson, lookAt, type Look } from './look/look.js';

export interface StatusOptions {
  readonly admin: string;
  readonly output: 'text' | 'json';
}

const PROTOCOLS: Readonly<Record<string, string>> = { grpc: 'gRPC', http: 'HTTP' };

/** `sluice status`: 0 where the gateway is ready, 1 where it is not. */
export async function status(options: StatusOptions, io: CommandIo): Promise<number> {
  const admin = new AdminClient(options.admin, io.clock, io.signal);
  try {
    const look = await lookAt(admin);
    io.stdout.write(
      options.output === 'json' ? jsonLine(lookAsJson(admin.shown, look)) : statusText(look, io.stdout.paint),
    );
    return exitCode(look.readiness.ready ? 'ok' : 'failed');
  } finally {
    admin.close();
  }
}

/** What is wrong stands last, next to the prompt. */
function statusText({ readiness, totals }: Look, paint: Paint): string {
  const { gateway, connections, sessions, flow, errors } = totals;
  const { limits } = gateway;
  const rows: readonly (readonly [name: string, text: string])[] = [
    ['addresses', addressesText(gateway.addresses)],
    ['connections', ofLimit(connections.active, limits.connections)],
    ['sessions', `${ofLimit(sessions.active, limits.sessions)}${detachedNote(sessions.windowed.detached)}`],
    ...proxyRows(totals),
    ['from clients', `${rate(gateway.receiveRate)} messages/s`],
    ['to clients', `${rate(gateway.sendRate)} messages/s`],
    ['queues', queuesText(totals)],
    ['memory', memoryText(totals)],
    ['event loop', loopText(gateway.process.loopDelay)],
    ...sinceStart([
      ['refused', sumOf(connections.rejected), countsText(connections.rejected)],
      ['dropped', flow.up.dropped + flow.down.dropped, ''],
      ['too slow, ended', errors.slowConsumers, ''],
      ['route errors', errors.route, ''],
    ]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const body = rows.map(([name, text]) => `  ${paint.dim(name.padEnd(width))}  ${text}\n`);
  return `${headline({ readiness, totals }, paint)}\n\n${body.join('')}${wrongText({ readiness, totals }, paint)}`;
}

/** By what is spoken there: `gRPC at 10.0.0.5:50051, unix:/run/sluice.sock; HTTP with TLS at 10.0.0.5:8080`. */
function addressesText(addresses: Totals['gateway']['addresses']): string {
  const ways = new Map<string, string[]>();
  for (const { protocol, address, tls } of addresses) {
    const way = `${PROTOCOLS[protocol] ?? protocol}${tls ? ' with TLS' : ''}`;
    ways.set(way, [...(ways.get(way) ?? []), address]);
  }
  if (ways.size === 0) return 'none: no more connections are taken';
  return [...ways].map(([way, at]) => visible(`${way} at ${at.join(', ')}`)).join('; ');
}

/** Calls that are passed on to services of other people, where there are proxies. */
function proxyRows({ proxies }: Totals): readonly (readonly [name: string, text: string])[] {
  if (proxies.length === 0) return [];
  const methods = proxies.flatMap((proxy) => proxy.methods);
  const open = methods.reduce((sum, method) => sum + method.open, 0);
  const ended = merged(methods.map((method) => method.ended));
  const refused = merged(proxies.map((proxy) => proxy.refused));
  const { OK: good = 0, ...bad } = ended;
  const badly = sumOf(bad) === 0 ? '' : `, ${count(sumOf(bad))} otherwise (${countsText(bad)})`;
  const away = sumOf(refused) === 0 ? '' : `; ${count(sumOf(refused))} refused (${countsText(refused)})`;
  return [['proxied calls', `${count(open)} open; ${count(good)} ended OK${badly}${away}`]];
}

function merged(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const each of all)
    for (const [name, number] of Object.entries(each)) sum[name] = (sum[name] ?? 0) + number;
  return sum;
}

function headline({ readiness, totals: { gateway } }: Look, paint: Paint): string {
  const state = readiness.ready ? paint.good('ready') : paint.bad('NOT READY');
  const since = gateway.startedAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC');
  const name = `sluice ${visible(gateway.version)} on ${visible(gateway.nodeId)}`;
  return `${paint.bold(state)}  ${name}, up ${span(gateway.uptimeMs)}, since ${visible(since)}`;
}

function wrongText({ readiness, totals }: Look, paint: Paint): string {
  const found = findings(readiness, totals);
  if (found.length === 0) return '';
  return `\n${found.map(({ level, text }) => `${paint[level](level === 'bad' ? 'wrong' : 'look')}  ${visible(text)}\n`).join('')}`;
}

function ofLimit(active: number, limit: number): string {
  return limit === 0 ? count(active) : `${count(active)} of ${count(limit)}, ${percent(active, limit)}`;
}

function detachedNote(detached: number): string {
  return detached === 0 ? '' : `; ${count(detached)} wait for their clients`;
}

function queuesText({ queues: { receive, send, bytesInFlight } }: Totals): string {
  const depth = (name: string, { messages, maxMessages }: Totals['queues']['send']): string =>
    `${name} ${count(messages)}${messages === 0 ? '' : ` (fullest ${count(maxMessages)})`}`;
  return `${depth('receive', receive)}, ${depth('send', send)} messages; ${bytes(bytesInFlight)} in flight`;
}

function memoryText({ bytes: { buffered, budget }, gateway: { process } }: Totals): string {
  const used = budget === 0 ? '' : ` of ${bytes(budget)}, ${percent(buffered, budget)}`;
  return `buffered ${bytes(buffered)}${used}; heap ${bytes(process.heapUsedBytes)}, resident ${bytes(process.rssBytes)}`;
}

function loopText({ overMs, p99Ms, maxMs }: Totals['gateway']['process']['loopDelay']): string {
  if (overMs === 0) return 'watched from now on';
  return `late by ${milliseconds(p99Ms)} (p99), ${milliseconds(maxMs)} at most, in the last ${span(overMs)}`;
}

type SinceStart = readonly [name: string, number: number, note: string];

/** Counters that are 0 say nothing. */
function sinceStart(counters: readonly SinceStart[]): readonly (readonly [string, string])[] {
  return counters
    .filter(([, number]) => number > 0)
    .map(([name, number, note]) => [
      name,
      `${count(number)} since the start${note === '' ? '' : `: ${note}`}`,
    ]);
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, each) => sum + each, 0);
}

function countsText(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .filter(([, number]) => number > 0)
    .map(([name, number]) => `${visible(name)} ${count(number)}`)
    .join(', ');
}
