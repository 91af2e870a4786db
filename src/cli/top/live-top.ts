import type { Timer } from '../../core/clock.js';
import { CommandError } from '../frame/command-error.js';
import type { CommandIo } from '../frame/command-io.js';
import { Screen } from '../frame/screen.js';
import type { AdminClient } from '../look/admin-client.js';
import type { ConnectionPage } from '../look/answers.js';
import { connectionsAt, lookAt, type Look } from '../look/look.js';
import { type Change, ChangeMeter } from './change.js';
import type { Sort } from './sorts.js';
import { afterKey, keysOf, type Settings } from './keys.js';
import { roomFor, viewLines } from './view.js';

export interface LiveTopOptions {
  readonly sort: Sort;
  readonly match: string;
  readonly slow: boolean;
  readonly intervalMs: number;
}

/** A page of the admin address. */
const MAX_LIMIT = 1_000;

interface Seen {
  readonly look: Look;
  readonly page: ConnectionPage;
  readonly change: Change;
}

/** The table that keeps itself fresh. A gateway that is away for a while is waited for. */
export class LiveTop {
  readonly #admin: AdminClient;
  readonly #io: CommandIo;
  readonly #intervalMs: number;
  readonly #meter = new ChangeMeter();
  #settings: Settings;
  #screen: Screen | undefined;
  #seen: Seen | undefined;
  #fault: string | undefined;
  #quit = false;
  /** What is shown is not what was asked for last. */
  #stale = false;
  /** Something happened that the next turn need not wait for. */
  #woken = false;
  #onWake: () => void = () => undefined;

  constructor(admin: AdminClient, io: CommandIo, { sort, match, slow, intervalMs }: LiveTopOptions) {
    this.#admin = admin;
    this.#io = io;
    this.#intervalMs = intervalMs;
    this.#settings = { sort, match, slowOnly: slow, paused: false, typing: undefined };
  }

  /**
   * Resolves when the user has left. Rejects with `io.signal.reason`, and with
   * a `CommandError` where there was no gateway in the first place; the screen
   * is as it was before.
   */
  async run(): Promise<void> {
    const { stdin, stdout, signal } = this.#io;
    await this.#look();
    const onAbort = (): void => {
      this.#wake();
    };
    const keys = stdin.isTerminal ? stdin.stream.setEncoding('utf8') : undefined;
    const stopResizing = stdout.onResize(this.#onResize);
    this.#screen = new Screen(this.#io);
    try {
      keys?.on('data', this.#onKeys).on('error', this.#onNoKeys);
      signal.addEventListener('abort', onAbort);
      await this.#untilQuit();
      signal.throwIfAborted();
    } finally {
      signal.removeEventListener('abort', onAbort);
      keys?.off('data', this.#onKeys).pause();
      stopResizing();
      this.#screen.leave();
    }
  }

  async #untilQuit(): Promise<void> {
    while (!this.#isOver()) {
      this.#draw();
      await this.#nextTurn();
      if (this.#isOver() || (this.#settings.paused && !this.#stale)) continue;
      this.#stale = false;
      try {
        await this.#look();
        this.#fault = undefined;
      } catch (error) {
        if (this.#isOver()) return;
        if (!(error instanceof CommandError)) throw error;
        this.#fault = error.message;
      }
    }
  }

  #isOver(): boolean {
    return this.#quit || this.#io.signal.aborted;
  }

  /** Until it is time to look again, or somebody has done something since the last turn. */
  async #nextTurn(): Promise<void> {
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.#onWake = resolve;
      if (this.#woken) resolve();
      else timer = this.#io.clock.setTimeout(resolve, this.#intervalMs);
    });
    timer?.cancel();
    this.#woken = false;
  }

  #wake(): void {
    this.#woken = true;
    this.#onWake();
  }

  async #look(): Promise<void> {
    const { sort, match, slowOnly } = this.#settings;
    const limit = String(Math.min(MAX_LIMIT, roomFor(this.#io.stdout.rows)));
    const query = new URLSearchParams({ sort, limit, match, ...(slowOnly ? { slow: '' } : {}) });
    const [look, page] = await Promise.all([lookAt(this.#admin), connectionsAt(this.#admin, query)]);
    this.#seen = { look, page, change: this.#meter.next(look.totals) };
  }

  #draw(): void {
    const { stdout } = this.#io;
    if (this.#seen === undefined) return;
    const view = { ...this.#seen, ...this.#settings, address: this.#admin.shown, fault: this.#fault };
    this.#screen?.draw(viewLines(view, stdout, stdout.paint));
  }

  readonly #onKeys = (sent: string): void => {
    for (const key of keysOf(sent)) {
      const next = afterKey(this.#settings, key);
      if (next === 'quit') {
        this.#quit = true;
        break;
      }
      const { sort, match, slowOnly } = this.#settings;
      this.#stale ||= next.sort !== sort || next.match !== match || next.slowOnly !== slowOnly;
      this.#settings = next;
    }
    this.#wake();
  };

  /** The terminal is gone; SIGHUP says so too. */
  readonly #onNoKeys = (): void => undefined;

  readonly #onResize = (): void => {
    this.#wake();
  };
}
