import { describe, expect, it } from 'vitest';
import { CASES } from '../../../bench/harness/cases.js';
import { casesOf, readOrder, type Plan } from '../../../bench/harness/plan.js';

function planOf(...args: readonly string[]): Plan {
  const order = readOrder(args);
  if (order.kind !== 'run') throw new Error(`not a run: ${order.kind}`);
  return order.plan;
}

describe('readOrder', () => {
  it('plays everything five times when nothing is said', () => {
    const plan = planOf();
    expect(plan.cases.map(({ name }) => name)).toEqual(CASES.map(({ name }) => name));
    expect(plan).toMatchObject({ rounds: 5, quick: false, check: false, command: 'npm run bench' });
  });

  it('picks cases, groups and subjects', () => {
    expect(planOf('--cases', 'tls,scale').cases.map(({ name }) => name)).toEqual(['tls', 'scale']);
    expect(planOf('--group', 'batches', '--cases', 'idle').cases.map(({ name }) => name)).toEqual([
      'batches-1',
      'batches-8',
      'batches-64',
      'idle',
    ]);
    const [tls] = planOf('--cases', 'tls', '--servers', 'go,sluice').cases;
    expect(tls?.runs.map(({ subject }) => subject)).toEqual(['sluice', 'go']);
  });

  it('leaves out a case that has none of the subjects', () => {
    const names = planOf('--servers', 'http2').cases.map(({ name }) => name);
    expect(names).toContain('echo-20x256b');
    expect(names).not.toContain('fan-out');
  });

  const secondsOf = (plan: Plan) => new Map(plan.cases.map(({ name, seconds }) => [name, seconds]));

  it('lengthens every case in proportion, and shortens none that takes longer than usual', () => {
    const usual = secondsOf(planOf());
    const longer = secondsOf(planOf('--seconds', '4.5'));
    const shorter = secondsOf(planOf('--seconds', '0.5'));
    for (const [name, seconds] of usual) {
      expect(longer.get(name), name).toBe(seconds * 3);
      expect(shorter.get(name), name).toBe(seconds > 1.5 ? seconds : 0.5);
    }
    expect([...usual].filter(([, seconds]) => seconds > 1.5).map(([name]) => name)).toEqual([
      'latency',
      'planned',
      'stalled',
      'scale',
      'idle',
    ]);
  });

  it('gives every case the rounds and the warm-up that were asked for', () => {
    const plan = planOf('--rounds', '2', '--warmup', '0.1');
    expect(plan.rounds).toBe(2);
    expect(new Set(plan.cases.map(({ warmupSeconds }) => warmupSeconds))).toEqual(new Set([0.1]));
  });

  it('tells how to do it again, without where its record went', () => {
    expect(planOf('--rounds', '9', '--group', 'echo', '--out', '/somewhere/x.json', '--check').command).toBe(
      'npm run bench -- --rounds 9 --group echo',
    );
  });

  it('tells from a command what it was for, however it was written', () => {
    const { command } = planOf('--cases', 'tls, scale', '--group', 'batches');
    expect(command).toBe('npm run bench -- --cases tls,scale --group batches');
    expect(casesOf(command).map(({ name }) => name)).toEqual([
      'batches-1',
      'batches-8',
      'batches-64',
      'tls',
      'scale',
    ]);
    expect(casesOf(planOf().command)).toHaveLength(CASES.length);
  });

  it('takes the seconds as they are in a quick run, which has no long cases', () => {
    expect(new Set(secondsOf(planOf('--quick', '--seconds', '1')).values())).toEqual(new Set([1]));
  });

  it('lengthens a run with a time of its own, too, and shortens it no more than its case', () => {
    const shortest = (...args: string[]) =>
      Math.min(...planOf('--cases', 'stalled', ...args).cases[0]!.runs.map(({ seconds = 20 }) => seconds));
    const usual = shortest();
    expect(usual).toBeLessThan(20);
    expect(shortest('--seconds', '3')).toBe(2 * usual);
    expect(shortest('--seconds', '0.5')).toBe(usual);
  });

  it('takes a record to go into, with no other manner of measuring', () => {
    expect(planOf('--into', 'x.json')).toMatchObject({ into: 'x.json', named: false });
    expect(planOf('--into', 'x.json', '--cases', 'tls')).toMatchObject({ into: 'x.json', named: true });
    for (const flag of [
      '--quick',
      '--rounds=9',
      '--seconds=1',
      '--warmup=1',
      '--servers=go',
      '--out=y.json',
    ]) {
      expect(() => planOf('--into', 'x.json', flag), flag).toThrow(/--into: .* without --/);
    }
  });

  it('plays a quick run once', () => {
    const plan = planOf('--quick');
    expect(plan).toMatchObject({ quick: true, rounds: 1 });
    expect(plan.cases.length).toBeGreaterThan(5);
  });

  it.each([
    [['--cases', 'nonsense'], /--cases: "nonsense" is none of .*echo-20x256b/],
    [['--group', 'nonsense'], /--group: "nonsense" is none of echo, /],
    [['--servers', 'node'], /--servers: "node" is none of sluice, sluice-simple/],
    [['--rounds', '0'], /--rounds: "0" is not a number above 0/],
    [['--rounds', '1.5'], /--rounds: "1.5" is not a whole number/],
    [['--seconds', 'x'], /--seconds: "x" is not a number above 0/],
    [['--cases', 'fan-out', '--servers', 'http2'], /no case is left/],
    [['--what'], /--what/],
  ])('refuses %j', (args, message) => {
    expect(() => readOrder(args)).toThrow(message);
  });

  it('knows the orders that measure nothing', () => {
    expect(readOrder(['--help'])).toEqual({ kind: 'help' });
    expect(readOrder(['--list'])).toEqual({ kind: 'list' });
    expect(readOrder(['--publish', 'x.json'])).toEqual({ kind: 'publish', file: 'x.json' });
  });
});
