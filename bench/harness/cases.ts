import { buildCase, plainCase, USUAL, variedCase } from './case-builders.js';
import type { BenchCase, Load, Pair, Run } from './case.js';
import type { Subject } from './subjects.js';

const ALL: readonly Subject[] = ['sluice', 'sluice-simple', 'go', 'plain', 'http2'];
const STREAMING: readonly Subject[] = ['sluice', 'sluice-simple', 'go', 'plain'];
/** Those that look a session up for each message. */
const WITH_SESSIONS: readonly Subject[] = ['sluice', 'sluice-simple', 'go'];

/** Of a core's time, how much may be planned with: above it latency grows faster than load. */
export const PLANNED_SHARE = 0.6;

/** Each with one message under way: what comes alone. */
const CROWD = { connections: 4000, streams: 4000, outstanding: 1 } as const;

const PAYLOADS = [
  { bytes: 16, name: '16b', title: '16 B' },
  { bytes: 256, name: '256b', title: '256 B' },
  { bytes: 4 * 1024, name: '4k', title: '4 KiB' },
  { bytes: 256 * 1024, name: '256k', title: '256 KiB' },
] as const;

/** Frames under way on each stream, for the payloads in turn: enough to be busy, within the windows in bytes. */
const STREAMS = [
  { streams: 1, connections: 1, outstanding: [64, 64, 16, 2] },
  { streams: 20, connections: 4, outstanding: [16, 16, 16, 2] },
  // 1,000 × 256 KiB would be half a gigabyte under way: left out.
  { streams: 1000, connections: 50, outstanding: [2, 2, 2] },
] as const;

const echo = STREAMS.flatMap(({ streams, connections, outstanding }) =>
  outstanding.map((frames, index) => {
    const payload = PAYLOADS[index]!;
    const main = streams === 20 && payload.bytes === 256;
    return plainCase({
      name: `echo-${String(streams)}x${payload.name}`,
      group: 'echo',
      title: `${amount(streams, 'stream')} on ${amount(connections, 'connection')}, ${payload.title}`,
      // The other peers tell most where everybody is measured.
      subjects: main ? ALL : streams === 20 ? STREAMING : streams === 1 ? ['sluice', 'go'] : WITH_SESSIONS,
      load: { streams, connections, outstanding: frames, payloadBytes: payload.bytes },
      ...(main ? { quick: {} } : {}),
    });
  }),
);

/** The Go original knows single messages only: it is measured with those. */
const batches = ([1, 8, 64] as const).map((batch): BenchCase => {
  const built = plainCase({
    name: `batches-${String(batch)}`,
    group: 'batches',
    title: `StreamBatches of ${String(batch)} (go: single messages)`,
    subjects: WITH_SESSIONS,
    load: { method: 'StreamBatches', batch, outstanding: batch === 64 ? 2 : 16 },
    ...(batch === 8 ? { quick: { subjects: ['sluice', 'go'] } } : {}),
  });
  const alone = { method: 'StreamData', batch: 1, outstanding: 16 } as const;
  const runs = built.runs.map((run) =>
    run.subject.startsWith('sluice') ? run : { ...run, load: { ...run.load, ...alone } },
  );
  return { ...built, runs };
});

