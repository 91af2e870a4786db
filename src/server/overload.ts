import type { Clock, Timer } from '../core/clock.js';
import { SluiceError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import type { ByteAccount } from '../flow/byte-account.js';
import type { DropReason } from '../core/counters.js';
import { controlMessage, type DataMessage } from '../wire/messages.js';
import { EndedBurdens } from './ended-burdens.js';
import type { ConnectionKind } from './supervised.js';

/** A connection, as far as it matters here. */
export interface BurdenedConnection {
  readonly kind: ConnectionKind;
  /** Held beside its queues: messages behind Opens that are not decided yet, pieces of an upload's payload. */
  readonly undecidedBytes: number;
  readonly connection: {
    readonly id: string;
    readonly clientId: string;
    readonly bufferedBytes: number;
    readonly stream: { readonly bytesInFlight: number };
    readonly sendQueue: { readonly controlRoom: number };
  };
  notify(message: DataMessage): void;
  /** Frees what it holds; what is in flight, once its client has taken it or, a second later, it is reset. */
  end(error: SluiceError): void;
  /** The budget has room again. */
  relieve(): void;
}

/** A session that outlives its connections. */
export interface BurdenedSession {
  readonly clientId: string;
  readonly sessionId: string;
  readonly heldBytes: number;
  expel(reason: DropReason, error: SluiceError): void;
}

/** A stream of which it is not known yet who is calling; and a call that is no connection. */
export interface BurdenedStranger {
  readonly peer: string;
  /** Ended, what its client has not taken yet. */
  readonly heldBytes: number;
  /** Frees what it holds, at once or as that of a connection does. */
  end(error: SluiceError): void;
}

/** Calls that are not of the session protocol: they are held, all at once, and are among those that may have to go. */
export interface OtherCalls extends Iterable<BurdenedStranger> {
  /** Nothing of them is read. */
  hold(): void;
  release(): void;
}

export interface OverloadOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly account: ByteAccount;
  /** How long the account may stay above its budget before the costliest are ended. */
  readonly shedAfterMs: number;
  readonly counters: { budgetExceeded: number; sessionsShed: number };
  readonly connections: () => Iterable<BurdenedConnection>;
  /** They have shown nothing: what they hold costs nobody else his place. */
  readonly strangers: () => Iterable<BurdenedStranger>;
  /** Calls under way that are no connections. */
  readonly calls: () => Iterable<BurdenedStranger>;
  readonly others?: OtherCalls;
  readonly windowed: Iterable<BurdenedSession> & { relieve(): void };
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
  readonly burden: BurdenedSession | BurdenedConnection | BurdenedStranger;
  end(error: SluiceError): void;
  /** Once it is ended: what the account holds of it still, until its client takes it or it is reset. */
  readonly leftBytes: () => number;
}

/**
 * What happens above the budget of buffered bytes, in stages: simple
 * connections are not read (the receive loop asks the account); on windowed
 * ones acks are withheld and the sends of routes wait (the sessions ask it),
 * and their clients are advised to pause; where that does not help in time, the
 * costliest are ended, until there is room, or will be when all they held is gone.
 */
export class Overload {
  readonly #options: OverloadOptions;
  /** Connections whose clients were advised to pause, and not yet to go on. */
  readonly #advised = new Set<BurdenedConnection>();
  readonly #ended = new EndedBurdens();
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
        if (this.#stopped) return;
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
    this.#ended.clear();
  }

