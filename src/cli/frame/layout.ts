import { cellsOf } from './text-width.js';

/** Longer lines are hard to read, however wide the terminal is. */
const MAX_COLUMNS = 100;
const MIN_COLUMNS = 40;
/** A first column wider than this stands on a line of its own. */
const MAX_FIRST = 30;

export interface Row {
  /** As it is shown; `paint` is put on it afterwards. */
  readonly first: string;
  readonly text: string;
}

export function readableColumns(columns: number): number {
  return Math.min(MAX_COLUMNS, Math.max(MIN_COLUMNS, columns));
}

/** Breaks a text at blanks, so that no line is longer than `columns` but for a word that is. */
export function wrap(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && cellsOf(line) + 1 + cellsOf(word) > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines;
}

/** Two columns, the second one aligned and wrapped. Each line ends with a newline. */
export function table(rows: readonly Row[], columns: number, paintFirst: (text: string) => string): string {
  const widths = rows.map(({ first }) => cellsOf(first)).filter((width) => width <= MAX_FIRST);
  const width = Math.max(0, ...widths);
  const indent = ' '.repeat(2 + width + 2);
  let text = '';
  for (const row of rows) {
    const lines = wrap(row.text, Math.max(20, columns - indent.length));
    const gap = width - cellsOf(row.first);
    const head = `  ${paintFirst(row.first)}`;
    text += gap < 0 ? `${head}\n${indent}` : `${head}${' '.repeat(gap + 2)}`;
    text += `${lines.join(`\n${indent}`)}\n`;
  }
  return text;
}
