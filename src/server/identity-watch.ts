import type { Clock, Timer } from '../core/clock.js';
import { SluiceError } from '../core/errors.js';
import type { AuthMethod, Identity } from '../core/identity.js';
import type { ClientConnection } from '../pool/client-connection.js';
import { controlMessage, type DataMessage } from '../wire/messages.js';
import { asRefusal, type Gatekeeper } from './gatekeeper.js';

/** More than any `auth.maxTokenSize` allows: what waits for its turn must not be of the size of a message. */
const MAX_TOKEN_LENGTH = 64 * 1024;

export interface IdentityWatchSettings {
  /** How long before it expires the client is told, or when half of a shorter life is over; 0 = never. */
  readonly expiryNoticeMs: number;
  /** From expiry until the connection is ended. */
  readonly expiryGraceMs: number;
}

export interface IdentityWatchEvents {
  notify(message: DataMessage): void;
  /** One message is refused, the connection goes on. */
  refuse(sessionId: string, error: SluiceError): void;
  /** The connection can't go on. */
  fail(error: SluiceError): void;
  /** The client is told to leave, and is served until it does or the time is over. */
  drain(graceMs: number, reason: string, error: SluiceError): void;
  /** A refreshed token: it may allow less than the one before. */
  refreshed(): void;
  expired(): void;
  /** A fault of the gateway: the connection pays. */
  onFault(error: unknown): void;
}

/** Wall time may be set, and goes on while the machine sleeps and its timers do not: it is looked at so often. */
const LOOK_MS = 60_000;

/** Failures that say nothing about the token. */
const NOT_THE_TOKEN: ReadonlySet<string> = new Set(['AUTH_UNAVAILABLE', 'RATE_LIMITED']);

const WHAT_EXPIRES: Readonly<Record<AuthMethod, string>> = {
  static: 'token',
  jwt: 'token',
  certificate: 'client certificate',
  anonymous: 'leave to be here',
};

/**
 * Who is calling, while the connection lives: takes fresh tokens, tells before
 * the present one expires, ends the connection when none came in time. A
 * client certificate can't be renewed within its connection, nor what an
 * authorization service lets an anonymous client do for a while, nor anything
 * where no Authenticate can come: these clients are told to connect anew instead.
 */
export class IdentityWatch {
  readonly #clock: Clock;
  readonly #connection: ClientConnection;
  readonly #gatekeeper: Gatekeeper;
  readonly #settings: IdentityWatchSettings;
  readonly #events: IdentityWatchEvents;
  readonly #takesAuthenticate: boolean;
  #timer: Timer | undefined;
  #told = false;
  /** When the client is told, in wall time. */
  #noticeAtMs = Infinity;
  /** The answer that is awaited; at most one, and behind it the last token that came meanwhile. */
  #asking: AbortController | undefined;
  #nextToken: string | undefined;
  /** Until the turn is over: a look costs something even where its answer comes at once, and one a turn is enough. */
  #looked = false;

  constructor(
    clock: Clock,
    connection: ClientConnection,
    gatekeeper: Gatekeeper,
    settings: IdentityWatchSettings,
    events: IdentityWatchEvents,
    takesAuthenticate = true,
  ) {
    this.#clock = clock;
    this.#connection = connection;
    this.#gatekeeper = gatekeeper;
    this.#settings = settings;
    this.#events = events;
    this.#takesAuthenticate = takesAuthenticate;
  }

  start(): void {
    const { expiryNoticeMs } = this.#settings;
    const { identity } = this.#connection;
    const { expiresAtMs = Infinity } = identity;
    // Who comes with a certificate that is about to expire has no other yet: told to connect anew, it would come with this one.
    const hasNoOther = !this.#isRenewable(identity) && this.#clock.wallNow() >= expiresAtMs - expiryNoticeMs;
    this.#told = expiryNoticeMs === 0 || hasNoOther;
    this.#setNotice();
    this.#arm();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#asking?.abort();
    this.#asking = undefined;
    this.#nextToken = undefined;
  }

