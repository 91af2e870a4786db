import { bearerToken } from '../core/bearer-token.js';
import type { Clock } from '../core/clock.js';
import { tally } from '../core/counters.js';
import { type ErrorCode, SluiceError } from '../core/errors.js';
import type { Identity } from '../core/identity.js';
import { onAbort } from '../core/on-abort.js';
import { permissionMissing } from '../core/permission.js';
import { isPrintableId, quoted } from '../core/printable.js';
import type { RateFigures } from '../core/rate-figures.js';
import { linkAbort } from '../core/signals.js';
import type { BufferAccount } from '../flow/held-bytes.js';
import { weightOf } from '../wire/messages.js';
import type { Peer } from './caller.js';
import type {
  PushableClient,
  PushCounters,
  PushGatekeeper,
  PushMessage,
  PushOutcome,
  PushRates,
  PushTarget,
} from './push-targets.js';
import { PushUnderWay } from './push-under-way.js';
import { Refusal } from './refusal.js';

export interface PushesOptions {
  readonly clock: Clock;
  readonly gatekeeper: PushGatekeeper;
  readonly client: (clientId: string) => PushableClient;
  readonly rates: PushRates;
  readonly counters: PushCounters;
  /** What is buffered, against the budget. */
  readonly account: BufferAccount & {
    readonly exceeded: boolean;
    readonly bytes: number;
    readonly budgetBytes: number;
  };
  /** Under way at once, in all and of one client: as many as calls of Publish. */
  readonly maxPushes: number;
  readonly maxPushesPerClient: number;
  /** For all sessions to take it. */
  readonly sendTimeoutMs: number;
  /** For the question who is calling, and what they may. */
  readonly identifyTimeoutMs: number;
  readonly isDraining: () => boolean;
}

/** Whom a push is for. */
export interface PushAddress {
  readonly clientId: string;
  readonly sessionId: string | undefined;
  readonly route: string | undefined;
  readonly subject: string | undefined;
}

/** How soon who was refused for a limit should try again, in milliseconds. */
const RETRY_MS = 1_000;

/** Pushes under way to the sessions of clients: who may, to which, how many at once, and for how long. */
export class Pushes {
  readonly #options: PushesOptions;
  readonly #underWay = new Set<PushUnderWay>();
  readonly #perClient = new Map<string, number>();

