import { expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.js';
import { createLogger } from '../../../src/config/logger.js';

function capture(...argv: string[]): { logger: ReturnType<typeof createLogger>; lines: string[] } {
  const lines: string[] = [];
  const { config } = loadConfig({ argv: ['--node.id', 'n1', ...argv] });
  return { logger: createLogger(config, { write: (line) => void lines.push(line) }), lines };
}

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
});
