import { Agent as HttpAgent, get as httpGet, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, get as httpsGet } from 'node:https';
import type { Clock } from '../../core/clock.js';
import { errorText } from '../../core/error-text.js';
import { linkAbort } from '../../core/signals.js';
import { CommandError } from '../frame/command-error.js';
import { bytes } from '../frame/quantities.js';
import { adminFailure } from './admin-failure.js';
import { adminUrl } from './admin-option.js';

/** A gateway that takes longer has no time for anybody. */
const ANSWER_TIMEOUT_MS = 5_000;
/** A page of 1,000 connections takes about one. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

export interface AdminAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** Asks a gateway's admin address. Keeps its connection until it is closed. */
export class AdminClient {
  /** As it is shown to people. */
  readonly shown: string;
  readonly #url: URL;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #agent: HttpAgent | HttpsAgent;

  /** `signal` ends every request, which rejects with its reason. */
  constructor(address: string, clock: Clock, signal: AbortSignal) {
    const url = adminUrl(address);
    if (url === undefined) throw new TypeError(`not an admin address: ${address}`);
    this.#url = url;
    this.shown = url.href.replace(/\/$/, '');
    this.#clock = clock;
    this.#signal = signal;
    const options = { keepAlive: true, maxSockets: 4 };
    this.#agent = url.protocol === 'https:' ? new HttpsAgent(options) : new HttpAgent(options);
  }

  /** Rejects with a `CommandError`, one sentence, when nobody answers, or it is no gateway. */
  async get(path: string): Promise<AdminAnswer> {
    this.#signal.throwIfAborted();
    const stop = linkAbort(this.#signal);
    const timer = this.#clock.setTimeout(() => {
      stop.abort(new Error('no answer in time'));
    }, ANSWER_TIMEOUT_MS);
    try {
      const response = await this.#request(path, stop.signal);
      const body = await this.#bodyOf(response);
      return { status: response.statusCode ?? 0, body: this.#parse(body) };
    } catch (error) {
      this.#signal.throwIfAborted();
      if (error instanceof CommandError) throw error;
      if (stop.signal.aborted) {
        throw new CommandError(
          'unavailable',
          `${this.shown} does not answer within ${String(ANSWER_TIMEOUT_MS / 1_000)} s.`,
        );
      }
      throw adminFailure(this.shown, error);
    } finally {
      timer.cancel();
      stop.unlink();
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #request(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    const url = new URL(this.#url.pathname.replace(/\/$/, '') + path, this.#url);
    const request = url.protocol === 'https:' ? httpsGet : httpGet;
    return new Promise((resolve, reject) => {
      request(url, { agent: this.#agent, signal, headers: { accept: 'application/json' } }, resolve).on(
        'error',
        reject,
      );
    });
  }

  #parse(body: string): unknown {
    try {
      return JSON.parse(body);
    } catch (error) {
      throw new CommandError(
        'protocol',
        `what answers at ${this.shown} is no admin address of a gateway: its answer is no JSON (${errorText(error).slice(0, 60)}).`,
      );
    }
  }

  async #bodyOf(response: IncomingMessage): Promise<string> {
    const pieces: Buffer[] = [];
    let size = 0;
    for await (const piece of response as AsyncIterable<Buffer>) {
      size += piece.length;
      if (size > MAX_ANSWER_BYTES) {
        throw new CommandError(
          'protocol',
          `what answers at ${this.shown} is no admin address of a gateway: its answer is longer than ${bytes(MAX_ANSWER_BYTES)}.`,
        );
      }
      pieces.push(piece);
    }
    return Buffer.concat(pieces).toString('utf8');
  }
}
