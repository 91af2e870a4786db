import type { Clock, Timer } from '../core/clock.js';
import { GrpcStatus, SluiceError } from '../core/errors.js';
import type { Identity } from '../core/identity.js';
import type { Logger } from '../core/logger.js';
import { isPrintableId, quoted } from '../core/printable.js';
import { isOwnService } from '../core/service-name.js';
import type { ByteAccount } from '../flow/byte-account.js';
import type { ProxiedReceiver, ProxiedStream, ProxyAcceptor } from '../transport/proxy-contract.js';
import {
  admitCall,
  type CallAdmission,
  type CallAdmissionOptions,
  type CallRequest,
} from './call-admission.js';
import { CallExpiry } from './call-expiry.js';
import type { CallGatekeeper } from './call-gatekeeper.js';
import { callerHeaders, headerOf } from './call-headers.js';
import type { BeginCall, CallUnderWay } from './call-under-way.js';
import { type MethodFigures, statusName, UnknownMethods } from './method-figures.js';
import type { CallOutcome } from './proxied-call.js';
import { Proxy, type ProxySpec } from './proxy.js';
import { refuseCall } from './refused-call.js';
import { nearestFirst, type ServiceMethods } from './service-methods.js';

export interface ProxyServerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly gatekeeper: CallGatekeeper;
  readonly account: ByteAccount;
  readonly begin: BeginCall;
  readonly proxies: readonly ProxySpec[];
  /** Whether it is no secret which services there are (`server.reflection`). */
  readonly namesServices: boolean;
  readonly identifyTimeoutMs: number;
  /** From the expiry of a token until the calls that began with it end. */
  readonly expiryGraceMs: number;
  /** From the age at which a network connection is left until the calls that are still on it end. */
  readonly ageGraceMs: number;
  /** How long the account of buffered bytes may be above its budget before calls are refused for it. */
  readonly shedAfterMs: number;
  /** Told of each call that was not let in. */
  readonly onRefused: (refused: RefusedCall) => void;
  /** A method was called that a proxy does not have, or, undefined, a service that none has. */
  readonly onUnknown?: (proxy: string | undefined) => void;
}

export interface RefusedCall {
  /** Undefined where it is nobody's. */
  readonly proxy: string | undefined;
  readonly path: string;
  readonly peer: string;
  /** Verified where it is known, else as they say. */
  readonly client: string | undefined;
  readonly error: SluiceError;
}

/** One proxy, for whoever shows it. */
export interface ProxyLevels {
  readonly name: string;
  /** Calls under way. */
  readonly calls: number;
  /** What they hold: on the way to backends, and to clients. */
  readonly heldUpBytes: number;
  readonly heldDownBytes: number;
  /** Calls that were not let in, by the code that they were refused with. */
  readonly refused: ReadonlyMap<string, number>;
  readonly methods: readonly MethodFigures[];
}

/** A call under way, for whoever has to make room. */
export interface BurdenedCall {
  readonly peer: string;
  readonly heldBytes: number;
  end(error: SluiceError): void;
}

/** How soon a client should try again, in milliseconds: elsewhere, where the gateway leaves; and here. */
const DRAINING_RETRY_MS = 1_000;
const RETRY_MS = 1_000;
/** That a backend does not have a method is said once in this time. */
const MISSING_TOLD_MS = 60_000;
/** A longer path is no method of anybody's: `package.Service/Method` is at most half of it. */
const MAX_PATH_LENGTH = 512;

interface Entry extends BurdenedCall {
  readonly request: CallRequest;
  readonly identity: Identity;
  readonly figures: MethodFigures;
  readonly beganAtMs: number;
  readonly expiry: CallExpiry | undefined;
  /** Of its connection; undefined where that may grow as old as it will. */
  readonly age: Timer | undefined;
  readonly call: CallUnderWay;
}

/**
 * Takes the calls of other people's services: which proxy one is for, who is
 * calling and whether they may, whether there is room; and ends those under way
 * when the client is revoked, its token expires, its connection has grown too
 * old, or the gateway leaves.
 */
export class ProxyServer implements ProxyAcceptor {
  readonly #options: ProxyServerOptions;
  readonly #proxies: ReadonlyMap<string, Proxy>;
  readonly #byService = new Map<string, Proxy>();
  readonly #calls = new Set<Entry>();
  readonly #asking = new Set<CallAdmission>();
  readonly #admission: CallAdmissionOptions;
  readonly #waitingForEmpty: (() => void)[] = [];
  #heldSinceMs: number | undefined;
  #drainTimer: Timer | undefined;
  #draining = false;
  /** Calls of services that no proxy has. */
  unknownServices = 0;

