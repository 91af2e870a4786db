/**
 * How a text stands on a terminal: how many cells it takes, and how it is cut
 * to some. What others have written (client IDs, addresses, payloads) goes
 * through `visible` first, so that nothing of it moves the cursor.
 */

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Printable ASCII: a cell each, and nearly all there is. */
const PLAIN = /^[\x20-\x7e]*$/;

/** Take no cell of their own: marks, format characters, controls. */
const NO_CELLS = /^[\p{M}\p{C}\u{1160}-\u{11ff}]*$/u;

/**
 * Two cells: East_Asian_Width W and F (Unicode Standard Annex #11), in whole
 * blocks, and what is shown as an emoji.
 */
const WIDE =
  /[\u{1100}-\u{115f}\u{2e80}-\u{303e}\u{3041}-\u{33ff}\u{3400}-\u{4dbf}\u{4e00}-\u{9fff}\u{a000}-\u{a4cf}\u{a960}-\u{a97f}\u{ac00}-\u{d7a3}\u{f900}-\u{faff}\u{fe30}-\u{fe6f}\u{ff00}-\u{ff60}\u{ffe0}-\u{ffe6}\u{17000}-\u{18cff}\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\u{fe0f}/u;

const ELLIPSIS = '…';

/** Cells that `text`, without controls, takes. */
export function cellsOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let cells = 0;
  for (const { segment } of segmenter.segment(text)) cells += cellsOfGrapheme(segment);
  return cells;
}

/** At most `cells` of it, with an ellipsis where something is left out. */
export function cut(text: string, cells: number): string {
  if (cells <= 0) return '';
  if (cellsOf(text) <= cells) return text;
  let kept = '';
  let taken = 0;
  for (const { segment } of segmenter.segment(text)) {
    taken += cellsOfGrapheme(segment);
    if (taken > cells - 1) break;
    kept += segment;
  }
  return kept + ELLIPSIS;
}

/** Exactly `cells`: cut, or filled with blanks behind it or, with `right`, before it. */
export function fit(text: string, cells: number, align: 'left' | 'right' = 'left'): string {
  const short = cut(text, cells);
  const blanks = ' '.repeat(Math.max(0, cells - cellsOf(short)));
  return align === 'left' ? short + blanks : blanks + short;
}

/** What others wrote, for a terminal: controls, format characters and the like are shown as their code points. */
export function visible(text: string): string {
  return text.replaceAll(/\p{C}/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

function cellsOfGrapheme(grapheme: string): number {
  if (NO_CELLS.test(grapheme)) return 0;
  return WIDE.test(grapheme) ? 2 : 1;
}
