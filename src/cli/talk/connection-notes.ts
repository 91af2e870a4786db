import type { ClientEvent } from '../../client/client-event.js';
import type { Output } from '../frame/command-io.js';
import { visible } from '../frame/text-width.js';
import { elapsed } from './amounts.js';
import { lossText } from './gateway-fault.js';

/** What becomes of the connection, in lines for a person; the first connection goes without saying. */
export class ConnectionNotes {
  /** How often there was a connection again. */
  reconnects = 0;
  #wasConnected = false;
  #isLost = false;
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
        if (this.#isLost) {
          this.reconnects += 1;
          this.#say(this.#paint.good(`connected again to ${visible(event.address)}`));
        }
        this.#wasConnected = true;
        this.#isLost = false;
        break;
      case 'disconnected': {
        const { error, retryInMs } = event;
        // What ends the command is told by its last line; and each loss is told once.
        if (retryInMs === undefined || this.#isLost || !this.#wasConnected) break;
        this.#isLost = true;
        if (error === undefined) break;
        const when = retryInMs < 1000 ? '' : ` in ${elapsed(retryInMs)}`;
        this.#say(this.#paint.warn(`${visible(lossText(error))} Trying again${when}.`));
        break;
      }
      case 'draining':
        if (event.what === 'gateway')
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
