import type { IncomingMessage } from 'node:http';

/** What became of a body; `gone`: it broke off. */
export type BodyOutcome =
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'gone' };

/** The body of one request: read only by who wants it, and never more of it than they say. */
export class RequestBody {
  readonly #request: IncomingMessage;
  /** Whether the request says that it has one. */
  readonly present: boolean;
  #read = false;

  constructor(request: IncomingMessage) {
    this.#request = request;
    const { 'transfer-encoding': coding, 'content-length': length } = request.headers;
    this.present = coding !== undefined || (length ?? '0') !== '0';
  }

  /** Whether something of it is still to come: the connection can't be used again then. */
  get unread(): boolean {
    return this.present && !this.#read;
  }

  /** Once. Settles at the latest when the server's time for a request is over, for that closes the connection. */
  read(maxBytes: number): Promise<BodyOutcome> {
    const request = this.#request;
    // Told beforehand, none of it needs to be taken.
    if (Number(request.headers['content-length'] ?? 0) > maxBytes) {
      return Promise.resolve({ kind: 'too-large' });
    }
    return new Promise((resolve) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      const onData = (chunk: Buffer): void => {
        bytes += chunk.length;
        if (bytes <= maxBytes) chunks.push(chunk);
        else end({ kind: 'too-large' });
      };
      const onEnd = (): void => {
        this.#read = true;
        end({ kind: 'whole', bytes: Buffer.concat(chunks) });
      };
      const onGone = (): void => {
        end({ kind: 'gone' });
      };
      const end = (outcome: BodyOutcome): void => {
        request.off('data', onData).off('end', onEnd).off('close', onGone);
        request.pause();
        resolve(outcome);
      };
      // Stays: a connection that breaks is nobody's fault, whenever it does.
      request.on('error', () => undefined);
      request.on('data', onData).on('end', onEnd).on('close', onGone);
    });
  }
}
