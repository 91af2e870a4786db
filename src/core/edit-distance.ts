/** Letters to add, leave out, change or swap with their neighbour (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  // Three rows of the table are looked at, the one before the last for swaps.
  let [above2, above, row] = [rowOf(b), rowOf(b), rowOf(b)];
  for (let column = 0; column <= b.length; column += 1) above[column] = column;
  for (let at = 1; at <= a.length; at += 1) {
    row[0] = at;
    const letter = a.charCodeAt(at - 1);
    const before = a.charCodeAt(at - 2);
    for (let column = 1; column <= b.length; column += 1) {
      const other = b.charCodeAt(column - 1);
      let least = Math.min(
        (above[column - 1] ?? 0) + (letter === other ? 0 : 1),
        (above[column] ?? 0) + 1,
        (row[column - 1] ?? 0) + 1,
      );
      // There is no letter before the first: NaN equals none.
      if (letter === b.charCodeAt(column - 2) && before === other)
        least = Math.min(least, (above2[column - 2] ?? 0) + 1);
      row[column] = least;
    }
    [above2, above, row] = [above, row, above2];
  }
  return above[b.length] ?? 0;
}

function rowOf(text: string): Uint32Array {
  return new Uint32Array(text.length + 1);
}
