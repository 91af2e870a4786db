import { defineCommand } from '../frame/command.js';
import { oneOf } from '../frame/operand.js';

export const config = defineCommand({
  name: 'config',
  group: 'run',
  summary: 'Check or print the configuration',
  about: [
    'check reads the configuration and the files it names as the gateway would, and says everything that is wrong; what is allowed but perhaps not meant is a line "warning: …".',
    'print writes the configuration as YAML, with the source of each value; secrets are masked.',
  ],
  operands: { action: oneOf(['check', 'print'], 'check or print.') },
  takesConfiguration: true,
  examples: [
    { line: 'sluice config check --config gateway.yaml', does: 'Before a restart.' },
    {
      line: 'sluice config print --stream.heartbeatInterval 10s > gateway.yaml',
      does: 'To begin a file.',
    },
  ],
  exitCodes: { config: 'The configuration is wrong.' },
  run: async ({ operands: { action }, flags }, io) => {
    const { configCommand } = await import('../config.js');
    return configCommand(action, flags, io);
  },
});
