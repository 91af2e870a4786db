import { expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.js';
import { ConfigError, showMistake } from '../../../src/config/mistake.js';

// The checks of opened sessions and of the memory budget; load.test.ts has the others.

function mistakes(line: string): string[] {
  try {
    loadConfig({ argv: line.split(' ').filter(Boolean) });
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes.map(showMistake);
    throw error;
  }
  return [];
}

const NO_RECEIVE = '--stream.receiveTimeout 0';
const NO_FIRST = '--stream.firstMessageTimeout 0';
const NO_KEEPALIVE = '--server.keepaliveInterval 0';
const NO_HEALTH = '--health.interval 0';

test.each([
  '',
  // One way to find a dead connection is enough, before its first message and after it.
  `${NO_KEEPALIVE} ${NO_HEALTH}`,
  `${NO_RECEIVE} ${NO_FIRST} ${NO_HEALTH}`,
  `${NO_RECEIVE} ${NO_KEEPALIVE} --session.resumeWindow 178s`,
  '--session.resumeWindow 26s',
  '--stream.receiveTimeout 10m --session.resumeWindow 71s',
])('a resume window longer than a dead connection lives: %j', (line) => {
  expect(mistakes(line)).toEqual([]);
});

test.each([
  [
    '--session.resumeWindow 25s',
    'session.resumeWindow = "25s" (--session.resumeWindow): expected more than stream.receiveTimeout = "25s" (default), or what a dead connection still brings could replace a later session',
  ],
  [
    '--session.resumeWindow 20s --stream.receiveTimeout 15s --stream.heartbeatInterval 10s --stream.firstMessageTimeout 20s',
    'expected more than stream.firstMessageTimeout = "20s" (--stream.firstMessageTimeout), or',
  ],
  [
    // 30 s + 30 s + 10 s
    `${NO_RECEIVE} ${NO_HEALTH} --session.resumeWindow 70s`,
    'expected more than twice server.keepaliveInterval = "30s" (default) and server.keepaliveTimeout = "10s" (default), or',
  ],
  [
    // 2 min + 45 s + 2 s + 10 s
    `${NO_RECEIVE} ${NO_KEEPALIVE} --session.resumeWindow 177s`,
    'expected more than health.maxInactivity = "2m" (default), health.interval = "45s" (default), health.probeQueueTimeout = "2s" (default) and health.probeAnswerTimeout = "10s" (default) together, or',
  ],
  [
    `${NO_RECEIVE} ${NO_KEEPALIVE} ${NO_HEALTH}`,
    'session.resumeWindow = "2m" (default): it needs server.keepaliveInterval, health.interval, or both stream.receiveTimeout and stream.firstMessageTimeout: nothing else gives up',
  ],
  [`${NO_FIRST} ${NO_KEEPALIVE} ${NO_HEALTH}`, 'session.resumeWindow = "2m" (default): it needs'],
])('a resume window that a dead connection outlives: %s', (line, expected) => {
  expect(mistakes(line)).toEqual([expect.stringContaining(expected)]);
});

test.each([
  ['session.maxDetached', '9000', 'session.max', '8000', '--session.maxPerClient 1000'],
  ['session.maxEndedPerClient', '200', 'session.maxEnded', '100', ''],
  ['session.windowMessages', '200', 'session.maxWindowMessages', '100', ''],
  ['session.windowSize', '200KiB', 'session.maxWindowSize', '100KiB', ''],
  ['session.maxPayloadSize', '200KiB', 'session.windowSize', '100KiB', ''],
  ['session.maxWindowSize', '20MiB', 'session.maxDetachedSize', '10MiB', ''],
  ['session.waitingSize', '20MiB', 'session.maxDetachedSize', '10MiB', ''],
  ['session.maxDetachedSize', '200MiB', 'memory.budget', '100MiB', ''],
  ['session.windowSize', '2MiB', 'memory.budget', '1500KiB', ''],
  ['session.waitingSize', '3MiB', 'memory.budget', '2MiB', ''],
  ['server.maxMessageSize', '6MiB', 'memory.budget', '4MiB', ''],
])(
  '%s = %s is out of reach of %s = %s only where neither is a default',
  (key, small, other, large, with_) => {
    expect(mistakes(`--${key} ${small} --${other} ${large} ${with_}`)).toEqual([
      `${key} = "${small}" (--${key}): expected at most ${other} = "${large}" (--${other})`,
    ]);
    expect(mistakes(`--${other} ${large}`)).toEqual([]);
    expect(mistakes(`--${key} ${large} --${other} ${small}`)).toEqual([]);
  },
);

test('a budget of 0 is none of a number and bounds nothing', () => {
  expect(mistakes('--memory.budget 0 --session.waitingSize 1GiB')).toEqual([]);
});

test('windows are never smaller than what may follow an Open at once', () => {
  expect(mistakes('--session.windowMessages 63 --session.windowSize 65535B')).toEqual([
    expect.stringContaining('expected an integer from 64 to 1000000'),
    expect.stringContaining('from 64KiB to 1GiB'),
  ]);
});

test.each([
  ['{"echo":{"kind":"echo","overflow":"conflate","allowedOverflow":["block","conflate"]}}', []],
  ['{"echo":{"kind":"echo","overflow":"conflate"}}', []],
  [
    '{"echo":{"kind":"echo","overflow":"conflate","allowedOverflow":["block","disconnect"]}}',
    ['routes.echo.overflow = "conflate" (--routes): expected one of its allowedOverflow: block, disconnect'],
  ],
  [
    '{"echo":{"kind":"echo","allowedOverflow":["conflate"]}}',
    ['routes.echo.overflow = "block" (--routes): expected one of its allowedOverflow: conflate'],
  ],
  [
    '{"echo":{"kind":"echo","allowedOverflow":["conflate","block","conflate","drop"]}}',
    [expect.stringMatching(/^routes\.echo\.allowedOverflow = "drop" \(--routes\): expected one of block, /)],
  ],
  [
    '{"echo":{"kind":"echo","allowedOverflow":["block","block"]}}',
    [
      expect.stringMatching(
        /^routes\.echo\.allowedOverflow = .*: expected every word once; block is there twice$/,
      ),
    ],
  ],
  [
    '{"echo":{"kind":"echo","payload":"whole"}}',
    ['routes.echo.payload (--routes): a route of kind echo has no such option'],
  ],
])('overflow of routes: %s', (routes, expected) => {
  expect(mistakes(`--routes ${routes}`)).toEqual(expected);
});

test.each([
  ['{"echo":{"kind":"echo"},"rooms":{"kind":"topic"}}', '', []],
  [
    '{"echo":{"kind":"echo"},"rooms":{"kind":"topic","historySize":"2MiB","maxHistorySize":"1MiB"}}',
    '',
    ['routes.rooms.historySize = "2MiB" (--routes): expected at most its maxHistorySize, 1048576 bytes'],
  ],
  // The smaller of the two holds where one of them is a default.
  ['{"echo":{"kind":"echo"},"rooms":{"kind":"topic"}}', ' --session.waitingMessages 70', []],
  ['{"echo":{"kind":"echo"},"rooms":{"kind":"topic","historyMessages":1000}}', '', []],
  [
    '{"echo":{"kind":"echo"},"rooms":{"kind":"topic","historyMessages":1000}}',
    ' --session.waitingMessages 600',
    [
      'routes.rooms.historyMessages = "1000" (--routes): expected at most session.waitingMessages = "600" (--session.waitingMessages)',
    ],
  ],
  [
    '{"echo":{"kind":"echo"},"rooms":{"kind":"topic","overflow":"drop"}}',
    '',
    [expect.stringContaining('routes.rooms.overflow = "drop"')],
  ],
])('topics: %s%s', (routes, more, expected) => {
  expect(mistakes(`--routes ${routes}${more}`)).toEqual(expected);
});
