/** The commands that talk to a gateway, run in this process against a gateway in this process. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SluiceError } from '../../src/core/errors.js';
import type { Route } from '../../src/session/route.js';
import { connect } from '../../src/client/connect.js';
import { COMMANDS } from '../../src/cli/commands/index.js';
import { runSluice, TestIo, type TestIoOptions } from '../helpers/command-io.js';
import { startGateway, type GatewayUnderTest } from '../helpers/gateway.js';

/** Pushes "tick 0", "tick 1", … without being asked, as fast as they are taken. */
const ticks: Route = {
  kind: 'ticks',
  open(session) {
    void (async () => {
      for (let n = 0; !session.signal.aborted; n += 1) {
        await session.send({
          data: Buffer.from(`tick ${n}`),
          key: `k${n % 2}`,
          metadata: new Map([['n', String(n)]]),
        });
      }
    })().catch(() => undefined);
    return { handle: () => undefined };
  },
};

/** Says three things and ends the session. */
const short: Route = {
  kind: 'short',
  open(session) {
    for (const data of [Buffer.from('one'), Buffer.from([0xff, 0x00]), Buffer.from('\u001b[2Jthree')]) {
      void session.send({ data });
    }
    session.end('enough');
    return { handle: () => undefined };
  },
};

/** Takes everything, answers nothing, fails on "bad". */
const sink: Route = {
  kind: 'sink',
  open: () => ({
    handle(message) {
      if (Buffer.from(message.data).toString() === 'bad') throw new SluiceError('ROUTE_FAILED', 'it is bad');
    },
  }),
};

/** Wakes up a while after its first message, and echoes. */
function sleeper(): Route {
  let awake: Promise<void> | undefined;
  return {
    kind: 'sleeper',
    open: (session) => ({
      async handle({ data }) {
        await (awake ??= new Promise((wake) => setTimeout(wake, 350)));
        await session.send({ data });
      },
    }),
  };
}

/** Tells what of a message there is besides its data. */
const about: Route = {
  kind: 'about',
  open: (session) => ({
    handle: ({ key, metadata, data }) =>
      session.send({
        data: Buffer.from(
          JSON.stringify({
            data: Buffer.from(data).toString(),
            key,
            metadata: [...(metadata ?? [])],
            subject: session.subject,
          }),
        ),
      }),
  }),
};

let folder = '';
let gateway: GatewayUnderTest;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-cli-talk-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  const routes = JSON.stringify({ echo: { kind: 'echo' }, orders: { kind: 'topic' } });
  gateway = await startGateway({ routes }, { ticks, short, sink, about, sleeper: sleeper() });
});
afterEach(async () => {
  await gateway[Symbol.asyncDispose]();
});

function run(line: string, options: TestIoOptions = {}): ReturnType<typeof runSluice> {
  const env = { SLUICE_ADDRESS: gateway.address, ...options.env };
  return runSluice(line.split(' '), { ...options, env });
}

function io(options: TestIoOptions = {}): TestIo {
  return new TestIo({ ...options, env: { SLUICE_ADDRESS: gateway.address } });
}

