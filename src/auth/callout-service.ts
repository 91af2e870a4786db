import type { Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import { StartError } from '../core/start-error.js';
import { parseCalloutSecret } from './callout-secret.js';
import { bodyOf, readAnswer, type CalloutQuestion, type ReadAnswer } from './callout-wire.js';
import { JsonRequests } from './json-request.js';
import { WatchedFile } from './watched-file.js';

export interface CalloutServiceOptions {
  /** http or https, without a user's name and password. */
  readonly url: string;
  /** For one exchange. */
  readonly timeoutMs: number;
  readonly maxConcurrent: number;
  /** What it holds is shown to the service as a bearer token; "" = nothing is. */
  readonly secretFile: string;
  /** `auth.reloadInterval`, for that file. */
  readonly reloadIntervalMs: number;
  readonly nodeId: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Room for 256 permissions of 256 characters, each written as six (`\uXXXX`), and the rest. */
const MAX_ANSWER_BYTES = 512 * 1024;
const MAX_SECRET_FILE_BYTES = 64 * 1024;

/** The authorization service, spoken to as docs/authorization-callout.md says: one question, one answer. */
export class CalloutService {
  readonly #url: URL;
  readonly #nodeId: string;
  readonly #clock: Clock;
  readonly #secret: WatchedFile<string> | undefined;
  readonly #requests: JsonRequests;

  /** Throws a StartError when the address or the secret's file can't be used. */
  constructor(options: CalloutServiceOptions) {
    this.#url = readUrl(options.url);
    this.#nodeId = options.nodeId;
    this.#clock = options.clock;
    this.#secret = options.secretFile === '' ? undefined : secretOf(options);
    this.#requests = new JsonRequests({
      clock: options.clock,
      timeoutMs: options.timeoutMs,
      maxResponseBytes: MAX_ANSWER_BYTES,
      maxSockets: options.maxConcurrent,
    });
  }

  /** For logs: scheme, host and port. */
  get origin(): string {
    return this.#url.origin;
  }

  /** Rejects with a JsonRequestError or a WrongAnswerError. */
  async ask(question: CalloutQuestion, peer: string, signal: AbortSignal): Promise<ReadAnswer> {
    const { status, json } = await this.#requests.request(this.#url, {
      method: 'POST',
      headers: this.#secret === undefined ? {} : { authorization: `Bearer ${this.#secret.value}` },
      body: bodyOf(question, this.#nodeId, peer),
      signal,
    });
    return readAnswer(status, json, this.#clock.wallNow());
  }

  /** From here on the secret's file is read again when it changes. */
  start(): void {
    this.#secret?.start();
  }

  reload(): void {
    this.#secret?.reload();
  }

  /** Who asks is answered with a JsonRequestError `closed`; no socket and no timer is left. Idempotent. */
  close(): void {
    this.#secret?.stop();
    this.#requests.close();
  }
}

function readUrl(text: string): URL {
  const setting = 'auth.callout.url';
  if (!URL.canParse(text)) throw new StartError(setting, `${setting} is not a URL.`);
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new StartError(setting, `${setting} begins with "${url.protocol}", and not with http: or https:.`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new StartError(
      setting,
      `${setting} holds a user's name or password: a secret goes into auth.callout.secretFile.`,
    );
  }
  return url;
}

function secretOf(options: CalloutServiceOptions): WatchedFile<string> {
  return new WatchedFile({
    setting: 'auth.callout.secretFile',
    file: options.secretFile,
    what: 'secret for the authorization service',
    maxBytes: MAX_SECRET_FILE_BYTES,
    secret: true,
    intervalMs: options.reloadIntervalMs,
    parse: parseCalloutSecret,
    clock: options.clock,
    logger: options.logger,
  });
}