  /** A token that the client brings within its stream. */
  authenticate(token: string): void {
    if (!this.#gatekeeper.takesTokens) {
      this.#events.refuse(
        '',
        new SluiceError(
          'INVALID_MESSAGE',
          'Authenticate is not served: this gateway takes no tokens (auth.methods)',
        ),
      );
    } else if (token.length > MAX_TOKEN_LENGTH) {
      this.#events.fail(
        new SluiceError(
          'UNAUTHENTICATED',
          `the token is longer than ${MAX_TOKEN_LENGTH} characters (auth.maxTokenSize)`,
        ),
      );
    } else {
      // Only the newest matters: one a client has replaced would be replaced at once.
      this.#nextToken = token;
      this.#askNext();
    }
  }

  #ask(token: string): void {
    const { stream, clientId } = this.#connection;
    const asking = new AbortController();
    this.#asking = asking;
    this.#looked = true;
    this.#clock.setImmediate(() => {
      this.#looked = false;
      this.#askNext();
    });
    const credentials = {
      token,
      certificate: stream.certificate,
      claimedId: clientId,
      peer: stream.peer,
    };
    const settled = (identity: Identity | undefined): void => {
      if (this.#asking !== asking) return;
      this.#asking = undefined;
      this.#take(identity);
      this.#askNext();
    };
    const failed = (error: unknown): void => {
      if (this.#asking !== asking) return;
      this.#asking = undefined;
      this.#refuse(error);
      this.#askNext();
    };
    try {
      const answer = token === '' ? undefined : this.#gatekeeper.identify(credentials, asking.signal);
      if (answer instanceof Promise) {
        answer.then(settled, failed).catch((fault: unknown) => {
          this.#events.onFault(fault);
        });
      } else settled(answer);
    } catch (error) {
      failed(error);
    }
  }

  #askNext(): void {
    if (this.#asking !== undefined || this.#looked) return;
    const token = this.#nextToken;
    this.#nextToken = undefined;
    if (token !== undefined && this.#connection.state.kind !== 'closed') this.#ask(token);
  }

  #take(identity: Identity | undefined): void {
    if (identity === undefined) {
      this.#events.fail(new SluiceError('UNAUTHENTICATED', 'Authenticate without a token'));
    } else if (identity.clientId !== this.#connection.clientId) {
      this.#events.fail(
        new SluiceError(
          'UNAUTHENTICATED',
          'Authenticate with a token of another subject than the one this connection began with',
        ),
      );
    } else {
      this.#connection.identity = identity;
      this.#told = this.#settings.expiryNoticeMs === 0;
      this.#setNotice();
      this.#arm();
      this.#events.refreshed();
    }
  }

  #refuse(error: unknown): void {
    const refusal = asRefusal(error);
    // The present token holds until it expires: the client may try again.
    if (NOT_THE_TOKEN.has(refusal.code)) this.#events.refuse('', refusal);
    else this.#events.fail(refusal);
  }

  #setNotice(): void {
    const { identity } = this.#connection;
    const { expiresAtMs = Infinity } = identity;
    // Not before half of what is left is over: who renews when told would renew tokens that live shorter without end.
    const halfMs = Math.max(0, expiresAtMs - this.#clock.wallNow()) / 2;
    const { expiryNoticeMs } = this.#settings;
    this.#noticeAtMs =
      expiresAtMs - (this.#isRenewable(identity) ? Math.min(expiryNoticeMs, halfMs) : expiryNoticeMs);
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { expiresAtMs } = this.#connection.identity;
    if (expiresAtMs === undefined) return;
    const { expiryGraceMs } = this.#settings;
    const dueAtMs = this.#told ? expiresAtMs + expiryGraceMs : this.#noticeAtMs;
    const delayMs = Math.min(LOOK_MS, Math.max(0, dueAtMs - this.#clock.wallNow()));
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      if (this.#clock.wallNow() >= dueAtMs) this.#due(expiresAtMs);
      else this.#arm();
    }, delayMs);
  }

  #due(expiresAtMs: number): void {
    const { identity } = this.#connection;
    const { expiryGraceMs } = this.#settings;
    const leftMs = Math.max(0, expiresAtMs - this.#clock.wallNow());
    const what = WHAT_EXPIRES[identity.method];
    if (this.#told) {
      this.#events.expired();
      this.#events.fail(this.#tooLate(what, expiresAtMs));
      return;
    }
    this.#told = true;
    if (!this.#isRenewable(identity)) {
      this.#events.drain(
        leftMs + expiryGraceMs,
        `connection: its ${what} expires`,
        new SluiceError(
          'TOKEN_EXPIRED',
          `the ${what} expires at ${new Date(expiresAtMs).toISOString()}: connect anew, with a fresh one if it has to be shown`,
          { retryAfterMs: 0 },
        ),
      );
    } else {
      this.#events.notify(
        controlMessage({
          action: 'throttle',
          retryAfterMs: Math.ceil(leftMs),
          scope: 'token',
          reason: `the token expires in ${Math.ceil(leftMs)} ms: Authenticate with a fresh one`,
        }),
      );
    }
    this.#arm();
  }

  /** Whether what they came in with can be renewed within the stream. */
  #isRenewable({ method }: Identity): boolean {
    return this.#takesAuthenticate && (method === 'static' || method === 'jwt');
  }

  #tooLate(what: string, expiresAtMs: number): SluiceError {
    const { expiryGraceMs } = this.#settings;
    return new SluiceError(
      'TOKEN_EXPIRED',
      `the ${what} expired at ${new Date(expiresAtMs).toISOString()}, and no fresh one came within ${expiryGraceMs} ms ` +
        '(auth.expiryGrace)',
      { retryAfterMs: 0 },
    );
  }
}