function objects(text: string): Record<string, unknown>[] {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('send', () => {
  test('one message, and its answer', async () => {
    const { code, out, err } = await run('send echo --data hello');
    expect({ code, out }).toEqual({ code: 0, out: 'hello\n' });
    expect(err).toMatch(/^-- sent 1 message \(5 B\), 1 acknowledged, 1 answer, in \d+ ms\n$/);
  });

  test('each line of the input, empty ones and the last without its end too', async () => {
    const { code, out, err } = await run('send echo', { input: ['a\n\nb', 'c\n', 'd'] });
    expect({ code, out }).toEqual({ code: 0, out: 'a\n\nbc\nd\n' });
    expect(err).toContain('sent 4 messages (4 B), 4 acknowledged, 4 answers');
  });

  test('ten thousand lines of a file come back as they were', async () => {
    const path = join(folder, 'lines');
    const text = Array.from({ length: 10_000 }, (_, n) => `${n} ${'x'.repeat(n % 90)}\n`).join('');
    writeFileSync(path, text);
    const { code, out, err } = await run(`send echo --file ${path}`);
    expect(code).toBe(0);
    expect(out === text).toBe(true);
    expect(err).toContain('10,000 acknowledged, 10,000 answers');
  });

  test('chunks of a file, and all of it at once, byte by byte', async () => {
    const path = join(folder, 'bytes');
    writeFileSync(path, Buffer.from('0123456789'.repeat(10_000)));
    const chunks = await run(`send echo --chunk 64KiB --file ${path}`);
    expect(chunks.out).toBe(readFileSync(path, 'utf8'));
    expect(chunks.err).toContain('sent 2 messages');
    const whole = await run(`send echo --whole --file ${path} -o json`);
    expect(objects(whole.out).at(-1)).toMatchObject({
      event: 'summary',
      sent: 1,
      bytes: 100_000,
      acknowledged: 1,
    });
  });

  test.each(['send echo', 'chat echo'])(
    'an input that breaks is told of, behind what it gave: %s',
    async (line) => {
      const input = async function* (): AsyncGenerator<string> {
        yield await Promise.resolve('a\n');
        throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });
      };
      const { code, err } = await run(line, { input: input() });
      expect(code).toBe(66);
      expect(err).toMatch(/^sluice \w+: the standard input: EIO: i\/o error, read$/m);
    },
  );

  test('a directory is refused before anything is connected', async () => {
    const { code, err } = await run(`send echo --file ${folder}`, { env: { SLUICE_ADDRESS: '127.0.0.1:1' } });
    expect({ code, err }).toEqual({
      code: 66,
      err: `sluice send: --file = "${folder}": it is a directory\n`,
    });
  });

  test('what could not be sent is not counted as sent', async () => {
    const input = [`${'x'.repeat(12_000_000)}\n`, 'y\n'];
    const { code, err } = await run('send sink', { input });
    expect(code).toBe(1);
    expect(err).toMatch(/^-- sent 1 message \(1 B\), .*1 failed \(MESSAGE_TOO_LARGE 1\)/m);
  });

  test('objects with key, metadata and bytes; those of tail too, without its events', async () => {
    const input = [
      '{"data":"a","key":"k1","metadata":{"x":"1"}}\n\n',
      '{"event":"gap","fromSequence":1}\n{"base64":"Yg==","sequence":7,"timestampMs":1}\n',
    ];
    const { out, code } = await run('send about --json --key k0 --metadata m=0 --subject s', { input });
    expect(code).toBe(0);
    expect(objects(out)).toEqual([
      { data: 'a', key: 'k1', metadata: [['x', '1']], subject: 's' },
      { data: 'b', key: 'k0', metadata: [['m', '0']], subject: 's' },
    ]);
  });

  test.each([
    ['{"data":1}', 'line 2 of the input has a "data" that is no text'],
    ['{"dat":"x"}', 'line 2 of the input has "dat": allowed are data, base64, key, metadata, ttlMs'],
    ['{', 'line 2 of the input is not JSON: expected is an object such as'],
    ['[]', 'line 2 of the input is no object'],
    ['{}', 'line 2 of the input needs one of "data" and "base64"'],
    ['{"base64":"?"}', 'line 2 of the input has a "base64" that is none'],
    ['{"data":"x","ttlMs":0}', 'line 2 of the input has a "ttlMs" that is no whole number from 1 on'],
    ['{"data":"x","metadata":{"a":1}}', 'line 2 of the input has "metadata" that is no object of texts'],
  ])('%s is refused by its line, and what came before is sent', async (line, message) => {
    const { code, err, out } = await run('send echo --json', { input: [`{"data":"first"}\n${line}\n`] });
    expect({ code, out }).toEqual({ code: 1, out: 'first\n' });
    expect(err).toContain('sent 1 message (5 B), 1 acknowledged');
    expect(err).toContain(`sluice send: ${message}`);
  });

  test('what the route fails on is counted by code, and explained once', async () => {
    const { code, err } = await run('send sink', { input: ['good\nbad\nbad\ngood\n'] });
    expect(code).toBe(1);
    expect(err).toMatch(/sent 4 messages \(14 B\), 4 acknowledged, 2 failed \(ROUTE_FAILED 2\), 0 answers/);
    expect(err.match(/it is bad/g)).toHaveLength(1);
  });

  test('a payload that fits no window is refused, and says the limits', async () => {
    const { code, err } = await run('send echo --whole', { input: ['x'.repeat(30_000_000)] });
    expect(code).toBe(1);
    expect(err).toContain("a payload of 30000000 bytes can't be sent");
    expect(err).toContain('0 acknowledged, 1 failed (MESSAGE_TOO_LARGE 1)');
  });

  test('without answers, and quietly', async () => {
    expect(await run('send echo --data x --no-answers')).toMatchObject({ code: 0, out: '' });
    expect(await run('send echo --data x --quiet')).toEqual({ code: 0, out: '', err: '' });
  });

  test('Ctrl-C: what was sent is waited for, and summed up', async () => {
    // Then it hangs, as a pipe does that nobody writes into.
    const input = async function* (): AsyncGenerator<string> {
      yield 'a\nb\n';
      await new Promise<never>(() => undefined);
    };
    const command = io({ input: input() });
    void command.stdout
      .until((text) => text === 'a\nb\n')
      .then(() => {
        command.interrupt();
      });
    expect(await command.run(['send', 'echo'])).toBe(130);
    expect(command.stderr.text).toContain('sent 2 messages (2 B), 2 acknowledged, 2 answers');
  });
});

