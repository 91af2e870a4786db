/** The commands as a person meets them: in a real terminal. */
import { beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands/index.js';
import { BusyGateway } from '../helpers/busy-gateway.js';
import { hasTmux, SLUICE, Terminal } from '../helpers/terminal.js';

beforeAll(() => {
  if (process.env['CI'] !== undefined && !hasTmux) throw new Error('CI needs tmux');
});

describe.skipIf(!hasTmux)('in a terminal', () => {
  it('sluice alone tells what there is, as wide as the terminal', async () => {
    using terminal = new Terminal();
    terminal.run(`clear; ${SLUICE}`);
    const shot = await terminal.until(({ lines }) => lines.includes('All of a command: sluice help COMMAND'));
    // All of it at once, on the smallest of terminals, with the next prompt below.
    expect(shot.lines[0]).toBe('Sluice, a resilient streaming gateway. Usage: sluice COMMAND [OPTION ...]');
    for (const name of COMMANDS.map((command) => command.name)) {
      expect(
        shot.lines.some((line) => line.startsWith(`  ${name} `)),
        name,
      ).toBe(true);
    }
    expect(terminal.coloured()).toContain('\u001b[1mUsage:');
  });

  it('without colours where none are wanted', async () => {
    using terminal = new Terminal({ env: { NO_COLOR: '1' } });
    const { code } = await terminal.finish(`clear; ${SLUICE} help top`);
    expect(code).toBe(0);
    expect(terminal.coloured()).not.toContain('\u001b[1m');
  });

  it.each([60, 100])('help is aligned and wrapped at %d columns', async (columns) => {
    using terminal = new Terminal({ columns, rows: 60 });
    const { shot } = await terminal.finish(`clear; ${SLUICE} help top`);
    expect(shot.text).toContain('Usage: sluice top [OPTION ...]');
    const start = shot.lines.indexOf('Options');
    const options = shot.lines.slice(start + 1, shot.lines.indexOf('', start));
    expect(options.length).toBeGreaterThan(7);
    // Either a new option, or the rest of what is said of the one above: always in the same column.
    const column = /^ {2}-a, --admin URL( +)/.exec(options[0] ?? '')?.[0].length ?? 0;
    expect(column).toBeGreaterThan(20);
    for (const line of options) {
      expect(line.length).toBeLessThanOrEqual(columns);
      expect(line.slice(0, column), line).toMatch(/^( {2}-.* {2}| {2}-[^ ].*| *)$/);
    }
  });

  it('status tells what is wrong in colours', async () => {
    await using busy = await BusyGateway.start();
    busy.add('stuck', { route: 'stuck', messages: 20 });
    await expect.poll(() => busy.slow(), { timeout: 10_000 }).toEqual({ route: 1 });
    using terminal = new Terminal();
    const { shot, code } = await terminal.finish(`clear; ${SLUICE} status --admin ${busy.server.admin}`);
    expect(code).toBe(0);
    expect(shot.text).toMatch(/^ready {2}sluice \d\S+ on test, up \d+s, since /m);
    expect(shot.text).toMatch(/^ {2}connections {3}1 of 5,000, 0%$/m);
    expect(shot.text).toContain('1 held up (route): what handles its messages is slow');
    expect(terminal.coloured()).toContain('\u001b[33mlook');
  });

  it('top shows who is slow, sorts, filters, pauses, and gives the screen back', async () => {
    await using busy = await BusyGateway.start();
    busy.add('quick');
    busy.add('stuck', { route: 'stuck', messages: 20 });
    busy.add('reads-nothing', { route: 'flood', reads: false });
    busy.add('an-id/that-is-much-longer-than-any-column-of-a-small-terminal');
    await expect.poll(() => busy.slow(), { timeout: 10_000 }).toEqual({ route: 1, client: 1 });
    using terminal = new Terminal();
    terminal.run(`clear; echo before; ${SLUICE} top --interval 100ms --admin ${busy.server.admin}`);

    const first = await terminal.until(({ alternate, text }) => alternate && text.includes('reads-nothing'));
    expect(first.cursor.visible).toBe(false);
    expect(first.lines[0]).toMatch(/^ready {2}test {2}sluice /);
    expect(first.lines[1]).toMatch(/^connections 4 of 5,000 {2}sessions 4 of 100,000 {2}in /);
    // The machine may be so busy that the event loop is the worst of it.
    expect(first.lines[3]).toMatch(/held up \((route|client)\)|^the event loop is late/);
    expect(first.lines[4]).toMatch(/^client +sess +in\/s +out\/s received +to send▾ +flight slow$/);
    expect(first.lines[5]).toMatch(/^reads-nothing .* ▮▮▮▮▮ 8 .* KiB client$/);
    expect(first.text).toMatch(/^an-id\/that-is-m… /m);
    expect(first.lines[23]).toMatch(/^4 of 4 .*q quit/);
    expect(terminal.coloured()).toContain('\u001b[31m▮▮▮▮▮ 8');

    terminal.type('2');
    await terminal.until(
      ({ lines }) => lines[4]?.includes('received▾') === true && lines[5]?.startsWith('stuck') === true,
    );
    terminal.type('w');
    await terminal.until(({ lines }) => lines[23]?.startsWith('slow only  2 of 2 ') === true);
    terminal.type('/READS');
    await terminal.until(({ lines }) => lines[23]?.startsWith('client ID holds: READS▏') === true);
    terminal.key('Enter');
    const filtered = await terminal.until(
      ({ lines }) => lines[23]?.startsWith('slow only, "READS"  1 of 1') === true,
    );
    expect(filtered.lines[5]).toMatch(/^reads-nothing /);
    expect(filtered.lines[6]).toBe('');
    terminal.type(' ');
    await terminal.until(({ lines }) => lines[23]?.startsWith(' PAUSED ') === true);
    terminal.type(' ');
    terminal.key('Escape');
    await terminal.until(({ lines }) => lines[23]?.startsWith('4 of 4 ') === true);

    terminal.resize(140, 40);
    const large = await terminal.until(({ lines }) => lines[39]?.startsWith('4 of 4 ') === true);
    expect(large.lines[4]).toMatch(/^client +peer +state +age +idle +sess /);
    expect(large.text).toContain('an-id/that-is-much-longer-th');
    terminal.resize(60, 10);
    const small = await terminal.until(({ lines }) => lines[9]?.startsWith('4 of 4 ') === true);
    expect(small.lines.every((line) => line.length <= 60)).toBe(true);

    terminal.type('q');
    const after = await terminal.until(({ alternate }) => !alternate);
    expect(after.cursor.visible).toBe(true);
    expect(after.lines[0]).toBe('before');
    expect(after.text).not.toContain('reads-nothing');
    const { code } = await terminal.finish('true');
    expect(code).toBe(0);
  }, 60_000);

  it.each([
    ['C-c', 0],
    ['SIGINT', 0],
    ['SIGTERM', 0],
    ['SIGHUP', 129],
  ] as const)('top gives the screen back after %s', async (how, code) => {
    await using busy = await BusyGateway.start();
    using terminal = new Terminal();
    terminal.run(`echo before; ${SLUICE} top --admin ${busy.server.admin} & pid=$!; fg; echo "exit=$?"`);
    await terminal.until(({ alternate, text }) => alternate && text.includes('There are no connections.'));
    if (how === 'C-c') terminal.key(how);
    else terminal.signal(how, 'src/main.ts top');
    const after = await terminal.until(({ lines }) => lines.includes(`exit=${String(code)}`));
    expect(after).toMatchObject({ alternate: false, cursor: { visible: true } });
    expect(after.lines).toContain('before');
    // Echo and lines are as they were.
    expect((await terminal.finish('echo back')).shot.lines).toContain('back');
  });

  it('top waits for a gateway that goes away, and says so', async () => {
    const busy = await BusyGateway.start();
    using terminal = new Terminal();
    terminal.run(`${SLUICE} top --interval 100ms --admin ${busy.server.admin}`);
    await terminal.until(({ text }) => text.includes('There are no connections.'));
    await busy[Symbol.asyncDispose]();
    const gone = await terminal.until(({ lines }) => lines[3]?.startsWith('nothing answers at ') === true);
    expect(gone.alternate).toBe(true);
    // What was true before it went is not said of now.
    expect(gone.lines[0]).toMatch(/^NO ANSWER /);
    expect(gone.lines[0]).not.toContain('ready');
    terminal.type('q');
    await terminal.until(({ alternate }) => !alternate);
  });

  it('top without a gateway says so, and takes no screen', async () => {
    using terminal = new Terminal();
    const { shot, code } = await terminal.finish(`clear; ${SLUICE} top --admin 127.0.0.1:1`);
    expect(code).toBe(69);
    expect(shot.text.replaceAll('\n', '')).toContain(
      'sluice top: nothing answers at http://127.0.0.1:1 (connection refused)',
    );
  });
});
