import { defineCommand } from '../frame/command.js';
import { optional } from '../frame/operand.js';

export const help = defineCommand({
  name: 'help',
  group: 'more',
  summary: 'Tell what there is, or all of a command',
  operands: { command: optional({ help: 'Which one; all of them without.' }) },
  examples: [{ line: 'sluice help serve', does: 'All that serve takes.' }],
  run: async ({ operands: { command } }, io, commands) => {
    const { showHelp } = await import('../help.js');
    return showHelp(command, io, commands);
  },
});
