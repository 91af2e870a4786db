/** A chat room: somebody comes late, loses the network in the middle, and has missed nothing. */
import { connect } from '../../../src/client/index.js';
import { Cable } from '../../kit/cable.js';
import type { Stage } from '../stage.js';

const SAID_BEFORE = 20;

export async function chat({ address, awayMs, marks, report }: Stage): Promise<void> {
  const lines = SAID_BEFORE + 100;
  using cable = await Cable.to(address);
  await using ann = connect(address, { clientId: 'ann' });
  await using ben = connect(cable.address, { clientId: 'ben', backoff: { maxMs: 500 } });
  const said = await ann.open('chat', { subject: 'lobby' });
  for (let n = 1; n <= SAID_BEFORE; n += 1) await said.sendAndWait(`line ${n}`);

  const heard = await ben.open('chat', { subject: 'lobby', history: 100 });
  const talking = (async () => {
    for (let n = SAID_BEFORE + 1; n <= lines; n += 1) {
      await said.send(`line ${n}`);
      await new Promise((resolve) => setTimeout(resolve, awayMs / 50));
    }
  })();
  let expected = 1;
  for await (const message of heard) {
    if (message.text !== `line ${expected}`) break;
    if (expected === SAID_BEFORE + 20) {
      marks.happens('chat: no network');
      void cable.cutFor(awayMs);
    }
    expected += 1;
    if (expected > lines) break;
  }
  await talking;
  await ben.close();
  const heardLines = expected - 1;
  report.prove(
    'a chat is resumed where it was, with its history, and every line comes once, also those said meanwhile',
    heardLines === lines,
    `${heardLines} of ${lines} lines in order, ${SAID_BEFORE} of them history; the network was gone for ${awayMs} ms`,
  );
}