  /** The connection is gone. */
  forget(connection: BurdenedConnection): void {
    this.#advised.delete(connection);
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
      if (!account.exceeded || this.#stopped) return;
      this.#options.others?.hold();
      this.#advisePause();
    });
    this.#watch();
  }

  #relieved(): void {
    const { account, windowed, connections, others } = this.#options;
    if (this.#stopped || account.exceeded) return;
    if (!this.#ended.areGoing) {
      this.#timer?.cancel();
      this.#timer = undefined;
    }
    this.#adviseResume();
    windowed.relieve();
    others?.release();
    for (const connection of [...connections()]) connection.relieve();
  }

  #watch(): void {
    const { clock, account, shedAfterMs } = this.#options;
    this.#timer ??= clock.setTimeout(
      () => {
        this.#timer = undefined;
        if (this.#stopped) return;
        this.#look();
        if (account.exceeded || this.#ended.areGoing) this.#watch();
      },
      Math.min(WATCH_MS, shedAfterMs),
    );
  }

  #look(): void {
    const { clock, account, shedAfterMs } = this.#options;
    const now = clock.now();
    const goingBytes = this.#ended.look(now);
    if (!account.exceeded) return;
    const stayingBytes = account.bytes - goingBytes;
    // Those who were ended make the room: it only takes them a moment.
    if (goingBytes > 0 && stayingBytes <= account.budgetBytes) return;
    const isLate = now - this.#since >= shedAfterMs;
    if (isLate || stayingBytes >= account.budgetBytes * CRITICAL) this.#shed(goingBytes);
  }

  /**
   * Ends the costliest until there is room, with what is going from those ended
   * before; one that holds next to nothing is never worth it.
   */
  #shed(alreadyGoingBytes: number): void {
    const { account, clock, counters, logger } = this.#options;
    const before = account.bytes;
    const now = clock.now();
    let goingBytes = alreadyGoingBytes;
    let ended = 0;
    let costliest: Candidate | undefined;
    for (const candidate of this.#costliest()) {
      if (!account.exceeded || account.bytes - goingBytes <= account.relievedBytes) break;
      if (this.#ended.has(candidate.burden)) continue;
      ended += 1;
      costliest ??= candidate;
      candidate.end(
        new SluiceError(
          'OVERLOADED',
          `${candidate.bytes} bytes were held for it, of ${account.bytes} in all, and no more than ` +
            `${account.budgetBytes} may be (memory.budget)`,
          { retryAfterMs: RETRY_MS },
        ),
      );
      goingBytes += this.#ended.add(candidate.burden, candidate.leftBytes, now);
    }
    if (costliest === undefined) return;
    counters.sessionsShed += ended;
    if (now - this.#shedLoggedAt < LOG_INTERVAL_MS) return;
    this.#shedLoggedAt = now;
    logger.warn(
      {
        ended,
        bytesBefore: before,
        bytes: account.bytes,
        // Of these, what clients have not taken yet.
        ...(goingBytes > 0 && { goingBytes }),
        budgetBytes: account.budgetBytes,
        ...nameOf(costliest.burden),
        costliestBytes: costliest.bytes,
      },
      'the costliest sessions were ended to make room (memory.budget)',
    );
  }

  #costliest(): readonly Candidate[] {
    const candidates: Candidate[] = [];
    // Of a hundred thousand sessions most hold nothing.
    for (const session of this.#options.windowed) {
      const bytes = session.heldBytes;
      if (bytes === 0) continue;
      const end = (error: SluiceError): void => {
        session.expel('overloaded', error);
      };
      candidates.push({ bytes, burden: session, end, leftBytes: () => session.heldBytes });
    }
    for (const burdened of this.#options.connections()) {
      const { bufferedBytes, stream } = burdened.connection;
      // What an opened session has under way it holds itself, until it is acknowledged: it is ended for that.
      const ownBytes = burdened.kind === 'windowed' ? bufferedBytes - stream.bytesInFlight : bufferedBytes;
      const bytes = ownBytes + burdened.undecidedBytes;
      if (bytes <= 0) continue;
      const end = (error: SluiceError): void => {
        burdened.end(error);
      };
      candidates.push({ bytes, burden: burdened, end, leftBytes: () => stream.bytesInFlight });
    }
    candidates.push(
      ...candidatesAmong(this.#options.calls()),
      ...candidatesAmong(this.#options.others ?? []),
    );
    const strangers = candidatesAmong(this.#options.strangers());
    return [...strangers.sort(byCost), ...candidates.sort(byCost)];
  }

  /** Tells clients with opened sessions that what they send now will only wait; each once. */
  #advisePause(): void {
    const advice = controlMessage({ action: 'pause', reason: 'memory: the gateway is over its budget' });
    for (const burdened of this.#options.connections()) {
      // Whoever takes no answers takes no advice.
      const isReading = burdened.connection.sendQueue.controlRoom > 0;
      if (burdened.kind !== 'windowed' || !isReading || this.#advised.has(burdened)) continue;
      this.#advised.add(burdened);
      burdened.notify(advice);
    }
  }

  #adviseResume(): void {
    const advice = controlMessage({ action: 'resume' });
    for (const burdened of this.#advised) burdened.notify(advice);
    this.#advised.clear();
  }
}

function candidatesAmong(burdens: Iterable<BurdenedStranger>): Candidate[] {
  const candidates: Candidate[] = [];
  for (const burden of burdens) {
    const end = (error: SluiceError): void => {
      burden.end(error);
    };
    const bytes = burden.heldBytes;
    if (bytes > 0) candidates.push({ bytes, burden, end, leftBytes: () => burden.heldBytes });
  }
  return candidates;
}

function byCost(one: Candidate, other: Candidate): number {
  return other.bytes - one.bytes;
}

function nameOf(burden: BurdenedSession | BurdenedConnection | BurdenedStranger): object {
  if ('peer' in burden) return { peer: burden.peer };
  if ('sessionId' in burden) return { client: burden.clientId, session: burden.sessionId };
  return { client: burden.connection.clientId, connection: burden.connection.id };
}
