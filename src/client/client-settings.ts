import { MAX_TIMER_MS } from '../core/clock.js';
import { isPrintableId } from '../core/printable.js';
import type { StreamMethod } from '../transport/contract.js';
import type { BackoffLimits } from '../flow/backoff.js';
import type { ClientEvent } from './client-event.js';
import type { Interceptor } from './interceptor.js';
import { expect } from './option-checks.js';
import type { ClientOptions, TokenSource } from './client-options.js';

/** The options with every default filled in, checked. */
export interface ClientSettings {
  readonly token: TokenSource | undefined;
  readonly clientId: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly method: StreamMethod;
  readonly sessionsPerStream: number;
  readonly maxStreams: number;
  readonly openTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly backoff: BackoffLimits;
  readonly interceptors: readonly Interceptor[];
  readonly onEvent: ((event: ClientEvent) => void) | undefined;
}

/** Request metadata: a name as gRPC has it, and text of one line of ASCII. */
const METADATA_NAME = /^[0-9a-z_.-]{1,128}$/;
const METADATA_VALUE = /^[\x20-\x7e]*$/;
/** What a token may be made of, where it is to go into request metadata (RFC 6750 allows less). */
const TOKEN = /^[\x21-\x7e]+$/;
/** No token is near it; of a much longer one HTTP/2 would make a broken connection, without a word why. */
export const MAX_TOKEN_BYTES = 16 * 1024;

const NAMES: Readonly<Record<keyof ClientOptions, true>> = {
  token: true,
  clientId: true,
  metadata: true,
  batches: true,
  sessionsPerStream: true,
  maxStreams: true,
  openTimeoutMs: true,
  backoff: true,
  connectTimeoutMs: true,
  interceptors: true,
  onEvent: true,
};

/**
 * Checks a client's options; `others` are the names that its caller knows besides.
 * @throws TypeError that names the option, its value and what is allowed.
 */
export function clientSettings(options: ClientOptions, others: readonly string[] = []): ClientSettings {
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(NAMES, name)) continue;
    const names = [...Object.keys(NAMES), ...others].join(', ');
    throw new TypeError(`There is no option ${name}: those of a client are ${names}`);
  }
  if (options.backoff !== undefined)
    expectObject('backoff', options.backoff, 'an object with firstMs and maxMs');
  if (options.metadata !== undefined)
    expectObject('metadata', options.metadata, 'an object of names and texts');
  const { token, clientId, batches = true, interceptors = [], onEvent, backoff = {} } = options;
  const { firstMs = 100, maxMs = 30_000 } = backoff;
  expect('batches', batches, typeof batches === 'boolean', 'true or false');
  expectToken(token);
  if (clientId !== undefined)
    expect('clientId', clientId, isClientId(clientId), '1 to 128 printable characters of ASCII');
  expect('interceptors', interceptors, Array.isArray(interceptors), 'an array');
  expect('onEvent', onEvent, onEvent === undefined || typeof onEvent === 'function', 'a function');
  return {
    token,
    clientId,
    metadata: checkedMetadata(options.metadata ?? {}, token),
    method: batches ? 'StreamBatches' : 'StreamData',
    sessionsPerStream: whole('sessionsPerStream', options.sessionsPerStream ?? 100, 1, 1_000_000),
    maxStreams: whole('maxStreams', options.maxStreams ?? 8, 1, 10_000),
    openTimeoutMs: whole('openTimeoutMs', options.openTimeoutMs ?? 10_000, 0, MAX_TIMER_MS),
    connectTimeoutMs: whole('connectTimeoutMs', options.connectTimeoutMs ?? 10_000, 1, MAX_TIMER_MS),
    backoff: {
      firstMs: whole('backoff.firstMs', firstMs, 1, MAX_TIMER_MS),
      maxMs: whole('backoff.maxMs', maxMs, firstMs, MAX_TIMER_MS),
    },
    interceptors: [...interceptors],
    onEvent,
  };
}

/** Whether a token can be shown in request metadata. */
export function isToken(token: unknown): token is string {
  return typeof token === 'string' && token.length <= MAX_TOKEN_BYTES && TOKEN.test(token);
}

/** The secret itself is never in a message. */
function expectToken(token: unknown): void {
  if (token === undefined || typeof token === 'function' || isToken(token)) return;
  throw new TypeError(
    `token is ${noTokenBecause(token)}: expected is a text of printable ASCII without spaces, of at most ${MAX_TOKEN_BYTES} bytes, or a function that gives one`,
  );
}

/** What it is instead of a token; of its words none. */
export function noTokenBecause(given: unknown): string {
  if (typeof given !== 'string') return given === null ? 'null' : `of type ${typeof given}`;
  if (given === '') return 'empty';
  return given.length > MAX_TOKEN_BYTES ? `too long (${given.length} bytes)` : 'not a token';
}

/** Request metadata carries ASCII; whom the gateway names otherwise shows a token. */
function isClientId(clientId: unknown): boolean {
  return typeof clientId === 'string' && isPrintableId(clientId) && METADATA_VALUE.test(clientId);
}

function checkedMetadata(
  metadata: Readonly<Record<string, string>>,
  token: TokenSource | undefined,
): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(metadata) as [string, unknown][]) {
    if (name === 'x-client-id') throw new TypeError('metadata has x-client-id: that is the option clientId');
    if (name === 'authorization' && token !== undefined) {
      throw new TypeError('metadata has authorization, and there is the option token');
    }
    if (!METADATA_NAME.test(name) || name.startsWith('grpc-') || name.endsWith('-bin')) {
      throw new TypeError(
        `metadata has the name ${JSON.stringify(name)}: expected are lower-case letters, digits and -_. (not beginning with grpc-, not ending with -bin)`,
      );
    }
    // Not said back: it may be a secret.
    if (typeof value !== 'string' || !METADATA_VALUE.test(value)) {
      throw new TypeError(`metadata.${name} is no text of printable ASCII`);
    }
  }
  return { ...metadata };
}

function whole(name: string, value: number, least: number, most: number): number {
  const said = least === 0 && most === MAX_TIMER_MS ? 'at least 0' : `from ${least} to ${most}`;
  expect(name, value, Number.isInteger(value) && value >= least && value <= most, `a whole number ${said}`);
  return value;
}

function expectObject(name: string, value: unknown, expected: string): void {
  expect(name, value, typeof value === 'object' && value !== null, expected);
}