  constructor(options: ProxyServerOptions) {
    this.#options = options;
    const unknown = new UnknownMethods();
    this.#proxies = new Map(options.proxies.map((spec) => [spec.name, new Proxy(spec, unknown)]));
    for (const proxy of this.#proxies.values())
      for (const service of proxy.spec.services) this.#byService.set(service, proxy);
    this.#admission = {
      clock: options.clock,
      gatekeeper: options.gatekeeper,
      identifyTimeoutMs: options.identifyTimeoutMs,
      admit: (request, identity) => this.#admit(request, identity),
      refuse: ({ stream, proxy }, error, clientId) =>
        this.#refuse(stream, proxy, this.#asRefusal(error), clientId),
      onBegun: (admission) => {
        this.#asking.add(admission);
      },
      onOver: (admission) => {
        this.#asking.delete(admission);
      },
    };
  }

  /** Calls under way, over all proxies. */
  get size(): number {
    return this.#calls.size;
  }

  /** The services that are passed on, as far as they are known, each with the name of its proxy. */
  get services(): Iterable<readonly [service: string, proxy: string]> {
    return [...this.#byService].map(([service, { name }]) => [service, name]);
  }

  /** What each proxy has under way and has done. Walks all calls. */
  get levels(): readonly ProxyLevels[] {
    const held = new Map<Proxy, { up: number; down: number }>();
    for (const { request, call } of this.#calls) {
      const sum = held.get(request.proxy) ?? { up: 0, down: 0 };
      sum.up += call.heldUpBytes;
      sum.down += call.heldDownBytes;
      held.set(request.proxy, sum);
    }
    return [...this.#proxies.values()].map((proxy) => {
      const { up = 0, down = 0 } = held.get(proxy) ?? {};
      return {
        name: proxy.name,
        calls: proxy.calls,
        heldUpBytes: up,
        heldDownBytes: down,
        refused: proxy.refused,
        methods: [...proxy.methods],
      };
    });
  }

  [Symbol.iterator](): IterableIterator<BurdenedCall> {
    return this.#calls.values();
  }

