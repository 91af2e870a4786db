import { defineRoute, SluiceError } from 'sluice';

export default defineRoute({
  open: ({ context }) => ({ most: context.options.most ?? 20, rolled: 0 }),
  async *message({ text }, session, player) {
    const [, count, sides] = /^(\d+)d(\d+)$/.exec(text) ?? [];
    if (!(count <= player.most))
      throw new SluiceError('INVALID_MESSAGE', `"${text}": send 1d6 to ${player.most}d6`);
    for (let n = 0; n < count; n += 1) yield `${++player.rolled}: ${Math.ceil(Math.random() * sides)}`;
  },
  close: ({ rolled }, { logger }) => logger.info({ rolled }, 'a player has left'),
});
