import { defineCommand } from '../frame/command.js';
import { choice, duration, flag, integer, OUTPUT, text } from '../frame/option.js';
import { ADMIN } from '../look/admin-option.js';
import { SORTS } from '../top/sorts.js';

export const top = defineCommand({
  name: 'top',
  group: 'look',
  summary: 'Watch the connections of a gateway, their queues and rates',
  about: [
    'In a terminal the table is live. q quits; s or 1 to 5 order it by another column; w shows those alone that something holds up; / those of clients whose ID holds a text, Escape all again; space holds the table still.',
    'Elsewhere, and with --output json, it is printed once, or once an --interval. "received" and "to send" are the queues of a connection, "flight" are bytes that the network has not taken, and "slow" is what holds it up: docs/admin.md says what to do about each.',
  ],
  options: {
    admin: ADMIN,
    interval: duration({
      short: 'i',
      minMs: 100,
      maxMs: 3_600_000,
      defaultNote: '1s in a terminal, else once',
      help: 'How often it is looked.',
    }),
    sort: choice(SORTS, { short: 's', default: 'sendQueue', help: 'The most first.', placeholder: 'COLUMN' }),
    match: text({ short: 'm', help: 'Only clients whose ID holds this.' }),
    slow: flag({ short: 'w', help: 'Only connections that something holds up.' }),
    limit: integer({
      short: 'n',
      min: 1,
      max: 1_000,
      defaultNote: '20; in a terminal, what fits',
      help: 'So many connections.',
    }),
    output: OUTPUT,
  },
  examples: [
    { line: 'sluice top', does: 'The gateway on this machine.' },
    { line: 'sluice top --slow --output json | jq .shown', does: 'Who is slow, for a program.' },
    {
      line: 'sluice top --admin gateway-3:9464 --sort sendRate --interval 5s',
      does: 'Who is sent the most by another one.',
    },
  ],
  exitCodes: {
    unavailable: 'Nobody answers at the address.',
    protocol: 'What answers there is no admin address of a gateway.',
  },
  run: async ({ options }, io) => {
    const command = await import('../top.js');
    return command.top(options, io);
  },
});