  /**
   * From now on a proxy passes on these methods of these services, and no
   * others. A service that another has is left to that one: returns those.
   */
  describe(
    name: string,
    services: ServiceMethods,
  ): readonly { readonly service: string; readonly by: string }[] {
    const proxy = this.#proxies.get(name);
    if (proxy === undefined) throw new TypeError(`there is no proxy ${name}`);
    const taken: { service: string; by: string }[] = [];
    const own = new Map(services);
    for (const service of services.keys()) {
      const by = this.#byService.get(service);
      if (by === undefined || by === proxy) continue;
      taken.push({ service, by: by.name });
      own.delete(service);
    }
    for (const [service, by] of this.#byService) if (by === proxy) this.#byService.delete(service);
    for (const service of own.keys()) this.#byService.set(service, proxy);
    proxy.describe(own);
    return taken;
  }

  serves(path: string): boolean {
    const { service } = partsOf(path);
    if (isOwnService(service)) return false;
    // Whoever is told which services there are is told by us.
    return this.#byService.has(service) || this.#options.namesServices || this.#undescribed !== undefined;
  }

  accept(stream: ProxiedStream): ProxiedReceiver {
    const { service, method } = partsOf(stream.path);
    const proxy = this.#byService.get(service);
    if (this.#draining) return this.#refuse(stream, proxy, leaving('it takes no new calls'));
    if (proxy === undefined) return this.#refuse(stream, undefined, this.#unknownService(service));
    return admitCall({ stream, proxy, service, method }, this.#admission);
  }

  /** More is buffered than may be: nothing is read from either side of any call until `release`. */
  hold(): void {
    this.#heldSinceMs ??= this.#options.clock.now();
    for (const { call } of this.#calls) call.hold();
  }

  release(): void {
    this.#heldSinceMs = undefined;
    for (const { call } of [...this.#calls]) call.release();
  }

  /** Ends a client's calls, of `which` identities, and those of which it is asked whether it may; returns how many were under way. */
  endClient(clientId: string, error: SluiceError, which: (identity: Identity) => boolean): number {
    const isTheirs = (identity: Identity | undefined): boolean =>
      identity?.clientId === clientId && which(identity);
    for (const admission of [...this.#asking]) if (isTheirs(admission.identity)) admission.end(error);
    const theirs = [...this.#calls].filter(({ identity }) => isTheirs(identity));
    for (const entry of theirs) entry.end(error);
    return theirs.length;
  }

  /** Takes no new calls; those under way go on, at most for `graceMs`. Resolves when the last is over. */
  drain(graceMs: number): Promise<void> {
    this.#draining = true;
    for (const admission of [...this.#asking]) admission.end(leaving('it takes no new calls'));
    this.#drainTimer?.cancel();
    this.#drainTimer = this.#options.clock.setTimeout(() => {
      this.#endAll(leaving('the time for calls under way is over (server.drainGrace)'));
    }, graceMs);
    return new Promise((resolve) => {
      this.#waitingForEmpty.push(resolve);
      this.#resolveIfEmpty();
    });
  }

  /** Ends every call now. Idempotent. */
  destroy(): void {
    this.#draining = true;
    this.#drainTimer?.cancel();
    for (const admission of [...this.#asking]) admission.reset();
    this.#endAll(leaving('it has left'));
    for (const { request } of [...this.#calls]) request.stream.reset();
    this.#resolveIfEmpty();
  }

  #admit(request: CallRequest, identity: Identity): ProxiedReceiver {
    const { stream, proxy, service, method } = request;
    const { clientId } = identity;
    if (this.#draining) throw leaving('it takes no new calls');
    const refusal =
      proxy.refusalOfMethod(service, method) ?? this.#refusalForMemory() ?? proxy.refusalOfCall(clientId);
    if (refusal !== undefined) throw refusal;
    const { clock, account, begin } = this.#options;
    const figures = proxy.begin(clientId, `${service}/${method}`);
    let entry: Entry | undefined = undefined;
    const call = begin({
      proxy: proxy.name,
      stream,
      pool: proxy.spec.pool,
      terms: proxy.spec.terms,
      clock,
      account,
      counters: figures,
      extraHeaders: callerHeaders(stream, identity),
      onEnd: (outcome) => {
        if (entry !== undefined) this.#ended(entry, outcome);
      },
    });
    entry = this.#entry(request, identity, figures, call);
    this.#calls.add(entry);
    if (this.#heldSinceMs !== undefined) call.hold();
    call.start();
    return call;
  }

  #entry(request: CallRequest, identity: Identity, figures: MethodFigures, call: CallUnderWay): Entry {
    const { clock, expiryGraceMs, ageGraceMs } = this.#options;
    const { expiresAtMs } = identity;
    const { connectionDeadline } = request.stream;
    const end = (error: SluiceError): void => {
      call.end(error);
    };
    return {
      request,
      identity,
      figures,
      call,
      end,
      beganAtMs: clock.now(),
      peer: request.stream.peer,
      get heldBytes() {
        return call.heldBytes;
      },
      expiry:
        expiresAtMs === undefined
          ? undefined
          : new CallExpiry(clock, expiresAtMs + expiryGraceMs, () => {
              end(expired(expiresAtMs));
            }),
      // Its client has heard GOAWAY by then, and calls elsewhere; of a broken connection it would learn nothing.
      age:
        connectionDeadline === undefined
          ? undefined
          : clock.setTimeout(
              () => {
                end(aged());
              },
              connectionDeadline + ageGraceMs - clock.now(),
            ),
    };
  }

  #ended(entry: Entry, outcome: CallOutcome): void {
    if (!this.#calls.delete(entry)) return;
    const { request, identity, figures, expiry, age, call, beganAtMs } = entry;
    const { proxy, stream, service, method } = request;
    const { clock, logger } = this.#options;
    expiry?.cancel();
    age?.cancel();
    proxy.end(identity.clientId);
    figures.finished(outcome.status);
    const ms = clock.now() - beganAtMs;
    proxy.spec.durations.observe(ms);
    const fields = { proxy: proxy.name, method: `${service}/${method}`, address: call.address };
    logger.debug(
      {
        ...fields,
        client: identity.clientId,
        peer: stream.peer,
        status: statusName(outcome.status),
        by: outcome.by,
        ms: Math.round(ms),
        ...(outcome.error !== undefined && { code: outcome.error.code, reason: outcome.error.message }),
      },
      'a proxied call ended',
    );
    if (
      outcome.by === 'backend' &&
      outcome.status === GrpcStatus.UNIMPLEMENTED &&
      proxy.knows(service, method)
    )
      this.#tellMissing(figures, fields);
    this.#resolveIfEmpty();
  }

  /** Its description names a method that the backend says it does not have. */
  #tellMissing(figures: MethodFigures, fields: object): void {
    const { clock, logger } = this.#options;
    const now = clock.now();
    if (now - figures.missingToldAtMs < MISSING_TOLD_MS) return;
    figures.missingToldAtMs = now;
    logger.warn(
      fields,
      'a backend does not have a method that its description names: is it of another version?',
    );
  }

  #refusalForMemory(): SluiceError | undefined {
    const { clock, account, shedAfterMs } = this.#options;
    if (this.#heldSinceMs === undefined || clock.now() - this.#heldSinceMs < shedAfterMs) return undefined;
    const held = `${account.bytes} bytes are buffered, and no more than ${account.budgetBytes} may be (memory.budget)`;
    return new SluiceError('OVERLOADED', held, { retryAfterMs: RETRY_MS });
  }

  #unknownService(service: string): SluiceError {
    const waiting = this.#undescribed;
    if (waiting !== undefined) {
      const sentence = `which services proxy ${waiting.name} has is not known yet: its backend could not be asked`;
      return new SluiceError('UPSTREAM_UNAVAILABLE', sentence, { retryAfterMs: RETRY_MS });
    }
    // Not a name that nobody was to hear, though whoever asks does not say who they are.
    if (!this.#options.namesServices)
      return new SluiceError('UNKNOWN_METHOD', 'no such service is served here');
    const names = [...this.#byService.keys()];
    const there = names.length === 0 ? '' : `; passed on are ${nearestFirst(service, names)}`;
    const asked =
      service === ''
        ? 'the path of the call is not of the form /package.Service/Method'
        : `no service ${quoted(service)} is served here`;
    return new SluiceError('UNKNOWN_METHOD', `${asked}${there}`);
  }

  /** One whose services are to be named by a description that has not come. */
  get #undescribed(): Proxy | undefined {
    for (const proxy of this.#proxies.values())
      if (proxy.isUnknown && proxy.spec.services.length === 0) return proxy;
    return undefined;
  }

  #refuse(
    stream: ProxiedStream,
    proxy: Proxy | undefined,
    error: SluiceError,
    clientId = error.clientId,
  ): ProxiedReceiver {
    if (error.code === 'UNKNOWN_METHOD') this.#options.onUnknown?.(proxy?.name);
    if (proxy === undefined) this.unknownServices += 1;
    else proxy.refused.set(error.code, (proxy.refused.get(error.code) ?? 0) + 1);
    this.#options.onRefused({
      proxy: proxy?.name,
      path: quoted(stream.path),
      peer: stream.peer,
      client: clientId ?? claimedId(stream),
      error,
    });
    return refuseCall(stream, error);
  }

  #asRefusal(error: unknown): SluiceError {
    if (error instanceof SluiceError) return error;
    this.#options.logger.error({ err: error }, 'a fault refused a proxied call');
    return new SluiceError('INTERNAL', 'a fault of the gateway refused the call; its log says more');
  }

  #endAll(error: SluiceError): void {
    for (const entry of [...this.#calls]) entry.end(error);
  }

  #resolveIfEmpty(): void {
    if (!this.#draining || this.#calls.size > 0) return;
    this.#drainTimer?.cancel();
    for (const resolve of this.#waitingForEmpty.splice(0)) resolve();
  }
}

/**
 * `/package.Service/Method`. No method of anybody's has a slash, an escape or a
 * query in its name: what stands in front of a backend may take these for
 * another method than the one that permission was given for.
 */
const PATH = /^\/([^/?#%\\]+)\/([\w~-][\w.~-]*)$/;

/** Of a path; all of it empty where it is none. */
function partsOf(path: string): { readonly service: string; readonly method: string } {
  const [, service = '', method = ''] = path.length > MAX_PATH_LENGTH ? [] : (PATH.exec(path) ?? []);
  return { service, method };
}

function claimedId({ headers }: ProxiedStream): string | undefined {
  const claimed = headerOf(headers, 'x-client-id');
  return claimed === undefined || isPrintableId(claimed) ? claimed : quoted(claimed);
}

function leaving(what: string): SluiceError {
  return new SluiceError('DRAINING', `the gateway is leaving: ${what}`, { retryAfterMs: DRAINING_RETRY_MS });
}

function aged(): SluiceError {
  const sentence =
    'the network connection of the call is too old (server.maxConnectionAge) and the time for calls under way is over (server.ageGrace): call again';
  return new SluiceError('STREAM_LIMIT', sentence, { retryAfterMs: 0 });
}

function expired(expiresAtMs: number): SluiceError {
  const at = new Date(expiresAtMs).toISOString();
  return new SluiceError(
    'TOKEN_EXPIRED',
    `what the call began with expired at ${at}: call again with a fresh one`,
    {
      retryAfterMs: 0,
    },
  );
}
