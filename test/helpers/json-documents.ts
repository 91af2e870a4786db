/** Cuts a text of JSON objects, one after another and with any space between, into values as it arrives. */
export class JsonDocuments {
  #text = '';
  #scanned = 0;
  #depth = 0;
  #inString = false;

  /** Takes the next piece; returns the objects it completed. */
  push(piece: string): unknown[] {
    this.#text += piece;
    const values: unknown[] = [];
    let start = 0;
    for (; this.#scanned < this.#text.length; this.#scanned += 1) {
      const character = this.#text[this.#scanned];
      if (this.#inString) {
        if (character === '\\') this.#scanned += 1;
        else if (character === '"') this.#inString = false;
      } else if (character === '"') this.#inString = true;
      else if (character === '{') this.#depth += 1;
      else if (character === '}') {
        this.#depth -= 1;
        if (this.#depth === 0) {
          values.push(JSON.parse(this.#text.slice(start, this.#scanned + 1)));
          start = this.#scanned + 1;
        }
      }
    }
    this.#text = this.#text.slice(start);
    this.#scanned -= start;
    return values;
  }

  /** What is left over; "" when the text ended with an object. */
  get rest(): string {
    return this.#text.trim();
  }
}
