import type { ClientEvent } from '../../client/client-event.js';
import type { Output } from '../frame/command-io.js';
import { visible } from '../frame/text-width.js';
import { elapsed } from './amounts.js';
import { lossText } from './gateway-fault.js';

/** What becomes of the connection, in lines for a person; the first connection goes without saying. */
export class ConnectionNotes {
  /** How often there was a connection again. */
  reconnects = 0;
  /** Connections there are; one that is left for another is left behind it. */
  #live = 0;
  #wasConnected = false;
  #isLost = false;
  /** The gateway leaves; what comes next is another, or the same anew. */
  #isLeaving = false;
  readonly #say: (line: string) => void;
  readonly #paint: Output['paint'];

  /** `say` writes a line. */
  constructor({ paint }: Pick<Output, 'paint'>, say: (line: string) => void) {
    this.#say = say;
    this.#paint = paint;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  readonly onEvent = (event: ClientEvent): void => {
    switch (event.kind) {
      case 'connected':
        this.#live += 1;
        if (this.#isLost || this.#isLeaving) {
          this.reconnects += 1;
          this.#say(this.#paint.good(`connected again to ${visible(event.address)}`));
        }
        this.#wasConnected = true;
        this.#isLost = this.#isLeaving = false;
        break;
      case 'disconnected': {
        const { error, retryInMs } = event;
        this.#live = Math.max(0, this.#live - 1);
        // What ends the command is told by its last line; and each loss is told once.
        if (this.#live > 0 || this.#isLost || !this.#wasConnected) break;
        this.#isLost = true;
        if (error === undefined || retryInMs === undefined) break;
        const when = retryInMs < 1000 ? '' : ` in ${elapsed(retryInMs)}`;
        this.#say(this.#paint.warn(`${visible(lossText(error))} Trying again${when}.`));
        break;
      }
      case 'draining':
        if (event.what === 'connection') break;
        this.#isLeaving = true;
        this.#say(this.#paint.dim(`the gateway at ${visible(event.address)} is leaving`));
        break;
      case 'token-failed':
        this.#say(this.#paint.warn(visible(lossText(event.error))));
        break;
      case 'connecting':
      case 'token-renewed':
        break;
    }
  };
}
