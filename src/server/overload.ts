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
/** The budget may be crossed many times a second: each of the two things said of it is said once in this time. */
const LOG_INTERVAL_MS = 10_000;

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
  /** Connections whose clients were advised to pause, and not yet to go on. */
  readonly #advised = new Set<ConnectionSupervisor>();
  #since = 0;
  #timer: Timer | undefined;
  #stopped = false;
  #exceededLoggedAt = -Infinity;
  #shedLoggedAt = -Infinity;

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
    this.#advised.clear();
  }

  /** The connection is gone. */
  forget(supervisor: ConnectionSupervisor): void {
    this.#advised.delete(supervisor);
  }

  #exceeded(): void {
    const { clock, counters, account, logger, shedAfterMs } = this.#options;
    if (this.#stopped) return;
    counters.budgetExceeded += 1;
    this.#since = clock.now();
    if (this.#since - this.#exceededLoggedAt >= LOG_INTERVAL_MS) {
      this.#exceededLoggedAt = this.#since;
      logger.warn(
        {
          bytes: account.bytes,
          budgetBytes: account.budgetBytes,
          shedAfterMs,
          times: counters.budgetExceeded,
        },
        'more is buffered than memory.budget allows: senders are held back',
      );
    }
    clock.setImmediate(() => {
      if (account.exceeded && !this.#stopped) this.#advisePause();
    });
    this.#watch();
  }

  #relieved(): void {
    const { account, windowed, supervisors } = this.#options;
    if (this.#stopped || account.exceeded) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#adviseResume();
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
    const { account, clock, counters, logger } = this.#options;
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
    if (ended === 0) return;
    counters.sessionsShed += ended;
    const now = clock.now();
    if (now - this.#shedLoggedAt < LOG_INTERVAL_MS) return;
    this.#shedLoggedAt = now;
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
      candidates.push({
        bytes: supervisor.connection.bufferedBytes,
        end: (error) => {
          supervisor.end(error);
        },
      });
    }
    return candidates.filter(({ bytes }) => bytes > 0).sort((one, other) => other.bytes - one.bytes);
  }

  /** Tells clients with opened sessions that what they send now will only wait; each once. */
  #advisePause(): void {
    const advice = controlMessage({ action: 'pause', reason: 'memory: the gateway is over its budget' });
    for (const supervisor of this.#options.supervisors()) {
      // Whoever takes no answers takes no advice.
      const isReading = supervisor.connection.sendQueue.controlRoom > 0;
      if (supervisor.kind !== 'windowed' || !isReading || this.#advised.has(supervisor)) continue;
      this.#advised.add(supervisor);
      supervisor.notify(advice);
    }
  }

  #adviseResume(): void {
    const advice = controlMessage({ action: 'resume' });
    for (const supervisor of this.#advised) supervisor.notify(advice);
    this.#advised.clear();
  }
}
