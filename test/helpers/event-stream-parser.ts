/** An event stream read as the HTML Living Standard says (section 9.2.6), word by word; for what the gateway writes. */
export interface ParsedEvent {
  readonly event: string;
  readonly data: string;
  readonly lastEventId: string;
}

export class EventStreamParser {
  readonly events: ParsedEvent[] = [];
  /** As of the last block that was dispatched. */
  lastEventId = '';
  retryMs: number | undefined;
  readonly comments: string[] = [];
  readonly #decoder = new TextDecoder();
  #rest = '';
  #data = '';
  #event = '';
  #id = '';

  push(bytes: Uint8Array): void {
    this.#rest += this.#decoder.decode(bytes, { stream: true });
    for (;;) {
      const match = /\r\n|\n|\r(?!$)/.exec(this.#rest);
      if (match === null) return;
      const line = this.#rest.slice(0, match.index);
      this.#rest = this.#rest.slice(match.index + match[0].length);
      this.#line(line);
    }
  }

  #line(line: string): void {
    if (line === '') {
      this.#dispatch();
      return;
    }
    if (line.startsWith(':')) {
      this.comments.push(line.slice(1));
      return;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    switch (field) {
      case 'event':
        this.#event = value;
        break;
      case 'data':
        this.#data += `${value}\n`;
        break;
      case 'id':
        if (!value.includes('\0')) this.#id = value;
        break;
      case 'retry':
        if (/^[0-9]+$/.test(value)) this.retryMs = Number(value);
        break;
      default:
    }
  }

  #dispatch(): void {
    this.lastEventId = this.#id;
    const data = this.#data;
    const event = this.#event;
    this.#data = '';
    this.#event = '';
    if (data === '') return;
    this.events.push({
      event: event === '' ? 'message' : event,
      data: data.replace(/\n$/, ''),
      lastEventId: this.lastEventId,
    });
  }
}
