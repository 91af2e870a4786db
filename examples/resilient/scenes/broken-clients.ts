/** Each way to break is done, and its line in the log and its metric are looked for. */
import { type Break, breaks, tells } from '../breaks.js';
import { LINE_MS, shown } from '../gateway-log.js';
import type { Stage } from '../stage.js';

/** Of a line, what tells. */
const FIELDS = ['code', 'end', 'client', 'peer', 'reason'];

interface Outcome {
  readonly text: string;
  readonly isSeen: boolean;
  readonly isCounted: boolean;
}

/** Resolves with the table: what each client did, what it got, and how an operator sees it. */
export async function brokenClients(stage: Stage): Promise<string> {
  const outcomes = await Promise.all(
    breaks.map(async (way, index) => {
      await new Promise((resolve) => setTimeout(resolve, index * stage.breakMs));
      return done(stage, way, index + 1);
    }),
  );
  const many = outcomes.length;
  const seen = outcomes.filter(({ isSeen }) => isSeen).length;
  const counted = outcomes.filter(({ isCounted }) => isCounted).length;
  stage.report.prove(
    'an operator reads in the log of every way to break',
    seen === many,
    `${seen} of ${many}`,
  );
  stage.report.prove('… and sees it in a metric', counted === many, `${counted} of ${many}`);
  return outcomes.map(({ text }) => text).join('\n');
}

async function done({ address, log, marks, watch }: Stage, way: Break, number: number): Promise<Outcome> {
  const id = `broken-${number}`;
  const before = await watch.now(way.metric);
  marks.breaks(number, `a client ${way.what}`);
  const { got, peer = id } = await way.run(address, id);
  const line = await log.find((each) => tells(way, peer, each), LINE_MS);
  const after = await watch.risen(way.metric, before);
  const text = [
    `  ${String(number).padStart(2)}  a client ${way.what}`,
    `      it gets  ${got}`,
    `      log      ${line === undefined ? 'NOTHING' : shown(line, FIELDS)}`,
    `      metric   ${way.metric}  ${before} -> ${after}\n`,
  ].join('\n');
  return { text, isSeen: line !== undefined, isCounted: after > before };
}
