import { defineCommand } from '../frame/command.js';
import { CHAT_OPTIONS } from '../talk/chat-options.js';
import { GATEWAY_EXITS, ROUTE } from '../talk/session-options.js';

export const chat = defineCommand({
  name: 'chat',
  group: 'talk',
  summary: 'Talk with a route, line by line',
  about: [
    'What you type is sent; what comes appears above the line you are typing. Arrow keys bring back earlier lines. /help tells the rest; Ctrl-D, or Ctrl-C, ends.',
    'Without a terminal it sends the lines of the standard input and prints what comes.',
  ],
  operands: { route: ROUTE },
  options: CHAT_OPTIONS,
  examples: [
    { line: 'sluice chat echo', does: 'With somebody who agrees.' },
    { line: 'printf "one\\ntwo\\n" | sluice chat echo', does: 'From a script.' },
  ],
  exitCodes: {
    ok: 'You ended it, or the route did.',
    failed: 'The session was ended with an error.',
    ...GATEWAY_EXITS,
  },
  run: async ({ operands: { route = '' }, options }, io) => {
    const { chatCommand } = await import('../chat.js');
    return chatCommand(route, options, io);
  },
});
