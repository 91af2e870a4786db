/** A client asks for more than `stream.throttle` gives: it gets everything, no faster than that. */
import { connect } from '../../../src/client/index.js';
import type { Stage } from '../stage.js';

const MESSAGES = 3_000;
/** `stream.throttle.messagesPerSecond`; silence saves up one second's worth. */
const PER_SECOND = 1_000;
/** What was under way when the clock was read. */
const SLACK = 50;

export async function throttled({ address, marks, report }: Stage): Promise<void> {
  await using client = connect(address, { clientId: 'greedy' });
  const session = await client.open('echo');
  marks.happens('a greedy client');
  const startedAt = performance.now();
  const sending = (async () => {
    for (let n = 1; n <= MESSAGES; n += 1) await session.send(String(n));
  })();
  let answers = 0;
  for await (const { text } of session) {
    if (text !== String(answers + 1)) break;
    answers += 1;
    if (answers === MESSAGES) break;
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  await sending;
  report.prove(
    'who asks for more than its rate is held back, and loses nothing',
    answers === MESSAGES && answers <= PER_SECOND * (1 + seconds) + SLACK,
    `${answers} of ${MESSAGES} answers in ${seconds.toFixed(1)} s, at ${PER_SECOND} a second after what a second of silence had saved up`,
  );
}
