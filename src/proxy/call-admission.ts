import { bearerToken } from '../core/bearer-token.js';
import type { Clock, Timer } from '../core/clock.js';
import { SluiceError } from '../core/errors.js';
import type { Identity } from '../core/identity.js';
import type { StreamClose } from '../transport/contract.js';
import type { ProxiedReceiver, ProxiedStream } from '../transport/proxy-contract.js';
import { headerOf } from './call-headers.js';
import type { CallGatekeeper } from './call-gatekeeper.js';
import type { Proxy } from './proxy.js';

/** A call that has come. */
export interface CallRequest {
  readonly stream: ProxiedStream;
  readonly proxy: Proxy;
  readonly service: string;
  readonly method: string;
}

export interface CallAdmissionOptions {
  readonly clock: Clock;
  readonly gatekeeper: CallGatekeeper;
  /** From the start of a call until it is known whose it is, and whether they may. */
  readonly identifyTimeoutMs: number;
  /** They may: makes it a call under way, or throws what refuses it. */
  readonly admit: (request: CallRequest, identity: Identity) => ProxiedReceiver;
  /** Ends one that is not let in. */
  readonly refuse: (request: CallRequest, error: unknown, clientId?: string) => ProxiedReceiver;
  readonly onBegun: (admission: CallAdmission) => void;
  readonly onOver: (admission: CallAdmission) => void;
}

/** How soon a client should try again where nobody can tell now who it is, in milliseconds. */
const RETRY_MS = 5_000;

/**
 * Lets a call in, or refuses it: at once wherever that is clear. Where somebody
 * else has to be asked, the call waits unread in what is returned.
 */
export function admitCall(request: CallRequest, options: CallAdmissionOptions): ProxiedReceiver {
  const { stream, proxy, service, method } = request;
  const { gatekeeper } = options;
  const abort = new AbortController();
  let known: Identity | undefined;
  try {
    const { takesTokens } = gatekeeper;
    const identity = gatekeeper.identify(
      {
        token: takesTokens ? bearerToken(headerOf(stream.headers, 'authorization')) : undefined,
        certificate: stream.certificate,
        claimedId: headerOf(stream.headers, 'x-client-id'),
        peer: stream.peer,
      },
      abort.signal,
    );
    if (identity === undefined) {
      gatekeeper.showedNothing(stream.peer);
      throw new SluiceError(
        'UNAUTHENTICATED',
        'who is calling has to be shown (auth.methods): calls that are passed on take it by metadata "authorization: Bearer …"',
      );
    }
    const mayCall = (caller: Identity): Identity | Promise<Identity> => {
      known = caller;
      const question = {
        identity: caller,
        action: 'call',
        sessionId: '',
        route: proxy.name,
        subject: `${service}/${method}`,
        named: true,
        peer: stream.peer,
      } as const;
      return gatekeeper.mayOpen(question, abort.signal)?.then(() => caller) ?? caller;
    };
    const allowed = identity instanceof Promise ? identity.then(mayCall) : mayCall(identity);
    if (!(allowed instanceof Promise)) return options.admit(request, allowed);
    const tooMany = proxy.refusalIfAsked;
    if (tooMany === undefined) return new CallAdmission(request, allowed, () => known, abort, options);
    abort.abort();
    allowed.catch(() => undefined);
    throw tooMany;
  } catch (error) {
    return options.refuse(request, error, known?.clientId);
  }
}

/** A call of which it is not known yet whose it is. It is not read meanwhile. */
export class CallAdmission implements ProxiedReceiver {
  readonly request: CallRequest;
  readonly #known: () => Identity | undefined;
  readonly #abort: AbortController;
  readonly #options: CallAdmissionOptions;
  readonly #timer: Timer;
  #next: ProxiedReceiver | undefined;
  #halfClosed = false;
  #over = false;

  constructor(
    request: CallRequest,
    allowed: Promise<Identity>,
    known: () => Identity | undefined,
    abort: AbortController,
    options: CallAdmissionOptions,
  ) {
    this.request = request;
    this.#known = known;
    this.#abort = abort;
    this.#options = options;
    this.#timer = options.clock.setTimeout(() => {
      const within = `within ${options.identifyTimeoutMs} ms (auth.identifyTimeout)`;
      const because = `who is calling, or whether they may, could not be told ${within}`;
      this.end(new SluiceError('AUTH_UNAVAILABLE', because, { retryAfterMs: RETRY_MS }));
    }, options.identifyTimeoutMs);
    request.proxy.asking += 1;
    options.onBegun(this);
    allowed.then(
      (identity) => {
        this.#admit(identity);
      },
      (error: unknown) => {
        this.end(error);
      },
    );
  }

  /** Whose it is, where only whether they may is being asked. */
  get identity(): Identity | undefined {
    return this.#known();
  }

  /** Refuses it. Idempotent. */
  end(error: unknown): void {
    if (this.#finish()) this.#next = this.#options.refuse(this.request, error, this.identity?.clientId);
  }

  /** Without another word. */
  reset(): void {
    if (this.#finish()) this.request.stream.reset();
  }

  onChunk(chunk: Uint8Array): void {
    this.#next?.onChunk(chunk);
  }

  onHalfClose(): void {
    if (this.#next === undefined) this.#halfClosed = true;
    else this.#next.onHalfClose();
  }

  onWritten(): void {
    this.#next?.onWritten();
  }

  onHeld(): void {
    this.#next?.onHeld();
  }

  onClose(close: StreamClose): void {
    this.#finish();
    this.#next?.onClose(close);
  }

  #admit(identity: Identity): void {
    if (!this.#finish()) return;
    const { admit, refuse } = this.#options;
    try {
      this.#next = admit(this.request, identity);
      if (this.#halfClosed) this.#next.onHalfClose();
    } catch (error) {
      this.#next = refuse(this.request, error, identity.clientId);
    }
  }

  /** Once: whether this was it. */
  #finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#timer.cancel();
    this.request.proxy.asking -= 1;
    this.#options.onOver(this);
    // Whoever was asked need not look any further; where they have answered it changes nothing.
    this.#abort.abort();
    return true;
  }
}
