import type { Clock } from '../core/clock.js';
import type { SluiceError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { TransportStream } from '../transport/contract.js';
import { isPrintableId, quoted } from '../core/printable.js';
import { LogByCode } from './log-by-code.js';

/** Says who is turned away and why, in sum. */
export class RefusalLog {
  readonly #log: LogByCode;

  constructor(logger: Logger, clock: Clock) {
    this.#log = new LogByCode(logger, clock, 'streams refused');
  }

  note({ peer }: TransportStream, error: SluiceError, client: string | undefined): void {
    this.#log.note(error.code, { client, peer, reason: error.message });
  }

  tellDue(): void {
    this.#log.tellDue();
  }
}

/** Who a refused stream says it is: as it stands where it could be an ID, else quoted and cut. */
export function claimedClient(stream: TransportStream): string | undefined {
  const claimed = stream.metadata.get('x-client-id');
  return claimed === undefined || isPrintableId(claimed) ? claimed : quoted(claimed);
}
