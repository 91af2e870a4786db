import { setTimeout as sleep } from 'node:timers/promises';

/** Takes its time with each event, as a database would, and has a few workers for all clients. */
let idle = 0;
const waiting = [];

async function worked(ms) {
  if (idle > 0) idle -= 1;
  else await new Promise((resolve) => waiting.push(resolve));
  await sleep(ms);
  const next = waiting.shift();
  if (next === undefined) idle += 1;
  else next();
}

export default {
  start({ options }) {
    idle = options.workers;
  },
  // The next event of a client comes when this one is done: the events wait in the gateway, at most twenty.
  async message({ key, data }, { context }) {
    const { minMs, maxMs } = context.options;
    await worked(minMs + Math.random() * (maxMs - minMs));
    return { key, data: String(data.length) };
  },
};