  constructor(options: PushesOptions) {
    this.#options = options;
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  [Symbol.iterator](): IterableIterator<PushUnderWay> {
    return this.#underWay.values();
  }

  /** Ends those of a client, of `which` identities; returns how many were under way. */
  endClient(clientId: string, error: SluiceError, which: (identity: Identity) => boolean): number {
    const theirs = [...this.#underWay].filter(
      ({ identity }) => identity.clientId === clientId && which(identity),
    );
    for (const push of theirs) push.end(error);
    return theirs.length;
  }

  end(error: SluiceError): void {
    for (const push of [...this.#underWay]) push.end(error);
  }

  /** Counts a push by what comes of it. Undefined: its caller has left. */
  async counted<T>(work: () => Promise<T | undefined>): Promise<T | undefined> {
    const { ended } = this.#options.counters;
    try {
      const answer = await work();
      tally(ended, answer === undefined ? 'CANCELLED' : 'OK');
      return answer;
    } catch (error) {
      tally(ended, codeOf(error));
      throw error;
    }
  }

  /** Who is calling. Rejects as the gatekeeper does. */
  async identify(metadata: ReadonlyMap<string, string>, { peer, certificate }: Peer): Promise<Identity> {
    const { gatekeeper } = this.#options;
    const token = gatekeeper.takesTokens ? bearerToken(metadata.get('authorization')) : undefined;
    const credentials = { token, certificate, claimedId: metadata.get('x-client-id'), peer };
    const identity = await this.#inTime((signal) =>
      Promise.resolve(gatekeeper.identify(credentials, signal)),
    );
    if (identity !== undefined) return identity;
    gatekeeper.showedNothing(peer);
    throw new SluiceError(
      'UNAUTHENTICATED',
      'who is calling has to be shown (auth.methods): a push takes it by header "authorization: Bearer …"',
    );
  }

  /** Takes a place for one, or throws; `work` is not begun then. Its place is free when `work` has settled. */
  async inPlace<T>(identity: Identity, peer: string, work: (push: PushUnderWay) => Promise<T>): Promise<T> {
    const { clock, account } = this.#options;
    const { clientId } = identity;
    this.#refuseOverLimit(clientId);
    const push = new PushUnderWay({ identity, peer, beganAtMs: clock.wallNow(), account });
    this.#underWay.add(push);
    this.#perClient.set(clientId, (this.#perClient.get(clientId) ?? 0) + 1);
    try {
      return await work(push);
    } finally {
      this.#underWay.delete(push);
      const left = (this.#perClient.get(clientId) ?? 1) - 1;
      if (left === 0) this.#perClient.delete(clientId);
      else this.#perClient.set(clientId, left);
    }
  }

  /** Before a body is read: throws where nobody could be meant that this caller may push to. */
  refuseHopeless(identity: Identity, { clientId, sessionId, route, subject }: PushAddress): void {
    for (const id of [clientId, sessionId]) {
      if (id !== undefined && !isPrintableId(id)) {
        throw new SluiceError('INVALID_MESSAGE', `ID ${quoted(id)} is not 1 to 128 printable characters`);
      }
    }
    if (!identity.allowsSomewhere('push')) {
      // The same whoever is meant, and whether they are here or not.
      throw permissionMissing('push', { route: route ?? '*', subject: subject ?? '*', named: true });
    }
    if (route !== undefined && subject !== undefined && !identity.allows('push', route, subject)) {
      throw permissionMissing('push', { route, subject, named: true });
    }
  }

  /**
   * Once for each push, whomever it is for and whether they are here or not: when it may go, with how its caller
   * stands with the rate limits then. Rejects with RATE_LIMITED, or with the signal's reason.
   */
  admit(
    { identity: { clientId }, peer }: PushUnderWay,
    { data, key, metadata }: PushMessage,
    signal: AbortSignal,
  ): Promise<readonly RateFigures[]> {
    return this.#options.rates.admit({ clientId, peer }, weightOf({ data, key, metadata }), signal);
  }

  /** Rejects with UNKNOWN_SESSION where there is none that this caller may push to, and with what has ended the push. */
  async push(push: PushUnderWay, address: PushAddress, message: PushMessage): Promise<PushOutcome> {
    // It may have been held for long.
    push.signal.throwIfAborted();
    this.#refuseDraining();
    this.#refuseExpired(push);
    const client = this.#options.client(address.clientId);
    const meant = client.sessions.filter((session) => isMeant(session, address));
    const allowed = await this.#allowedTargets(push, meant);
    push.signal.throwIfAborted();
    if (allowed.size === 0) throw unknownSession(address);
    const { clock, sendTimeoutMs } = this.#options;
    const abort = linkAbort(push.signal);
    const timer = clock.setTimeout(() => {
      abort.abort(notTaken(sendTimeoutMs));
    }, sendTimeoutMs);
    try {
      const where = (session: PushTarget): boolean =>
        isMeant(session, address) && allowed.has(targetKey(session));
      const outcome = await client.send(message, { where }, abort.signal);
      this.#countSessions(outcome);
      push.signal.throwIfAborted();
      return outcome;
    } finally {
      timer.cancel();
      abort.unlink();
    }
  }

  #countSessions({ sent, failed }: PushOutcome): void {
    const { sessions } = this.#options.counters;
    tally(sessions, 'OK', sent);
    for (const { error } of failed) tally(sessions, codeOf(error));
  }

  /** Each route and subject is asked about once: those that are not allowed are as if they were not there. */
  async #allowedTargets(
    { identity, peer, signal: ended }: PushUnderWay,
    sessions: readonly PushTarget[],
  ): Promise<ReadonlySet<string>> {
    const { gatekeeper } = this.#options;
    const asked = new Map(sessions.map((session) => [targetKey(session), session]));
    const allowed = new Set<string>();
    await this.#inTime(async (signal) => {
      for (const [key, { route, subject }] of asked) {
        // Asked beforehand, for whoever counts refusals: that a session is not meant is none.
        if (!identity.allows('push', route, subject)) continue;
        const question = {
          identity,
          action: 'push',
          sessionId: '',
          route,
          subject,
          named: true,
          peer,
        } as const;
        try {
          await gatekeeper.mayOpen(question, signal);
          allowed.add(key);
        } catch (error) {
          if (!(error instanceof SluiceError) || error.code !== 'PERMISSION_DENIED') throw error;
        }
      }
    }, ended);
    return allowed;
  }

  /** Rejects with the reason of `ended` when that comes first. */
  async #inTime<T>(work: (signal: AbortSignal) => Promise<T>, ended?: AbortSignal): Promise<T> {
    const { clock, identifyTimeoutMs } = this.#options;
    const abort = new AbortController();
    let timer: { cancel(): void } | undefined;
    let detach = (): void => undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = clock.setTimeout(() => {
        reject(
          new SluiceError(
            'AUTH_UNAVAILABLE',
            `who is calling, or what they may do, could not be told within ${identifyTimeoutMs} ms (auth.identifyTimeout)`,
            { retryAfterMs: RETRY_MS },
          ),
        );
        abort.abort();
      }, identifyTimeoutMs);
      detach = onAbort(ended, () => {
        reject(ended?.reason as Error);
        abort.abort();
      });
    });
    try {
      return await Promise.race([work(abort.signal), late]);
    } finally {
      timer?.cancel();
      detach();
    }
  }

  #refuseDraining(): void {
    if (!this.#options.isDraining()) return;
    throw new SluiceError('DRAINING', 'the gateway is leaving: it takes no new pushes', {
      retryAfterMs: RETRY_MS,
    });
  }

  /** What had run out already when it came was let in all the same (auth.jwt.clockTolerance): that goes. */
  #refuseExpired({ identity: { expiresAtMs = Infinity }, beganAtMs }: PushUnderWay): void {
    if (beganAtMs >= expiresAtMs || this.#options.clock.wallNow() < expiresAtMs) return;
    const at = new Date(expiresAtMs).toISOString();
    throw new SluiceError(
      'TOKEN_EXPIRED',
      `what the caller came with expired at ${at}, before the push could go`,
    );
  }

  #refuseOverLimit(clientId: string): void {
    const { account, maxPushes, maxPushesPerClient } = this.#options;
    const retry = { retryAfterMs: RETRY_MS };
    this.#refuseDraining();
    if (account.exceeded) {
      const held = `${account.bytes} bytes are buffered, and no more than ${account.budgetBytes} may be (memory.budget)`;
      throw new SluiceError('OVERLOADED', held, retry);
    }
    if (this.underWay >= maxPushes) {
      const many = `${this.underWay} pushes are under way, the most that may (pool.maxPublishes = ${maxPushes})`;
      throw new SluiceError('OVERLOADED', many, retry);
    }
    const held = this.#perClient.get(clientId) ?? 0;
    if (held < maxPushesPerClient) return;
    throw new SluiceError(
      'CLIENT_LIMIT',
      `client ${quoted(clientId)} has ${held} pushes under way, the most one may (pool.maxPublishesPerClient = ${maxPushesPerClient})`,
      retry,
    );
  }
}

