import { FIGURES, threeDigits, type Figure } from './figures.js';
import { markdownTable } from './markdown.js';
import type { BenchRecord } from './record.js';
import { roundsNote, spread } from './report.js';

/** A ratio this near to 1 is a tie. */
const TIE = 0.03;

const MORE_IS_BETTER: ReadonlySet<Figure> = new Set(['messagesPerCpuSecond', 'messagesPerSecond']);

/** Where a peer under the same load did better than Sluice, the worst first. */
export function peersAhead(record: BenchRecord, peers: readonly string[] = ['go', 'plain']): string {
  const rows = record.cases.flatMap(({ title, ratios }) =>
    ratios.flatMap(({ of, to, figure, ratio }) => {
      const isComparison = subjectIn(of).startsWith('sluice') && peers.includes(subjectIn(to));
      if (!isComparison || loadIn(of) !== loadIn(to)) return [];
      const times = MORE_IS_BETTER.has(figure) ? 1 / ratio.median : ratio.median;
      if (times < 1 + TIE) return [];
      const load = loadIn(of) === '' ? title : `${title}: ${loadIn(of)}`;
      const names = `${subjectIn(of)} / ${subjectIn(to)}`;
      return [
        {
          times,
          cells: [
            load,
            names,
            FIGURES[figure].title,
            `${threeDigits(ratio.median)}${roundsNote(ratio, record.rounds)}`,
            spread(ratio, threeDigits),
          ],
        },
      ];
    }),
  );
  if (rows.length === 0) return 'Nowhere in this run by more than 3 %.';
  return markdownTable(
    ['load', '', 'figure', 'ratio', 'min..max'],
    rows.sort((a, b) => b.times - a.times).map(({ cells }) => cells),
    ['left', 'left', 'left', 'right', 'right'],
  );
}

function subjectIn(key: string): string {
  return key.split(', ')[0] ?? key;
}

function loadIn(key: string): string {
  return key.slice(subjectIn(key).length + 2);
}
