import { SluiceError } from '../core/errors.js';
import type { UpstreamPool } from '../upstream/upstream-pool.js';
import type { CallTerms } from './call-terms.js';
import { MethodFigures, OTHERS, type UnknownMethods } from './method-figures.js';
import { nearestFirst, type ServiceMethods } from './service-methods.js';

/** One of the configured proxies. */
export interface ProxySpec {
  readonly name: string;
  /** Empty: those that its description names. */
  readonly services: readonly string[];
  /** Whether a description is to come: what it does not name is not passed on then. */
  readonly isDescribed: boolean;
  readonly pool: UpstreamPool;
  readonly terms: CallTerms;
  readonly maxCalls: number;
  readonly maxCallsPerClient: number;
  /** Told how long each of its calls has taken. */
  readonly durations: { observe(ms: number): void };
}

/** How soon a client that was refused for a limit should try again, in milliseconds. */
const RETRY_MS = 1_000;

/** Methods that are told apart where a description names them: it is the backend's, and may name others each time. */
const MAX_KNOWN = 2_048;

/** Which methods a proxy passes on, what each has done, and the calls that it has under way. */
export class Proxy {
  readonly spec: ProxySpec;
  readonly refused = new Map<string, number>();
  readonly #methods = new Map<string, MethodFigures>();
  readonly #unknown: UnknownMethods;
  readonly #perClient = new Map<string, number>();
  #services: ServiceMethods | undefined;
  #calls = 0;
  /** Calls of which somebody else is asked whose they are. */
  asking = 0;

  constructor(spec: ProxySpec, unknown: UnknownMethods) {
    this.spec = spec;
    this.#unknown = unknown;
  }

  get name(): string {
    return this.spec.name;
  }

  /** Calls under way. */
  get calls(): number {
    return this.#calls;
  }

  get methods(): Iterable<MethodFigures> {
    return this.#methods.values();
  }

  /** Whether a description that it is to have has not come yet. */
  get isUnknown(): boolean {
    return this.spec.isDescribed && this.#services === undefined;
  }

  /** From now on these are its services, and their methods all that it passes on. */
  describe(services: ServiceMethods): void {
    this.#services = services;
    for (const [service, methods] of services)
      for (const method of methods) this.#figuresOf(`${service}/${method}`, true);
  }

  knows(service: string, method: string): boolean {
    return this.#services?.get(service)?.includes(method) ?? false;
  }

  /** UNKNOWN_METHOD, unless it passes the method on. */
  refusalOfMethod(service: string, method: string): SluiceError | undefined {
    if (this.#services === undefined || this.knows(service, method)) return undefined;
    const names = this.#services.get(service) ?? [];
    const there = names.length === 0 ? 'it has none' : `it has ${nearestFirst(method, names)}`;
    return new SluiceError('UNKNOWN_METHOD', `service ${service} has no such method: ${there}`);
  }

  /** CALL_LIMIT, where one more to be asked about is too many: who waits for an answer must not keep out who needs none. */
  get refusalIfAsked(): SluiceError | undefined {
    const { maxCalls } = this.spec;
    if (this.asking < maxCalls) return undefined;
    const many = `of ${this.asking} calls of proxy ${this.name} it is not known yet whose they are`;
    return this.#overLimit(many, 'maxCalls', maxCalls);
  }

  /** CALL_LIMIT, unless there is room for one more of this client's. */
  refusalOfCall(clientId: string): SluiceError | undefined {
    const { maxCalls, maxCallsPerClient } = this.spec;
    if (this.#calls >= maxCalls) {
      const many = `${this.#calls} calls of proxy ${this.name} are under way`;
      return this.#overLimit(many, 'maxCalls', maxCalls);
    }
    const held = this.#perClient.get(clientId) ?? 0;
    if (held < maxCallsPerClient) return undefined;
    const many = `client "${clientId}" has ${held} calls of proxy ${this.name} under way`;
    return this.#overLimit(many, 'maxCallsPerClient', maxCallsPerClient);
  }

  begin(clientId: string, method: string): MethodFigures {
    this.#calls += 1;
    this.#perClient.set(clientId, (this.#perClient.get(clientId) ?? 0) + 1);
    const figures = this.#figuresOf(method, false);
    figures.open += 1;
    return figures;
  }

  end(clientId: string): void {
    this.#calls -= 1;
    const left = (this.#perClient.get(clientId) ?? 1) - 1;
    if (left === 0) this.#perClient.delete(clientId);
    else this.#perClient.set(clientId, left);
  }

  #figuresOf(method: string, isKnown: boolean): MethodFigures {
    const there = this.#methods.get(method);
    if (there !== undefined) return there;
    const label = !isKnown ? this.#unknown.admit(method) : this.#methods.size < MAX_KNOWN ? method : OTHERS;
    const figures = this.#methods.get(label) ?? new MethodFigures(label);
    this.#methods.set(label, figures);
    return figures;
  }

  #overLimit(many: string, option: string, most: number): SluiceError {
    const sentence = `${many}, the most that may (proxies.${this.name}.${option} = ${most})`;
    return new SluiceError('CALL_LIMIT', sentence, { retryAfterMs: RETRY_MS });
  }
}
