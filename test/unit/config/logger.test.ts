import { expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.js';
import { createLogger, type LogReader } from '../../../src/config/logger.js';
import { PeriodicReport } from '../../../src/metrics/periodic-report.js';
import { StreamMetrics } from '../../../src/metrics/stream-metrics.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

interface Captured {
  readonly logger: ReturnType<typeof createLogger>;
  readonly lines: string[];
}

function capture(...argv: string[]): Captured {
  return captureFor({}, ...argv);
}

function captureFor(reader: LogReader, ...argv: string[]): Captured {
  const lines: string[] = [];
  const { config } = loadConfig({ argv: ['--node.id', 'n1', ...argv] });
  return { logger: createLogger(config, { write: (line) => void lines.push(line) }, reader), lines };
}

test.each([
  ['auto', false, false],
  ['auto', true, true],
  ['json', true, false],
  ['pretty', false, true],
] as const)('format %s, at a terminal: %s, is for people: %s', (format, terminal, readable) => {
  const { logger, lines } = captureFor({ terminal, env: {} }, '--log.format', format);
  logger.info('hello');
  expect(lines[0]?.startsWith('{')).toBe(!readable);
});

test.each([
  [true, {}, '\u001b[33mWARN \u001b[39m hello\n'],
  [true, { NO_COLOR: '' }, '\u001b[33mWARN \u001b[39m hello\n'],
  [true, { NO_COLOR: '1' }, 'WARN  hello\n'],
  [true, { TERM: 'dumb' }, 'WARN  hello\n'],
  [false, {}, 'WARN  hello\n'],
])('the level has a colour on a terminal only: %s %j', (terminal, env, expected) => {
  const { logger, lines } = captureFor({ terminal, env }, '--log.format', 'pretty');
  logger.warn('hello');
  expect(lines[0]?.slice(13)).toBe(expected);
});

test('a readable metrics line leaves out what is 0 or empty; other lines do not', () => {
  const { logger, lines } = capture('--log.format', 'pretty');
  logger.info({ connections: 0, why: '' }, 'draining');
  expect(lines[0]).toContain('draining connections=0 why=""\n');
  const clock = new FakeClock();
  const sources = {
    connections: () => 3,
    sessions: () => 0,
    sockets: () => 0,
    queues: () => ({
      receive: { messages: 0, bytes: 0, maxMessages: 0 },
      send: { messages: 0, bytes: 0, maxMessages: 0 },
      bytesInFlight: 0,
    }),
    windowed: () => ({
      sessions: 0,
      detached: 0,
      detachedBytes: 0,
      ended: 0,
      endedBytes: 0,
      inFlight: { messages: 0, bytes: 0 },
      waiting: { messages: 0, bytes: 0 },
      unhandled: { messages: 0, bytes: 0 },
      most: { inFlight: 0, waiting: 0, unhandled: 0 },
    }),
    memory: () => ({ bufferedBytes: 0, budgetBytes: 0 }),
  };
  const report = new PeriodicReport({
    clock,
    logger,
    metrics: new StreamMetrics(),
    sources,
    intervalMs: 1_000,
    monitorLoop: () => ({ read: () => ({ meanMs: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 }), stop: () => undefined }),
  });
  report.start();
  clock.advance(1_000);
  report.stop();
  expect(lines).toHaveLength(3);
  for (const line of lines.slice(1)) {
    expect(line).not.toMatch(/=(0|"")[ \n]/);
    expect(line).toContain(' connections=3 ');
  }
});

test('one JSON object a line, with ISO time, level, service and node', () => {
  const { logger, lines } = capture();
  logger.debug('not this');
  logger.info({ connections: 3 }, 'hello');
  expect(lines).toHaveLength(1);
  const line = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
  expect(line).toEqual({
    level: 'info',
    time: line['time'],
    service: 'sluice',
    node: 'n1',
    connections: 3,
    msg: 'hello',
  });
  expect(new Date(String(line['time'])).toISOString()).toBe(line['time']);
});

test('the level is the configured one', () => {
  const { logger, lines } = capture('--log.level', 'error');
  logger.warn('no');
  logger.error('yes');
  expect(lines).toHaveLength(1);
});

test.each(['json', 'pretty'])('secrets are masked (%s)', (format) => {
  const { logger, lines } = capture('--log.format', format);
  const authorization = 'Bearer hunter2';
  logger.info(
    {
      authorization,
      metadata: { authorization },
      call: { metadata: { authorization, peer: 'p' } },
      control: { resumeToken: 'hunter2' },
    },
    'call',
  );
  expect(lines.join('')).not.toContain('hunter2');
  expect(lines.join('')).toContain('[hidden]');
});

test('a readable line has time, level, message and fields; errors bring their stack', () => {
  const { logger, lines } = capture('--log.format', 'pretty');
  logger.warn({ client: 'c1', note: 'two words', queue: { messages: 2 } }, 'slow');
  expect(lines[0]).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} WARN {2}slow client=c1 note="two words" queue=\{"messages":2\}\n$/,
  );
  logger.error(new Error('boom'));
  expect(lines[1]).toMatch(/^\S+ ERROR boom\nError: boom\n {4}at /);
});

test('a readable line can not be steered by what a client chose', () => {
  const { logger, lines } = capture('--log.format', 'pretty');
  logger.info({ client: 'a\nFATAL fake \u001b[2J\u009b1m' }, 'x\r\ny\u009b');
  expect(lines[0]).toMatch(/^[\x20-\x7e]*\n$/);
  logger.error(new Error('\u001b[2J\u009b1m'));
  expect(lines[1]).toMatch(/^[\x20-\x7e\n]*$/);
});
