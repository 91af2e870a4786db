import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { WaitingLine, type Admission } from '../../../src/flow/waiting-line.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

const MAX_WAIT_MS = 100;

function made(maxInside = 1, maxWaiting = 10) {
  const clock = new FakeClock();
  const line = new WaitingLine({ clock, maxInside, maxWaiting, maxWaitMs: MAX_WAIT_MS });
  const admitted: string[] = [];
  const enter = (name: string, signal = new AbortController().signal) => {
    const note = (admission: Admission) => admitted.push(`${name} ${admission}`);
    const entering = line.enter(signal);
    if (entering instanceof Promise) void entering.then(note);
    else note(entering);
  };
  /** What promises have to say, said. */
  const told = async () => {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    return admitted.splice(0);
  };
  return { clock, line, enter, told };
}

describe('WaitingLine', () => {
  it('lets so many in at once, the others by their turn', async () => {
    const { line, enter, told } = made(2);
    for (const name of ['a', 'b', 'c', 'd']) enter(name);
    expect(await told()).toEqual(['a inside', 'b inside']);
    expect(line).toMatchObject({ inside: 2, waiting: 2 });
    line.leave();
    expect(await told()).toEqual(['c inside']);
    line.leave();
    expect(await told()).toEqual(['d inside']);
    expect(line).toMatchObject({ inside: 2, waiting: 0 });
    line.leave();
    line.leave();
    expect(line.inside).toBe(0);
  });

  it('is full, at once, when as many wait as may', async () => {
    const { enter, told } = made(1, 1);
    for (const name of ['a', 'b', 'c']) enter(name);
    expect(await told()).toEqual(['a inside', 'c full']);
  });

  it('nobody waits longer than one may, and who is late leaves the line', async () => {
    const { clock, line, enter, told } = made();
    enter('a');
    enter('b');
    clock.advance(MAX_WAIT_MS - 1);
    enter('c');
    expect(await told()).toEqual(['a inside']);
    clock.advance(1);
    expect(await told()).toEqual(['b late']);
    line.leave();
    expect(await told()).toEqual(['c inside']);
    expect(clock.pending).toBe(0);
  });

  it('who is gone leaves the line, from its middle too', async () => {
    const { clock, line, enter, told } = made();
    const gone = new AbortController();
    for (const [name, signal] of [['a'], ['b'], ['c', gone.signal], ['d']] as const) enter(name, signal);
    gone.abort();
    expect(await told()).toEqual(['a inside', 'c gone']);
    expect(line.waiting).toBe(2);
    line.leave();
    line.leave();
    expect(await told()).toEqual(['b inside', 'd inside']);
    enter('e', gone.signal);
    expect(await told()).toEqual(['e gone']);
    expect(clock.pending).toBe(0);
  });

  it('closed, it sends everybody away and leaves nothing', async () => {
    const { clock, line, enter, told } = made();
    const { signal } = new AbortController();
    for (const name of ['a', 'b', 'c']) enter(name, signal);
    line.close();
    line.close();
    enter('d');
    expect((await told()).sort()).toEqual(['a inside', 'b closed', 'c closed', 'd closed']);
    expect(clock.pending).toBe(0);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    line.leave();
    expect(line).toMatchObject({ inside: 0, waiting: 0 });
  });
});
