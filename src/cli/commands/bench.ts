import { defineCommand } from '../frame/command.js';
import { optional } from '../frame/operand.js';
import { BENCH_OPTIONS } from '../talk/bench-options.js';
import { GATEWAY_EXITS } from '../talk/session-options.js';

export const bench = defineCommand({
  name: 'bench',
  group: 'talk',
  summary: 'Load a gateway, and measure what it carries',
  about: [
    'It measures client and gateway together: where both run on one machine, each has what the other leaves. Without --rate it sends as fast as answers come, which tells how much passes; how long a message takes is told by --rate, well below that. With it a time begins when the message was due, whether it could be sent then or not, so that a gateway that stops for a while is not flattered.',
  ],
  operands: { route: optional({ help: 'A route that answers each message with one; echo without.' }) },
  options: BENCH_OPTIONS,
  examples: [
    { line: 'sluice bench', does: 'How much passes.' },
    { line: 'sluice bench --rate 5000 --duration 30s', does: 'How long a message takes.' },
    { line: 'sluice bench --sessions 200 --streams 4 -o json', does: 'For a program.' },
  ],
  exitCodes: {
    ok: 'It was measured.',
    failed: 'Some messages failed, or were lost, or never answered.',
    ...GATEWAY_EXITS,
    interrupted: 'Ctrl-C: what was measured until then was told.',
  },
  run: async ({ operands: { route = 'echo' }, options }, io) => {
    const { benchCommand } = await import('../bench.js');
    return benchCommand(route, options, io);
  },
});
