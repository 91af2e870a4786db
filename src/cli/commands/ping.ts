import { defineCommand } from '../frame/command.js';
import { PING_OPTIONS } from '../talk/ping-options.js';
import { GATEWAY_EXITS } from '../talk/session-options.js';

export const ping = defineCommand({
  name: 'ping',
  group: 'talk',
  summary: 'Measure round trips to a gateway',
  about: [
    'Each ping is a health check of the protocol, answered by the gateway itself: no route has a part in it. At the end the distribution of the times is told.',
  ],
  options: PING_OPTIONS,
  examples: [
    { line: 'sluice ping', does: 'One a second, until Ctrl-C.' },
    { line: 'sluice ping -c 1000 -i 0', does: 'A thousand, one after the other.' },
    { line: 'sluice ping -c 5 -o json', does: 'For a program.' },
  ],
  exitCodes: {
    ok: 'Every ping was answered.',
    failed: 'Some were not.',
    ...GATEWAY_EXITS,
  },
  run: async ({ options }, io) => {
    const { pingCommand } = await import('../ping.js');
    return pingCommand(options, io);
  },
});
