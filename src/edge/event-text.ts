/** One block of an event stream, as the HTML Living Standard has it (section 9.2.6): what is left out is not said. */
export interface EventBlock {
  /** What a client says as Last-Event-ID when it comes again. Without line ends. */
  readonly id?: string;
  /** Default `message`. Without line ends. */
  readonly event?: string;
  /** Each line of it goes as one; CR LF and CR come out as LF. A block without is no event: it moves the position alone. */
  readonly data?: string;
  /** How long to wait before coming again, in milliseconds. */
  readonly retryMs?: number;
  /** For people and proxies. Without line ends. */
  readonly comment?: string;
}

const LINE_END = /\r\n|\r|\n/;

/** As it goes over the network. */
export function eventText({ id, event, data, retryMs, comment }: EventBlock): string {
  let text = '';
  if (comment !== undefined) text += `: ${comment}\n`;
  if (retryMs !== undefined) text += `retry: ${Math.round(retryMs)}\n`;
  if (id !== undefined) text += `id: ${id}\n`;
  if (event !== undefined) text += `event: ${event}\n`;
  if (data !== undefined) for (const line of data.split(LINE_END)) text += `data: ${line}\n`;
  return `${text}\n`;
}