describe('tail', () => {
  test('so many messages', async () => {
    const { code, out, err } = await run('tail ticks -n 300');
    expect(code).toBe(0);
    expect(out).toBe(Array.from({ length: 300 }, (_, n) => `tick ${n}\n`).join(''));
    expect(err).toMatch(/^-- 300 messages \(2\.\d KiB\), in /);
  });

  test('until the route ends it; objects for programs', async () => {
    const { code, out, err } = await run('tail short -o json');
    expect(code).toBe(0);
    const stamp = expect.any(Number) as number;
    expect(objects(out)).toEqual([
      { data: 'one', sequence: 1, timestampMs: stamp },
      { base64: '/wA=', sequence: 2, timestampMs: stamp },
      { data: '\u001b[2Jthree', sequence: 3, timestampMs: stamp },
    ]);
    expect(err).toContain('3 messages');
  });

  test('nothing that is received moves the cursor of a terminal', async () => {
    const terminal = { columns: 80, rows: 24 };
    const { out } = await run('tail short', { terminal });
    expect(out).toBe('one\n(2 bytes, no text: ff00)\n\\u{1b}[2Jthree\n');
  });

  test('sequence, key and metadata', async () => {
    const { out } = await run('tail ticks -n 2 --metadata');
    expect(out).toBe('[#1 key=k0 n=0] tick 0\n[#2 key=k1 n=1] tick 1\n');
  });

  test('Ctrl-C is how it ends, unless more was wanted', async () => {
    for (const [argv, code] of [
      [['tail', 'echo'], 0],
      [['tail', 'echo', '-n', '1'], 130],
    ] as const) {
      const command = io();
      const ended = command.run(argv);
      await expect.poll(() => gateway.gateway.sessions, { timeout: 20_000 }).toBe(1);
      command.interrupt();
      expect(await ended).toBe(code);
      expect(command.stderr.text).toContain('-- 0 messages (0 B), in ');
    }
  });

  test('a topic, and what it has first', async () => {
    await using client = connect(gateway.address);
    for (const text of ['one', 'two', 'three']) await client.publish('orders/eu', text);
    expect(await run('tail --topic orders/eu --history 2 -n 2')).toMatchObject({
      code: 0,
      out: 'two\nthree\n',
    });
  });

  test('a topic of a route that has none, or of no route, which is said', async () => {
    expect(await run('tail --topic echo/eur')).toMatchObject({
      code: 1,
      err: expect.stringContaining('echo') as string,
    });
    expect(await run('tail --topic prices/eur')).toMatchObject({
      err: expect.stringContaining('no route "prices"') as string,
    });
    expect(await run('tail --topic prices')).toMatchObject({ code: 64 });
    expect(await run('tail echo --topic prices/eur')).toMatchObject({ code: 64 });
  });
});

describe('chat, without a terminal', () => {
  test('lines in, lines out', async () => {
    expect(await run('chat echo', { input: ['one\ntwo\n'] })).toEqual({
      code: 0,
      out: 'one\ntwo\n',
      err: '',
    });
  });

  test('an answer comes before the input has ended', async () => {
    let answered: () => void = () => undefined;
    const isAnswered = new Promise<void>((resolve) => (answered = resolve));
    const input = async function* (): AsyncGenerator<string> {
      yield 'one\n';
      await isAnswered;
      yield 'two\n';
    };
    const command = io({ input: input() });
    void command.stdout.until((text) => text === 'one\n').then(answered);
    expect(await command.run(['chat', 'echo'])).toBe(0);
    expect(command.stdout.text).toBe('one\ntwo\n');
  });
});

describe('ping', () => {
  test('a line each, and the distribution', async () => {
    const { code, out } = await run('ping -c 12 -i 1ms');
    expect(code).toBe(0);
    const lines = out.split('\n');
    expect(lines.slice(0, 12).every((line, n) => new RegExp(`^ *${n + 1}  [\\d.]+ m?s$`).test(line))).toBe(
      true,
    );
    expect(lines[12]).toMatch(/^-- 12 pings in .*, 12 answered, 0 lost$/);
    expect(lines[13]).toMatch(/^ {3}min .* avg .* p50 .* p90 .* p99 .* max .*$/);
    expect(out).toContain('█');
  });

  test('one after the other, for programs', async () => {
    const { code, out } = await run('ping -c 50 -i 0 -o json');
    expect(code).toBe(0);
    const all = objects(out);
    expect(all).toHaveLength(51);
    expect(all[49]).toEqual({ sequence: 50, ms: expect.any(Number) as number });
    expect(all[50]).toMatchObject({ event: 'summary', answered: 50, lost: 0, reconnects: 0 });
  });

  test('Ctrl-C is how it ends', async () => {
    const command = io();
    const ended = command.run(['ping', '-i', '1h']);
    await command.stdout.until((text) => text.startsWith('  1  '));
    command.interrupt();
    expect(await ended).toBe(0);
    expect(command.stdout.text).toContain('-- 1 ping in ');
  });
});