/** What is no refusal is a fault of the gateway's own. */
function codeOf(error: unknown): ErrorCode {
  if (error instanceof Refusal) return error.error.code;
  return error instanceof SluiceError ? error.code : 'INTERNAL';
}

function isMeant(session: PushTarget, { sessionId, route, subject }: PushAddress): boolean {
  return (
    (sessionId === undefined || session.sessionId === sessionId) &&
    (route === undefined || session.route === route) &&
    (subject === undefined || session.subject === subject)
  );
}

/** No route's name has a slash. */
function targetKey({ route, subject }: PushTarget): string {
  return `${route}/${subject}`;
}

function notTaken(sendTimeoutMs: number): SluiceError {
  return new SluiceError(
    'SLOW_CONSUMER',
    `the session has not taken it within ${sendTimeoutMs} ms (stream.sendTimeout); it waits there, and may be taken yet`,
  );
}

function unknownSession({ clientId, sessionId, route, subject }: PushAddress): SluiceError {
  const which = sessionId === undefined ? 'no open session' : `no open session ${quoted(sessionId)}`;
  const on = route === undefined ? '' : ` of route ${quoted(route)}`;
  const about = subject === undefined ? '' : ` with subject ${quoted(subject)}`;
  return new SluiceError(
    'UNKNOWN_SESSION',
    `client ${quoted(clientId)} has ${which}${on}${about} on this gateway that this caller may push to`,
  );
}
