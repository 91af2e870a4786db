import type { Clock, Timer } from '../core/clock.js';
import { SluiceError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { ByteAccount } from '../flow/byte-account.js';
import type { WindowedSession } from '../session/windowed/windowed-session.js';
import { controlMessage } from '../wire/messages.js';
import type { ConnectionSupervisor } from './connection-supervisor.js';

export interface OverloadOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly account: ByteAccount;
  /** How long the account may stay above its budget before the costliest are ended. */
  readonly shedAfterMs: number;
  readonly counters: { budgetExceeded: number; sessionsShed: number };
  readonly supervisors: () => Iterable<ConnectionSupervisor>;
  readonly windowed: Iterable<WindowedSession> & { relieve(): void };
}

/** How often the account is looked at while it is above its budget. */
const WATCH_MS = 50;
/** At this multiple of the budget nobody waits any more. */
const CRITICAL = 1.25;
/** How soon a client that was ended for it should come back, in milliseconds. */
const RETRY_MS = 5_000;

interface Candidate {
  readonly bytes: number;
  end(error: SluiceError): void;
}

/**
 * What happens above the budget of buffered bytes, in stages: simple
 * connections are not read (the receive loop asks the account); on windowed
 * ones acks are withheld and the sends of routes wait (the sessions ask it),
 * and their clients are advised to pause; where that does not help in time, the
 * costliest are ended, until there is room.
 */
export class Overload {
  readonly #options: OverloadOptions;
  #since = 0;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: OverloadOptions) {
    this.#options = options;
    options.account.watch({
      onExceeded: () => {
        this.#exceeded();
      },
      onRelieved: () => {
        options.clock.setImmediate(() => {
          this.#relieved();
        });
      },
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #exceeded(): void {
    const { clock, counters, account, logger, shedAfterMs } = this.#options;
    if (this.#stopped) return;
    counters.budgetExceeded += 1;
    this.#since = clock.now();
    logger.warn(
      { bytes: account.bytes, budgetBytes: account.budgetBytes, shedAfterMs },
      'more is buffered than memory.budget allows: senders are held back',
    );
    clock.setImmediate(() => {
      if (account.exceeded) this.#advise(true);
    });
    this.#watch();
  }

  #relieved(): void {
    const { account, windowed, supervisors } = this.#options;
    if (this.#stopped || account.exceeded) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#advise(false);
    windowed.relieve();
    for (const supervisor of [...supervisors()]) supervisor.relieve();
  }

  #watch(): void {
    const { clock, account, shedAfterMs } = this.#options;
    this.#timer ??= clock.setTimeout(
      () => {
        this.#timer = undefined;
        if (this.#stopped || !account.exceeded) return;
        const isLate = clock.now() - this.#since >= shedAfterMs;
        if (isLate || account.bytes >= account.budgetBytes * CRITICAL) this.#shed();
        this.#watch();
      },
      Math.min(WATCH_MS, shedAfterMs),
    );
  }

  /** Ends the costliest until there is room; one that holds next to nothing is never worth it. */
  #shed(): void {
    const { account, counters, logger } = this.#options;
    const before = account.bytes;
    let ended = 0;
    for (const candidate of this.#costliest()) {
      if (!account.exceeded) break;
      ended += 1;
      candidate.end(
        new SluiceError(
          'OVERLOADED',
          `${candidate.bytes} bytes were held for it, of ${account.bytes} in all, and no more than ` +
            `${account.budgetBytes} may be (memory.budget)`,
          { retryAfterMs: RETRY_MS },
        ),
      );
    }
    counters.sessionsShed += ended;
    logger.warn(
      { ended, bytesBefore: before, bytes: account.bytes, budgetBytes: account.budgetBytes },
      'the costliest sessions were ended to make room (memory.budget)',
    );
  }

  #costliest(): readonly Candidate[] {
    const candidates: Candidate[] = [];
    for (const session of this.#options.windowed) {
      candidates.push({
        bytes: session.heldBytes,
        end: (error) => {
          session.expel('overloaded', error);
        },
      });
    }
    for (const supervisor of this.#options.supervisors()) {
      const { receiveQuota, sendQueue } = supervisor.connection;
      candidates.push({
        bytes: receiveQuota.bytes + sendQueue.quota.bytes,
        end: (error) => {
          supervisor.end(error);
        },
      });
    }
    return candidates.filter(({ bytes }) => bytes > 0).sort((one, other) => other.bytes - one.bytes);
  }

  /** Tells clients with windowed sessions that what they send now will only wait, or no longer. */
  #advise(pause: boolean): void {
    const advice = controlMessage(
      pause ? { action: 'pause', reason: 'memory: the gateway is over its budget' } : { action: 'resume' },
    );
    for (const supervisor of this.#options.supervisors()) {
      if (supervisor.kind === 'windowed') supervisor.notify(advice);
    }
  }
}
