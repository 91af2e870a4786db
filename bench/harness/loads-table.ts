import { markdownTable } from './markdown.js';
import type { CaseRecord, RunRecord } from './record.js';

interface Row {
  readonly label: string;
  readonly cells: readonly string[];
  readonly subjects: string[];
}

/** Which columns there are beside the usual ones. */
interface Columns {
  readonly batched: boolean;
  readonly timed: boolean;
}

/** What was asked of the servers: a row for each load of the cases; none where the record does not tell. */
export function loadsTable(cases: readonly CaseRecord[]): string[] {
  const runs = cases.flatMap((one) => one.runs);
  if (runs.some(({ streams, outstanding }) => streams === undefined || outstanding === undefined)) return [];
  const batched = runs.some(({ batch }) => batch > 1);
  const timed = runs.every(({ seconds }) => seconds !== undefined);
  const rows = cases.flatMap((one) => rowsOf(one, { batched, timed }));
  const head = ['load', 'payload', 'streams', 'connections', 'frames under way on each'];
  if (batched) head.push('messages a frame');
  if (timed) head.push('measured for');
  return [
    markdownTable(
      head,
      rows.map(({ label, cells }) => [label, ...cells]),
    ),
  ];
}

/** One row for all who have the same load; where they differ, the rows name them. */
function rowsOf({ title, runs }: CaseRecord, columns: Columns): readonly Row[] {
  const rows: Row[] = [];
  for (const run of runs) {
    const label = run.variant ?? title;
    const cells = cellsOf(run, columns);
    const same = rows.find((row) => row.label === label && row.cells.join() === cells.join());
    if (same === undefined) rows.push({ label, cells, subjects: [run.subject] });
    else same.subjects.push(run.subject);
  }
  return rows.map((row) => {
    const isAlone = rows.filter(({ label }) => label === row.label).length === 1;
    return isAlone ? row : { ...row, label: `${row.label}: ${row.subjects.join(', ')}` };
  });
}

function cellsOf(run: RunRecord, { batched, timed }: Columns): string[] {
  const { payloadBytes, streams = 0, connections, outstanding = 0, batch, seconds = 0 } = run;
  const counts = [streams, connections, outstanding, ...(batched ? [batch] : [])];
  const time = timed ? [`${String(seconds)} s`] : [];
  return [bytes(payloadBytes), ...counts.map((count) => count.toLocaleString('en-US')), ...time];
}

function bytes(count: number): string {
  return count < 1024 ? `${String(count)} B` : `${String(count / 1024)} KiB`;
}
