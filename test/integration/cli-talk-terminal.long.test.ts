/** The commands that talk to a gateway, as a person meets them: in a real terminal. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Route, RouteSession } from '../../src/session/route.js';
import { FaultProxy } from '../helpers/fault-proxy.js';
import { startGateway, type GatewayUnderTest } from '../helpers/gateway.js';
import { hasTmux, SLUICE, Terminal, type ScreenShot } from '../helpers/terminal.js';

/** Larger than what passes within a test. Bytes; it has holes, and takes no room. */
const HUGE = 64 * 1024 * 1024 * 1024;

let folder = '';
let huge = '';
beforeAll(() => {
  if (process.env['CI'] !== undefined && !hasTmux) throw new Error('CI needs tmux');
  folder = mkdtempSync(join(tmpdir(), 'sluice-cli-terminal-'));
  huge = join(folder, 'huge');
  writeFileSync(huge, '');
  truncateSync(huge, HUGE);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Answers, and lets the test say something by itself. */
class Board implements Route {
  readonly kind = 'board';
  #session: RouteSession | undefined;

  open(session: RouteSession): ReturnType<Route['open']> {
    this.#session = session;
    return {
      handle: ({ data }) => session.send({ data: Buffer.from(`you said: ${Buffer.from(data).toString()}`) }),
    };
  }

  async say(text: string): Promise<void> {
    await this.#session?.send({ data: Buffer.from(text) });
  }
}

interface Scene extends AsyncDisposable {
  readonly board: Board;
  readonly server: GatewayUnderTest;
}

async function scene(): Promise<Scene> {
  const board = new Board();
  const server = await startGateway({}, { board });
  return { board, server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

function has(text: string): (shot: ScreenShot) => boolean {
  return (shot) => shot.text.includes(text);
}

/** The line the cursor stands in. */
function cursorLine({ lines, cursor }: ScreenShot): string {
  return lines[cursor.row] ?? '';
}

describe.skipIf(!hasTmux)('in a terminal', () => {
  it('chat: what comes appears above the line being typed, which stays whole', async () => {
    await using stage = await scene();
    const { board, server } = stage;
    using terminal = new Terminal();
    terminal.run(`clear; ${SLUICE} chat board -a ${server.address}`);
    const first = await terminal.until(has('● board>'));
    expect(first.text).toContain(`gateway test at ${server.address}, as `);
    expect(first.text).toContain('/help tells what there is, Ctrl-D ends');

    terminal.type('hello wor');
    await terminal.until(has('● board> hello wor'));
    await board.say('from elsewhere');
    const above = await terminal.until(has('< from elsewhere'));
    expect(cursorLine(above)).toBe('● board> hello wor');
    expect(above.cursor.column).toBe('● board> hello wor'.length);
    expect(above.lines[above.cursor.row - 1]).toBe('< from elsewhere');

    // In the middle of the line, where the next letters go on.
    terminal.key('Left');
    terminal.key('Left');
    await board.say('two\nlines');
    await terminal.until(has('  lines'));
    terminal.type('X');
    const middle = await terminal.until(has('● board> hello wXor'));
    expect(middle.text.match(/hello/g)).toHaveLength(1);
    terminal.key('Enter');
    await terminal.until(has('< you said: hello wXor'));

    // What others send does nothing to the terminal.
    await board.say('\u001b[2J\u001b]0;gone\u0007evil');
    const evil = await terminal.until(has('evil'));
    expect(evil.text).toContain('< \\u{1b}[2J\\u{1b}]0;gone\\u{7}evil');
    expect(evil.text).toContain('< from elsewhere');

    // History, help, and what is no command.
    terminal.key('Up');
    await terminal.until((shot) => cursorLine(shot) === '● board> hello wXor');
    terminal.key('C-u');
    terminal.run('/help');
    await terminal.until(has('/quit   ends, as Ctrl-D does'));
    terminal.run('/no');
    await terminal.until(has('there is no /no: /help tells what there is, //no sends it'));
    terminal.run('//slash');
    await terminal.until(has('< you said: /slash'));

    terminal.key('C-d');
    const after = await terminal.until(has('-- 2 lines sent, '));
    expect(after.cursor.visible).toBe(true);
    const { code, shot } = await terminal.finish('clear; stty -a | grep -o " echo "');
    expect({ code, text: shot.text.includes(' echo') }).toEqual({ code: 0, text: true });
  });

  it('chat: a line longer than the terminal, and a terminal that changes', async () => {
    await using stage = await scene();
    const { board, server } = stage;
    using terminal = new Terminal({ columns: 60 });
    terminal.run(`clear; ${SLUICE} chat board -a ${server.address}`);
    await terminal.until(has('● board>'));
    const long = 'one two three four five six seven eight nine ten eleven twelve thirteen';
    terminal.type(long);
    await terminal.until((shot) => shot.text.replaceAll('\n', '').includes(long));
    await board.say('meanwhile');
    await terminal.until(has('< meanwhile'));
    await board.say('again');
    const shot = await terminal.until(has('< again'));
    expect(shot.text.match(/one two/g)).toHaveLength(1);
    expect(shot.text).toContain('< meanwhile\n< again\n● board> one two');
    terminal.resize(100, 24);
    await board.say('wider');
    await terminal.until((wide) => wide.lines.includes(`● board> ${long}`));
    terminal.key('Enter');
    await terminal.until(has(`< you said: ${long}`));
    terminal.key('C-c');
    await terminal.until(has('-- 1 line sent, 4 messages received'));
  });

  it('chat: a lost connection is said, lines wait, and go when it is back', async () => {
    await using stage = await scene();
    const { board, server } = stage;
    await using proxy = await FaultProxy.start(server.address);
    using terminal = new Terminal();
    terminal.run(`clear; ${SLUICE} chat board -a ${proxy.address}`);
    await terminal.until(has('● board>'));
    proxy.refusing = true;
    proxy.cutAll('reset');
    await terminal.until(has('○ board (reconnecting)>'));
    terminal.run('are you there?');
    const waiting = await terminal.until(has('○ board (reconnecting, 1 line waiting)>'));
    expect(waiting.text).toContain('Trying again');
    proxy.refusing = false;
    const back = await terminal.until(has('< you said: are you there?'), 60_000);
    expect(back.text).toContain('connected again');
    await terminal.until((shot) => cursorLine(shot) === '● board>');
    await board.say('still the same session');
    await terminal.until(has('< still the same session'));
    terminal.key('C-c');
    await terminal.until(has('-- 1 line sent, 2 messages received, 1 reconnect, in '));
  });

  it('send: a bar for a large file; Ctrl-C sums up', async () => {
    await using stage = await scene();
    using terminal = new Terminal({ columns: 100 });
    terminal.run(
      `clear; ${SLUICE} send echo --file ${huge} --chunk 64KiB --no-answers -a ${stage.server.address}; echo "exit=$?"`,
    );
    const shot = await terminal.until(has(' left '));
    expect(cursorLine(shot)).toMatch(
      /^[█▏▎▍▌▋▊▉]*░+ +0 % {2}[\d,]+ messages {2}[\d.]+ MiB {2}.* left {2}[\d.]+ MiB\/s/,
    );
    terminal.resize(40, 24);
    await terminal.until((small) => /^[█▏▎▍▌▋▊▉]*░+ +0 %/.test(cursorLine(small)));
    terminal.resize(100, 24);
    terminal.key('C-c');
    const end = await terminal.until(has('exit='));
    expect(end.text).toContain('exit=130');
    expect(end.text).toMatch(/-- sent ([\d,]+) messages \([\d.]+ [MG]iB\), \1 acknowledged, \1 answers, in /);
    expect(end.text).not.toContain('░');
    expect(end.cursor.visible).toBe(true);
  });

  it('ping: a line each, and Ctrl-C tells the distribution', async () => {
    await using stage = await scene();
    using terminal = new Terminal();
    terminal.run(`clear; ${SLUICE} ping -i 150ms -a ${stage.server.address}; echo "exit=$?"`);
    await terminal.until(({ lines }) => lines.some((line) => /^ 1\d {2}[\d.]+ ms$/.test(line)));
    terminal.key('C-c');
    const end = await terminal.until(has('exit='));
    expect(end.text).toContain('exit=0');
    expect(end.text).toMatch(/-- \d+ pings in .*, \d+ answered, 0 lost\n {3}min /);
    expect(end.text).toContain('█');
  });

  it('bench: a line that lives, and Ctrl-C tells what was measured', async () => {
    await using stage = await scene();
    using terminal = new Terminal();
    terminal.run(`clear; ${SLUICE} bench --warmup 0 -d 1h -a ${stage.server.address}; echo "exit=$?"`);
    const shot = await terminal.until((live) => /░+ +0 % {2}[1-9][\d,]*\/s {2}p50 /.test(cursorLine(live)));
    expect(shot.text).toContain(' p99 ');
    terminal.key('C-c');
    const end = await terminal.until(has('exit='));
    expect(end.text).toContain('exit=130');
    expect(end.text).toMatch(/ {2}messages {2}[\d,]+\/s \(/);
    expect(end.text).not.toContain('never answered');
    expect(end.text).not.toContain('░');
  });
});