export const CASES: readonly BenchCase[] = [
  ...echo,
  ...batches,
  plainCase({
    name: 'fan-out',
    group: 'fan-out',
    title: 'one publisher to 1,000 streams on 20 connections (messages: deliveries)',
    subjects: STREAMING,
    load: { mode: 'fanout', streams: 1000, connections: 20, outstanding: 4 },
    // Opened subscribers that are gone are waited for, for two minutes: they would hold the next run's publisher.
    freshServers: true,
    quick: { load: { streams: 100, connections: 4 }, subjects: ['sluice', 'go', 'plain'] },
  }),
  plainCase({
    name: 'ingest',
    group: 'ingest',
    title: 'taken and not answered, 20 streams',
    subjects: STREAMING,
    // More than half a window (of 256): what is acknowledged waits for no timer.
    load: { mode: 'ingest', outstanding: 200 },
    quick: { subjects: ['sluice', 'go'] },
  }),
  variedCase({
    name: 'latency',
    group: 'latency',
    title: 'open loop at a quarter and at half of what plain can do, the same rates for all',
    subjects: ALL,
    figure: 'p99Ms',
    variants: {
      // About half a core of plain: what comes alone costs more than what comes in crowds.
      'a quarter': { outstanding: 128, rateShare: 1 / 4 },
      'half load': { outstanding: 128, rateShare: 1 / 2 },
    },
    seconds: 4,
    pace: { run: { subject: 'plain', load: USUAL }, figure: 'messagesPerSecond' },
    quick: { subjects: ['sluice', 'plain'] },
  }),
  variedCase({
    name: 'planned',
    group: 'planned',
    title: '4,000 connections, open loop at shares of what a core of Sluice can do',
    subjects: ['sluice'],
    figure: 'p99Ms',
    variants: {
      [`${String(PLANNED_SHARE / 2)} of a core`]: { ...CROWD, outstanding: 64, rateShare: PLANNED_SHARE / 2 },
      [`${String(PLANNED_SHARE)} of a core`]: { ...CROWD, outstanding: 64, rateShare: PLANNED_SHARE },
    },
    seconds: 4,
    pace: {
      run: { subject: 'sluice', load: { ...USUAL, ...CROWD } },
      figure: 'messagesPerCpuSecond',
    },
    quick: { load: { connections: 200, streams: 200 } },
  }),
  variedCase({
    name: 'stalled',
    group: 'stalled',
    title: '180 clients; and 20 more that send and never read',
    subjects: ['sluice', 'go', 'plain'],
    variants: {
      // Nothing here takes its time.
      'none stalled': { connections: 180, streams: 180, outstanding: 4, seconds: 6 },
      '10 % stalled': { connections: 180, streams: 180, outstanding: 4, stalled: 20 },
    },
    // Beyond stream.sendTimeout (15 s): those who stall are ended, and come again.
    seconds: 20,
    quick: { load: { connections: 18, streams: 18, stalled: 2 }, subjects: ['sluice'] },
  }),
  variedCase({
    name: 'sessions',
    group: 'sessions',
    title: '20 streams, one session on each or a hundred',
    subjects: WITH_SESSIONS,
    variants: { '1 session': {}, '100 sessions': { sessionsPerStream: 100, outstanding: 16 } },
    quick: { subjects: ['sluice'] },
  }),
  plainCase({
    name: 'tls',
    group: 'tls',
    title: 'the usual echo over TLS',
    subjects: STREAMING,
    load: { tls: true },
    quick: { subjects: ['sluice', 'go'] },
  }),
  unaryCase(),
  variedCase({
    name: 'scale',
    group: 'scale',
    title: '4,000 messages under way, on 20 connections or on 4,000',
    subjects: ['sluice', 'go', 'plain'],
    variants: {
      '20 connections': { connections: 20, streams: 20, outstanding: 200 },
      '4,000 connections': CROWD,
    },
    // With 4,000 under way a round trip is a sixth of a second.
    seconds: 4,
    // What 4,000 connections have left behind in the heap is not what 20 cost.
    freshServers: true,
    quick: { load: { connections: 200, streams: 200 }, subjects: ['sluice', 'go'] },
  }),
  plainCase({
    name: 'idle',
    group: 'idle',
    title: '5,000 connections of their own with a session each, quiet',
    subjects: STREAMING,
    figure: 'rssMaxBytes',
    load: { mode: 'idle', connections: 5000, streams: 5000, outstanding: 1 },
    warmupSeconds: 0,
    seconds: 4,
    // Memory is measured in a process that has done nothing else.
    freshServers: true,
    quick: { load: { connections: 100, streams: 100 }, subjects: ['sluice', 'go'] },
  }),
];

/** What streaming saves. The gateway has no unary calls yet: its stream is beside the peers' calls. */
function unaryCase(): BenchCase {
  const unary: Load = { ...USUAL, mode: 'unary' };
  const runs: readonly Run[] = [
    { subject: 'sluice', variant: 'stream', load: USUAL },
    { subject: 'go', variant: 'stream', load: USUAL },
    { subject: 'go', variant: 'unary', load: unary },
    { subject: 'plain', variant: 'stream', load: USUAL },
    { subject: 'plain', variant: 'unary', load: unary },
  ];
  const pairs: readonly Pair[] = [
    { of: 'go, stream', to: 'go, unary' },
    { of: 'plain, stream', to: 'plain, unary' },
    { of: 'sluice, stream', to: 'go, unary' },
    { of: 'sluice, stream', to: 'plain, unary' },
  ];
  return buildCase(
    {
      name: 'unary',
      group: 'unary',
      title: 'the same exchange on streams and as unary calls',
      quick: { subjects: ['go', 'plain'] },
    },
    runs,
    pairs,
  );
}

function amount(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}
