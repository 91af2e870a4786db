import type { Paint } from '../frame/paint.js';
import { cellsOf, cut } from '../frame/text-width.js';

/** A shorter bar says nothing. Cells. */
const MIN_BAR = 8;
const MAX_BAR = 30;
/** Eighths of a cell. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const;

/** A bar of so many cells, filled for `share` (0 to 1). */
export function bar(share: number, cells: number): { readonly filled: string; readonly empty: string } {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * cells * 8);
  const filled = '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '');
  return { filled, empty: '░'.repeat(cells - Math.ceil(eighths / 8)) };
}

/**
 * One line of at most `columns`: the bar, its percentage, then as many of the
 * `notes` as there is room for, the first ones first. Without a `share` there is no bar.
 */
export function progressLine(
  share: number | undefined,
  notes: readonly string[],
  columns: number,
  paint: Paint,
): string {
  if (share === undefined) return fitting(notes, columns);
  const percent = `${String(Math.floor(Math.min(1, share) * 100)).padStart(3)} %`;
  const words = fitting([percent, ...notes], columns - MIN_BAR - 1);
  const cells = Math.min(MAX_BAR, columns - 1 - cellsOf(words));
  if (cells < MIN_BAR) return cut(percent.trim(), columns);
  const { filled, empty } = bar(share, cells);
  return `${paint.accent(filled)}${paint.dim(empty)} ${words}`;
}

function fitting(notes: readonly string[], columns: number): string {
  let line = '';
  for (const note of notes) {
    const longer = line === '' ? note : `${line}  ${note}`;
    if (cellsOf(longer) > columns) break;
    line = longer;
  }
  return line;
}
