import { defineCommand } from '../frame/command.js';
import { GATEWAY_EXITS, ROUTE } from '../talk/session-options.js';
import { TAIL_OPTIONS } from '../talk/tail-options.js';

export const tail = defineCommand({
  name: 'tail',
  group: 'talk',
  summary: 'Follow what a route, or a topic, sends',
  about: [
    'Each message is a line. It goes on over broken connections and gateways that start anew; what was lost on the way is said: on the standard error, or with --output json as an object with "event" between the messages.',
    'With --output json a message is {"data": "text"} or, where it is not UTF-8, {"base64": "…"}, with its "key", "metadata", "sequence" and "timestampMs".',
  ],
  operands: { route: ROUTE },
  options: TAIL_OPTIONS,
  examples: [
    { line: 'sluice tail prices --subject EUR', does: 'Until Ctrl-C.' },
    { line: 'sluice tail prices -n 10 -o json | jq .data', does: 'Ten messages, for a program.' },
    {
      line: 'sluice tail --topic orders/eu --history 100',
      does: 'A topic, and its last hundred messages first.',
    },
  ],
  exitCodes: {
    ok: 'As many messages as were wanted; or the route has ended the session; or Ctrl-C where no --count was given.',
    failed: 'The session was ended with an error.',
    ...GATEWAY_EXITS,
    interrupted: 'Ctrl-C, before there were --count messages.',
  },
  run: async ({ operands: { route }, options }, io) => {
    const { tailCommand } = await import('../tail.js');
    return tailCommand(route, options, io);
  },
});
