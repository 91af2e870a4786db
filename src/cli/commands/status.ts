import { defineCommand } from '../frame/command.js';
import { OUTPUT } from '../frame/option.js';
import { ADMIN } from '../look/admin-option.js';

export const status = defineCommand({
  name: 'status',
  group: 'look',
  summary: 'Tell how a gateway is, and what is wrong with it',
  about: [
    'Asks its admin address (docs/admin.md): is it ready and since when, where clients connect, how many connections and sessions there are, what passes, what waits, and what somebody should look at.',
  ],
  options: { admin: ADMIN, output: OUTPUT },
  examples: [
    { line: 'sluice status', does: 'Of the gateway on this machine.' },
    {
      line: 'sluice status --admin gateway-3:9464 --output json | jq .findings',
      does: 'What is wrong with another one, for a program.',
    },
  ],
  exitCodes: {
    ok: 'The gateway is ready.',
    failed: 'It is not: it starts, or drains.',
    unavailable: 'Nobody answers at the address.',
    protocol: 'What answers there is no admin address of a gateway.',
  },
  run: async ({ options }, io) => {
    const command = await import('../status.js');
    return command.status(options, io);
  },
});
