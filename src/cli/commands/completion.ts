import { defineCommand } from '../frame/command.js';
import { oneOf } from '../frame/operand.js';

export const completion = defineCommand({
  name: 'completion',
  group: 'more',
  summary: 'Print the completion script of a shell',
  about: ['Completes commands, options, their choices, files, and every key of the configuration.'],
  operands: { shell: oneOf(['bash', 'zsh', 'fish'], 'bash, zsh or fish.') },
  examples: [
    { line: 'source <(sluice completion bash)', does: 'In ~/.bashrc; the same with zsh in ~/.zshrc.' },
    {
      line: 'sluice completion fish > ~/.config/fish/completions/sluice.fish',
      does: 'Once, and again after an upgrade.',
    },
  ],
  run: async ({ operands: { shell } }, io, commands) => {
    const command = await import('../completion.js');
    return command.completion(shell, io, commands);
  },
});
