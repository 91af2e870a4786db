import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.js';
import type { Config } from '../../../src/config/schema.js';
import { MESSAGE_OVERHEAD_BYTES } from '../../../src/flow/byte-account.js';

// `npm run docs` runs this file with --update, which writes what is compared here.

const PAGE = fileURLToPath(new URL('../../../docs/limits.md', import.meta.url));
const SECTION = /(<!-- generated: worst case -->\n)[\s\S]*?(<!-- end of worst case -->)/;
const MIB = 1024 * 1024;
/** Of an error's text, two bytes each. */
const ANSWER_BYTES = 2 * 500;

interface Bound {
  readonly what: string;
  readonly settings: readonly string[];
  readonly bytes: number;
}

/** Bytes of a queue that takes one message however large, and what its messages take beside them. */
function queue(config: Config, bytes: number, messages: number): number {
  return Math.max(bytes, config.server.maxMessageSize) + messages * MESSAGE_OVERHEAD_BYTES;
}

function ofConnection(config: Config): readonly Bound[] {
  const { server, stream } = config;
  return [
    {
      what: 'a message half received, and one inflating: twice',
      settings: ['server.maxMessageSize'],
      bytes: 2 * server.maxMessageSize,
    },
    {
      what: 'received, not handled, and what one read brought beyond it',
      settings: ['stream.receiveQueueSize', 'stream.receiveQueueMessages', 'server.streamWindow'],
      bytes: queue(config, stream.receiveQueueSize, stream.receiveQueueMessages) + server.streamWindow,
    },
    {
      what: 'to be sent',
      settings: ['stream.sendQueueSize', 'stream.sendQueueMessages'],
      bytes: queue(config, stream.sendQueueSize, stream.sendQueueMessages),
    },
    {
      what: 'handed to the network, not taken, and one message',
      settings: ['stream.sendBufferSize', 'server.maxMessageSize'],
      bytes: stream.sendBufferSize + server.maxMessageSize,
    },
    {
      what: 'answers',
      settings: ['stream.maxControlAnswers'],
      bytes: stream.maxControlAnswers * (ANSWER_BYTES + MESSAGE_OVERHEAD_BYTES),
    },
  ];
}

function ofSession(config: Config): readonly Bound[] {
  const { session } = config;
  return [
    {
      what: 'received, not finished with',
      settings: ['session.windowSize', 'session.windowMessages'],
      bytes: queue(config, session.windowSize, session.windowMessages),
    },
    {
      what: 'errors that the client may not know of',
      settings: ['session.windowMessages'],
      bytes: session.windowMessages * (ANSWER_BYTES + MESSAGE_OVERHEAD_BYTES),
    },
    {
      what: 'sent, not acknowledged',
      settings: ['session.maxWindowSize', 'session.maxWindowMessages'],
      bytes: queue(config, session.maxWindowSize, session.maxWindowMessages),
    },
    {
      what: 'waiting for its window',
      settings: ['session.waitingSize', 'session.waitingMessages'],
      bytes: queue(config, session.waitingSize, session.waitingMessages),
    },
    {
      what: 'kept for routes that ask for context',
      settings: ['session.recentSize', 'session.recentMessages'],
      bytes: session.recentSize + session.recentMessages * MESSAGE_OVERHEAD_BYTES,
    },
  ];
}

const sum = (bounds: readonly Bound[]): number => bounds.reduce((total, { bytes }) => total + bytes, 0);
const row = ({ what, settings, bytes }: Bound): string =>
  `| ${what} | ${settings.map((name) => `\`${name}\``).join(', ')} | ${mebibytes(bytes)} |`;

function mebibytes(bytes: number): string {
  const size = bytes / MIB;
  if (size >= 1024) return `${(size / 1024).toFixed(1)} GiB`;
  return `${size < 100 ? size.toFixed(1) : Math.round(size).toLocaleString('en-US')} MiB`;
}

function section(config: Config): string {
  const { session } = config;
  const connection = sum(ofConnection(config));
  const one = sum(ofSession(config));
  const whole = connection + session.maxPerConnection * one;
  const connections = Math.ceil(session.maxPerClient / session.maxPerConnection);
  return [
    '| of one connection | settings | at most |',
    '|---|---|---:|',
    ...ofConnection(config).map(row),
    `| **the connection itself** | | **${mebibytes(connection)}** |`,
    ...ofSession(config).map((bound) => row({ ...bound, what: `a session: ${bound.what}` })),
    `| **one opened session** | | **${mebibytes(one)}** |`,
    `| ${String(session.maxPerConnection)} of them | \`session.maxPerConnection\` | ${mebibytes(session.maxPerConnection * one)} |`,
    `| **one connection with all its sessions** | | **${mebibytes(whole)}** |`,
    `| **one client ID with all its sessions**, on ${String(connections)} connections | \`session.maxPerClient\` | **${mebibytes(connections * connection + session.maxPerClient * one)}** |`,
  ].join('\n');
}

test('the sum of what one client can hold is that of the defaults', async () => {
  const page = readFileSync(PAGE, 'utf8');
  expect(page).toMatch(SECTION);
  const body = page.replace(
    SECTION,
    (_, begin: string, end: string) => `${begin}\n${section(loadConfig().config)}\n\n${end}`,
  );
  await expect(body).toMatchFileSnapshot(PAGE);
});

test('a larger bound shows in the sum', () => {
  const { config } = loadConfig({ argv: ['--session.waitingSize', '64MiB'] });
  expect(sum(ofSession(config)) - sum(ofSession(loadConfig().config))).toBe((64 - 5) * MIB);
});
