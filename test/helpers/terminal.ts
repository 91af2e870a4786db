/** A command in a real terminal: tmux, with a server of its own that ends with the test. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

/** Where there is none, tests that need it are skipped, visibly. */
export const hasTmux = spawnSync('tmux', ['-V']).status === 0;

/** How to run `sluice` from source, as a line for a shell. */
export const SLUICE = `${process.execPath} --import tsx src/main.ts`;

export interface TerminalOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** What a person would see at one moment. */
export interface ScreenShot {
  /** Without the blanks at the end of each. */
  readonly lines: readonly string[];
  readonly text: string;
  /** Counted from 0. */
  readonly cursor: { readonly column: number; readonly row: number; readonly visible: boolean };
  /** Whether a program has taken the whole screen. */
  readonly alternate: boolean;
}

/** Asking the screen this often costs a test nothing that matters. */
const POLL_MS = 40;
const DEFAULT_TIMEOUT_MS = 20_000;

/**
 * A shell in a terminal, in the repository's root. Its prompt is `$ ` and it
 * keeps no history; what is typed runs as a person would run it.
 */
export class Terminal {
  readonly #folder = mkdtempSync(join(tmpdir(), 'sluice-terminal-'));
  readonly #socket = join(this.#folder, 'tmux');

  constructor({ columns = 80, rows = 24, env = {} }: TerminalOptions = {}) {
    const variables = { PS1: '$ ', HISTFILE: '/dev/null', LC_ALL: 'C.UTF-8', ...env };
    const size = ['-x', String(columns), '-y', String(rows)];
    const set = Object.entries(variables).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
    const shell = ['bash', '--noprofile', '--norc', '-i'];
    this.#tmux('-u', '-f', '/dev/null', 'new-session', '-d', ...size, ...set, '-c', root, ...shell);
    this.#tmux('set-option', '-g', 'status', 'off');
    this.#tmux('set-option', '-g', 'remain-on-exit', 'on');
    this.#tmux('resize-window', ...size);
  }

  /** Types a line, and Enter. */
  run(line: string): void {
    this.type(line);
    this.key('Enter');
  }

  type(text: string): void {
    this.#tmux('send-keys', '-l', text);
  }

  /** A key by tmux's name: `Enter`, `C-c`, `Escape`, `Tab`. */
  key(name: string): void {
    this.#tmux('send-keys', name);
  }

  resize(columns: number, rows: number): void {
    this.#tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  shot(): ScreenShot {
    const text = this.#tmux('capture-pane', '-p');
    const format = '#{cursor_x} #{cursor_y} #{cursor_flag} #{alternate_on}';
    const [x, y, flag, alternate] = this.#tmux('display-message', '-p', format).trim().split(' ');
    return {
      text,
      lines: text.replace(/\n$/, '').split('\n'),
      cursor: { column: Number(x), row: Number(y), visible: flag === '1' },
      alternate: alternate === '1',
    };
  }

  /** The screen with its colours, as escape sequences. */
  coloured(): string {
    return this.#tmux('capture-pane', '-p', '-e');
  }

  /** To the one process that runs in this terminal with these words in its command line. */
  signal(name: NodeJS.Signals, words: string): void {
    const shell = this.#tmux('display-message', '-p', '#{pane_pid}').trim();
    const children = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', shell], { encoding: 'utf8' }).split(
      '\n',
    );
    const [found] = children.filter((line) => line.includes(words));
    if (found === undefined) throw new Error(`no process of this terminal has "${words}"`);
    process.kill(Number.parseInt(found.trim(), 10), name);
  }

  /** The first screen that passes. */
  async until(isThere: (shot: ScreenShot) => boolean, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<ScreenShot> {
    let shot = this.shot();
    await expect
      .poll(
        () => {
          shot = this.shot();
          return isThere(shot) ? '' : `\n${shot.text}`;
        },
        { interval: POLL_MS, timeout: timeoutMs },
      )
      .toBe('');
    return shot;
  }

  /** Runs a line to its end; what it wrote on the screen, and its exit code. */
  async finish(
    line: string,
    timeoutMs?: number,
  ): Promise<{ readonly shot: ScreenShot; readonly code: number }> {
    this.run(`${line}; echo "exit=$?"`);
    const shot = await this.until(({ lines }) => lines.some((one) => /^exit=\d+$/.test(one)), timeoutMs);
    const code = shot.lines.findLast((one) => /^exit=\d+$/.test(one))?.slice('exit='.length);
    return { shot, code: Number(code) };
  }

  [Symbol.dispose](): void {
    spawnSync('tmux', ['-S', this.#socket, 'kill-server']);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #tmux(...args: readonly string[]): string {
    return execFileSync('tmux', ['-S', this.#socket, ...args], { encoding: 'utf8', env: plainEnvironment() });
  }
}

/** What whoever runs the tests wants of colours is not what the test has said. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const env = { ...process.env };
  delete env['NO_COLOR'];
  delete env['FORCE_COLOR'];
  return env;
}
