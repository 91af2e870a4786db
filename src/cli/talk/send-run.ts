import { ClientError } from '../../client/client-error.js';
import type { SendOptions } from '../../client/message.js';
import type { OpenOptions } from '../../client/options.js';
import type { Session } from '../../client/session/session.js';
import type { CommandIo } from '../frame/command-io.js';
import { sleep } from '../../core/sleep.js';
import { visible } from '../frame/text-width.js';
import { counted } from './amounts.js';
import { lossText } from './gateway-fault.js';
import type { MessagePrinter } from './message-printer.js';
import type { InputMessage } from './input-message.js';
import type { SendProgress } from './send-progress.js';
import { untilStopped } from './until-stopped.js';
import { withinGrace } from './within-grace.js';

export interface SendRunOptions {
  readonly io: CommandIo;
  readonly counts: SendProgress;
  /** Undefined where nobody wants the answers. */
  readonly printer: MessagePrinter | undefined;
  readonly resend: boolean;
  /** Of every message that does not say otherwise. */
  readonly common: Pick<SendOptions, 'key' | 'metadata' | 'ttlMs'>;
}

/** Milliseconds. */
const POLL_MS = 20;

/** Sends messages into a session and reads its answers, until the route owes nothing more. */
export class SendRun {
  readonly #options: SendRunOptions;
  /** Each kind of failure is explained once. */
  readonly #explained = new Set<string>();

  constructor(options: SendRunOptions) {
    this.#options = options;
  }

  /** For the opening of the session. */
  get listeners(): Pick<OpenOptions, 'onGap' | 'onFailure' | 'onReset'> {
    return {
      onGap: ({ fromSequence, toSequence, reason }) => {
        this.#say(`answers ${fromSequence} to ${toSequence} were lost: ${reason}`);
      },
      onFailure: (error) => {
        this.#failed(error);
      },
      ...(this.#options.resend && {
        onReset: ({ error, unsettled, resend }) => {
          const again =
            unsettled.length === 0 ? '' : `; sending ${counted(unsettled.length, 'message')} again`;
          this.#say(`${lossText(error)}${again}`);
          resend();
        },
      }),
    };
  }

  /**
   * Resolves when nothing more happens in the session, with what ended it too
   * soon. Stopped by the signal, it waits only shortly for what is under way.
   */
  async run(session: Session, messages: AsyncIterable<readonly InputMessage[]>): Promise<unknown> {
    const { io, counts, printer } = this.#options;
    counts.start(() => session.stats.unacknowledged);
    try {
      const answered = this.#readAnswers(session);
      let fault = await this.#sendAll(session, messages);
      if (this.#options.resend) await this.#untilSettled(session);
      session.end();
      await withinGrace(io, answered);
      printer?.flush();
      const end = await session.close({ signal: AbortSignal.abort(io.signal.reason) });
      counts.unsettled = end.unsettled.length;
      if (end.error !== undefined && !io.signal.aborted) fault ??= end.error;
      return fault;
    } finally {
      counts.line.stop();
    }
  }

  /** Resolves with what kept it from sending everything. */
  async #sendAll(session: Session, messages: AsyncIterable<readonly InputMessage[]>): Promise<unknown> {
    const { io, counts, common } = this.#options;
    const plain: SendOptions = { ...common, signal: io.signal };
    try {
      for await (const batch of untilStopped(messages, io.signal)) {
        for (const { data, inputBytes = data.byteLength, options } of batch) {
          try {
            await session.send(data, options === undefined ? plain : { ...plain, ...options });
            counts.sent += 1;
            counts.sentBytes += data.byteLength;
          } catch (error) {
            if (!(error instanceof ClientError) || error.scope !== 'message') throw error;
            this.#failed(error);
          }
          counts.inputBytes += inputBytes;
        }
      }
      return undefined;
    } catch (error) {
      return io.signal.aborted ? undefined : error;
    }
  }

  /** A session that is ending is not opened anew, so what may have to be sent again is waited for first. */
  async #untilSettled(session: Session): Promise<void> {
    const { clock, signal } = this.#options.io;
    const state = { over: false };
    void session.closed.then(() => {
      state.over = true;
    });
    const isUnsettled = (): boolean => session.stats.unacknowledged + session.stats.waiting > 0;
    while (!state.over && !signal.aborted && isUnsettled()) {
      await sleep(POLL_MS, clock, signal).catch(() => undefined);
    }
  }

  /** Never rejects: how the session ended is asked of the session. */
  async #readAnswers(session: Session): Promise<void> {
    const { counts, printer } = this.#options;
    try {
      for await (const message of session) {
        counts.answers += 1;
        if (printer === undefined) continue;
        await printer.print(message);
      }
    } catch {
      // It is in `closed`.
    }
  }

  #failed(error: ClientError): void {
    this.#options.counts.fail(error.code);
    if (this.#explained.has(error.code)) return;
    this.#explained.add(error.code);
    this.#say(lossText(error));
  }

  #say(text: string): void {
    const { io, counts } = this.#options;
    counts.line.hide();
    io.stderr.write(`${io.stderr.paint.warn(visible(text))}\n`);
  }
}
