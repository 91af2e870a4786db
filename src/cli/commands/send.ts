import { defineCommand } from '../frame/command.js';
import { SEND_OPTIONS } from '../talk/send-options.js';
import { GATEWAY_EXITS, ROUTE } from '../talk/session-options.js';

export const send = defineCommand({
  name: 'send',
  group: 'talk',
  summary: 'Send messages to a route, and print what it answers',
  about: [
    'Each line of the input is a message; --data is one. It ends when the route is done with all of them and has said what it has to say: its answers go to the standard output, the summary to the standard error.',
    'Where the route is slower than the input, the input waits: a file of any size needs no more memory than a small one. Over a broken connection it goes on where it was.',
  ],
  operands: { route: ROUTE },
  options: SEND_OPTIONS,
  examples: [
    { line: 'sluice send echo --data hello', does: 'One message, and its answer.' },
    { line: 'sluice send echo --file access.log --no-answers', does: 'Each line of a file.' },
    { line: 'sluice tail prices -o json | sluice send archive --json', does: 'From one route to another.' },
  ],
  exitCodes: {
    ok: 'Everything was sent, and the route is done with it.',
    failed: 'Something was not, or the route failed on it: the summary counts it by code.',
    ...GATEWAY_EXITS,
    interrupted: 'Ctrl-C: what was sent until then was waited for shortly, and is in the summary.',
  },
  run: async ({ operands: { route = '' }, options }, io) => {
    const { sendCommand } = await import('../send.js');
    return sendCommand(route, options, io);
  },
});
