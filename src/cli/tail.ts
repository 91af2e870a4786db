import type { Client } from '../client/client.js';
import type { GapNotice, Message } from '../client/message.js';
import type { Reset } from '../client/options.js';
import { CommandError } from './frame/command-error.js';
import type { CommandIo } from './frame/command-io.js';
import { exitCode } from './frame/exit-codes.js';
import { visible } from './frame/text-width.js';
import { bytes } from './frame/quantities.js';
import { counted, elapsed } from './talk/amounts.js';
import { ConnectionNotes } from './talk/connection-notes.js';
import { checked, openSession, withClient } from './talk/gateway-client.js';
import { MessagePrinter } from './talk/message-printer.js';
import { openOptions } from './talk/session-options.js';
import { doneCode, stopCode } from './frame/stop-code.js';
import type { TailArguments } from './talk/tail-options.js';

/** `sluice tail` */
export async function tailCommand(
  route: string | undefined,
  options: TailArguments,
  io: CommandIo,
): Promise<number> {
  const { topic, count = Infinity } = options;
  if (topic !== undefined && route !== undefined) {
    throw new CommandError(
      'usage',
      `a route and --topic are given: follow one of them (see: sluice help tail)`,
    );
  }
  const tail = new Tail(options, io);
  const { onEvent } = tail.notes;
  try {
    await withClient(options, { io, onEvent }, (client) =>
      topic === undefined ? tail.session(client, route ?? '') : tail.topic(client, topic),
    );
  } finally {
    tail.summarize();
  }
  if (tail.messages >= count) return exitCode('ok');
  if (!io.signal.aborted) return exitCode('ok');
  return count === Infinity ? doneCode(io) : stopCode(io);
}

class Tail {
  messages = 0;
  readonly notes: ConnectionNotes;
  readonly #options: TailArguments;
  readonly #io: CommandIo;
  readonly #printer: MessagePrinter;
  readonly #startedAt: number;
  #bytes = 0;
  #lost = 0;
  #resets = 0;
  #isOpen = false;

  constructor(options: TailArguments, io: CommandIo) {
    this.#options = options;
    this.#io = io;
    this.#startedAt = io.clock.now();
    this.#printer = new MessagePrinter(io, { format: options.output, metadata: options.metadata });
    this.notes = new ConnectionNotes(io.stderr, (line) => {
      this.#say(line);
    });
  }

  async session(client: Client, route: string): Promise<void> {
    const { signal } = this.#io;
    const session = await openSession(client, route, {
      ...openOptions(this.#options),
      onGap: this.#onGap,
      onReset: this.#onReset,
      signal,
    });
    this.#isOpen = true;
    // The last message is acknowledged as the client closes.
    await this.#follow(session.messages({ signal }));
  }

  async topic(client: Client, topic: string): Promise<void> {
    const { signal } = this.#io;
    const { history } = this.#options;
    await using subscription = checked(() =>
      client.subscribe(topic, { history, onGap: this.#onGap, signal }),
    );
    await this.#follow(subscription);
  }

  summarize(): void {
    this.#printer.flush();
    const { stderr, clock } = this.#io;
    if (!this.#isOpen) return;
    const { paint } = stderr;
    const words = [
      `${counted(this.messages, 'message')} (${bytes(this.#bytes)})`,
      ...(this.#lost === 0 ? [] : [paint.bad(`${counted(this.#lost, 'message')} lost`)]),
      ...(this.#resets === 0 ? [] : [counted(this.#resets, 'reset')]),
      ...(this.notes.reconnects === 0 ? [] : [counted(this.notes.reconnects, 'reconnect')]),
    ];
    stderr.write(`${paint.dim('--')} ${words.join(', ')}, in ${elapsed(clock.now() - this.#startedAt)}\n`);
  }

  async #follow(messages: AsyncIterable<Message>): Promise<void> {
    const { count = Infinity } = this.#options;
    try {
      for await (const message of messages) {
        this.#isOpen = true;
        this.messages += 1;
        this.#bytes += message.data.byteLength;
        await this.#printer.print(message);
        if (this.messages >= count) return;
      }
    } catch (error) {
      if (!this.#io.signal.aborted) throw error;
    }
  }

  readonly #onGap = (gap: GapNotice): void => {
    const { fromSequence, toSequence, reason } = gap;
    this.#lost += toSequence - fromSequence + 1;
    if (this.#options.output === 'json') {
      void this.#printer.object({ event: 'gap', ...gap });
      return;
    }
    const which =
      fromSequence === toSequence
        ? `message ${fromSequence} was`
        : `messages ${fromSequence} to ${toSequence} were`;
    this.#say(this.#io.stderr.paint.bad(`gap: ${which} lost (${visible(reason)})`));
  };

  readonly #onReset = ({ error }: Reset): void => {
    this.#resets += 1;
    if (this.#options.output === 'json') {
      void this.#printer.object({ event: 'reset', code: error.code, message: error.message });
      return;
    }
    const what = 'the gateway no longer had the session; what it sent meanwhile is lost';
    this.#say(this.#io.stderr.paint.bad(`reset: ${what} [${visible(error.code)}]`));
  };

  /** At its place among the messages. */
  #say(line: string): void {
    this.#printer.flush();
    this.#io.stderr.write(`${line}\n`);
  }
}
