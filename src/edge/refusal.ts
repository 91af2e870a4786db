import { SluiceError } from '../core/errors.js';
import { rateHeaders } from './rate-headers.js';

/** What a request is answered with that is not done; a status of HTTP's own may say more than the catalogue's. */
export class Refusal extends Error {
  readonly error: SluiceError;
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    error: SluiceError,
    status: number = error.entry.httpStatus,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(error.message, { cause: error });
    this.error = error;
    this.status = status;
    this.headers = headers;
  }
}

/** Of a stream of the gateway, which has counted it and told its log, as those of every door. */
export class StreamRefusal extends Refusal {}

/** The body of every answer that is an error. */
export interface ErrorBody {
  readonly error: { readonly code: string; readonly message: string; readonly retryAfterMs?: number };
}

export function errorBody({ code, message, retryAfterMs }: SluiceError): ErrorBody {
  return { error: { code, message, ...(retryAfterMs !== undefined && { retryAfterMs }) } };
}

/** Of an answer that is an error: when to try again (RFC 9110 section 10.2.3, in whole seconds), and how to come in. */
export function errorHeaders({ status, error, headers }: Refusal): Readonly<Record<string, string>> {
  const { retryAfterMs } = error;
  return {
    ...(retryAfterMs !== undefined && { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) }),
    ...rateHeaders(error.rates),
    // RFC 9110 section 11.6.1: a 401 has to have one.
    ...(status === 401 && { 'www-authenticate': 'Bearer' }),
    ...headers,
  };
}

/** The client's mistake in what it asked for. */
export function invalid(
  message: string,
  status?: number,
  headers?: Readonly<Record<string, string>>,
): Refusal {
  return new Refusal(new SluiceError('INVALID_MESSAGE', message), status, headers);
}