describe('bench', () => {
  const quick = '--warmup 0 --duration 200ms --sessions 3 --streams 2';

  test('how much passes', async () => {
    const { code, out } = await run(`bench ${quick} -o json`);
    expect(code).toBe(0);
    const [result] = objects(out);
    expect(result).toMatchObject({
      route: 'echo',
      sessions: 3,
      streams: 2,
      lost: 0,
      errors: {},
      behind: 0,
      rate: null,
    });
    expect(result?.['answered']).toBeGreaterThan(100);
  });

  test('at a rate: what was due while it warmed up is not made up for', async () => {
    const { code, out } = await run('bench sleeper --rate 1000 --warmup 200ms --duration 500ms -o json');
    expect(code).toBe(0);
    const [result] = objects(out);
    const { answered, seconds } = result as { answered: number; seconds: number };
    expect(answered).toBeGreaterThan(0);
    // `seconds` is rounded, and the first is due at once.
    expect(answered).toBeLessThanOrEqual(seconds * 1000 + 3);
  });

  test('for people', async () => {
    const { out } = await run(`bench ${quick}`);
    expect(out).toMatch(
      /^3 sessions to echo on 2 streams, 128 B a message, as fast as it goes with 64\nunder way each\n/,
    );
    expect(out).toMatch(/\n {2}messages {2}[\d,]+\/s \(.*\/s\), [\d,]+ in all\n/);
    expect(out).toContain('where both run on one machine');
  });

  test('a route that does not answer is found out; acknowledged, it need not', async () => {
    const untilAnswered = await run(`bench sink --warmup 0 --duration 50ms --sessions 1 --in-flight 2`);
    expect(untilAnswered.code).toBe(1);
    expect(untilAnswered.out).toContain('Nothing was answered: does the route answer each message?');
    expect(untilAnswered.out).toContain('2 were never answered');
    expect((await run(`bench sink ${quick} --until acknowledged`)).code).toBe(0);
  });

  test('Ctrl-C tells what was measured until then', async () => {
    const command = io();
    const ended = command.run([
      'bench',
      '--warmup',
      '0',
      '--duration',
      '1h',
      '--sessions',
      '1',
      '-o',
      'json',
    ]);
    await expect.poll(() => gateway.gateway.metrics.up.delivered, { timeout: 20_000 }).toBeGreaterThan(100);
    command.interrupt();
    expect(await ended).toBe(130);
    const [result] = objects(command.stdout.text);
    expect(result).toMatchObject({ lost: 0, errors: {} });
    expect(result?.['answered']).toBeGreaterThan(100);
  });
});

/** What the help shows is run as it stands, where it needs nothing but the gateway. */
const talk = COMMANDS.filter(({ name }) => ['send', 'tail', 'chat', 'ping', 'bench'].includes(name));
test.each(talk.flatMap(({ examples }) => examples.map(({ line }) => line)))('example: %s', async (line) => {
  const [part = ''] = line.split(' | ').filter((words) => words.startsWith('sluice'));
  const log = join(folder, 'access.log');
  writeFileSync(log, 'a line\n');
  const words = part
    .replace(/^sluice /, '')
    .replace('access.log', log)
    .replace(/\bprices\b(?!\/)/, 'ticks')
    .replace(/\barchive\b/, 'sink');
  const isBench = words.startsWith('bench');
  const command = io({ input: line.startsWith('printf') ? ['one\n', 'two\n'] : [] });
  const argv = words.split(' ');
  // Seconds are enough said for a person, and too many for a test.
  const duration = argv.indexOf('--duration');
  if (isBench && duration >= 0) argv[duration + 1] = '1s';
  else if (isBench) argv.push('--duration', '1s');
  if (isBench) argv.push('--warmup', '0');
  const ended = command.run(argv);
  const isEndless = /^(tail (?!.*-n)|ping$|chat)/.test(words) && !line.startsWith('printf');
  await using client = connect(gateway.address);
  if (words.includes('--topic')) await client.publish('orders/eu', 'news');
  if (isEndless && !words.startsWith('chat')) {
    await command.stdout.until((text) => text.includes('\n'));
    command.interrupt();
  }
  expect(await ended).toBe(0);
});
