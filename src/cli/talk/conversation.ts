import type { ClientEvent } from '../../client/client-event.js';
import { ClientError } from '../../client/client-error.js';
import type { OpenOptions } from '../../client/options.js';
import type { Session } from '../../client/session/session.js';
import type { CommandIo } from '../frame/command-io.js';
import { visible } from '../frame/text-width.js';
import { counted, elapsed } from './amounts.js';
import { ChatScreen } from './chat-screen.js';
import { ConnectionNotes } from './connection-notes.js';
import { terminalText } from './message-printer.js';
import { withinGrace } from './within-grace.js';

const HELP = ['/help   this text', '/quit   ends, as Ctrl-D does', '//text  sends /text'];

/** One conversation with a route, in a terminal. */
export class Conversation {
  readonly #io: CommandIo;
  readonly #name: string;
  readonly #notes: ConnectionNotes;
  readonly #startedAt: number;
  readonly #left: Promise<void>;
  #leave: () => void = () => undefined;
  #screen: ChatScreen | undefined;
  #session: Session | undefined;
  #isLeaving = false;
  #sent = 0;
  #received = 0;
  /** Lines whose fate is not known yet. */
  #underWay = 0;

  constructor(route: string, io: CommandIo) {
    this.#io = io;
    this.#name = route === '' ? '' : ` ${visible(route)}`;
    this.#startedAt = io.clock.now();
    this.#left = new Promise((resolve) => {
      this.#leave = resolve;
    });
    this.#notes = new ConnectionNotes(io.stdout, (line) => {
      void this.#say(line);
    });
  }

  readonly onEvent = (event: ClientEvent): void => {
    if (event.kind === 'connected' && this.#screen === undefined) {
      const { paint } = this.#io.stdout;
      const where = `gateway ${visible(event.nodeId)} at ${visible(event.address)}, as ${visible(event.clientId)}`;
      void this.#say(paint.dim(`${where}\n/help tells what there is, Ctrl-D ends`));
    }
    this.#notes.onEvent(event);
    this.#refresh();
  };

  /** For the opening of the session. */
  get listeners(): Pick<OpenOptions, 'onGap' | 'onReset'> {
    const { paint } = this.#io.stdout;
    return {
      onGap: ({ fromSequence, toSequence, reason }) => {
        const many = counted(toSequence - fromSequence + 1, 'message');
        void this.#say(
          paint.bad(
            `${many} to you ${toSequence === fromSequence ? 'was' : 'were'} lost (${visible(reason)})`,
          ),
        );
      },
      onReset: ({ error }) => {
        void this.#say(
          paint.bad(`the gateway no longer had the conversation: it begins anew [${visible(error.code)}]`),
        );
      },
    };
  }

  /** Resolves when it is over; rejects with what ended it. */
  async run(session: Session): Promise<void> {
    this.#session = session;
    this.#screen = new ChatScreen(this.#io, this.#prompt(), {
      onLine: (line) => {
        this.#typed(line);
      },
      onEnd: () => {
        this.#leave();
      },
      onInterrupt: () => {
        this.#leave();
      },
    });
    const { signal } = this.#io;
    const stopped = (): void => {
      this.#leave();
    };
    signal.addEventListener('abort', stopped);
    try {
      const read = this.#read(session);
      await Promise.race([this.#left, read]);
      this.#isLeaving = true;
      this.#screen.close();
      session.end();
      await withinGrace(this.#io, read, true);
    } finally {
      signal.removeEventListener('abort', stopped);
    }
  }

  /** With a summary. Idempotent. */
  close(): void {
    if (this.#screen === undefined) return;
    this.#screen.close();
    this.#screen = undefined;
    const { stdout, clock } = this.#io;
    const words = `${counted(this.#sent, 'line')} sent, ${counted(this.#received, 'message')} received`;
    const reconnects =
      this.#notes.reconnects === 0 ? '' : `, ${counted(this.#notes.reconnects, 'reconnect')}`;
    stdout.write(
      `${stdout.paint.dim('--')} ${words}${reconnects}, in ${elapsed(clock.now() - this.#startedAt)}\n`,
    );
  }

  async #read(session: Session): Promise<void> {
    const { paint } = this.#io.stdout;
    for await (const message of session) {
      this.#received += 1;
      const lines = terminalText(message.data).split('\n');
      await this.#say(
        lines.map((line, index) => `${index === 0 ? paint.accent('<') : ' '} ${line}`).join('\n'),
      );
    }
    if (!this.#isLeaving) await this.#say(paint.dim('the route has ended the conversation'));
  }

  #typed(line: string): void {
    const command = /^\/(?!\/)(\S*)/.exec(line)?.[1];
    switch (command) {
      case undefined:
        if (line !== '') this.#send(line.startsWith('//') ? line.slice(1) : line);
        break;
      case 'help':
        void this.#say(HELP.join('\n'));
        break;
      case 'quit':
        this.#leave();
        break;
      default:
        void this.#say(
          `there is no /${visible(command)}: /help tells what there is, //${visible(command)} sends it`,
        );
    }
  }

  #send(line: string): void {
    const session = this.#session;
    if (session === undefined) return;
    this.#sent += 1;
    this.#underWay += 1;
    session
      .sendAndWait(line)
      .catch((error: unknown) => {
        this.#notDelivered(line, error);
      })
      .finally(() => {
        this.#underWay -= 1;
        this.#refresh();
      });
    this.#refresh();
  }

  #notDelivered(line: string, error: unknown): void {
    if (!(error instanceof ClientError)) throw error;
    const { paint } = this.#io.stdout;
    const what =
      error.code === 'RESET' || error.code === 'CLOSED' ? 'perhaps not delivered' : 'not delivered';
    void this.#say(`${paint.bad(`${what}: ${visible(line)}`)} ${paint.dim(`(${visible(error.message)})`)}`);
  }

  #refresh(): void {
    this.#screen?.setPrompt(this.#prompt());
  }

  #prompt(): string {
    const { paint } = this.#io.stdout;
    if (!this.#notes.isLost) return `${paint.good('●')}${this.#name}> `;
    const waiting = this.#underWay === 0 ? '' : `, ${counted(this.#underWay, 'line')} waiting`;
    return `${paint.warn('○')}${this.#name} ${paint.warn(`(reconnecting${waiting})`)}> `;
  }

  async #say(text: string): Promise<void> {
    if (this.#screen !== undefined) await this.#screen.say(text);
    else this.#io.stdout.write(`${text}\n`);
  }
}
