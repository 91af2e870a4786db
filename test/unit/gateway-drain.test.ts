import { describe, expect, it } from 'vitest';
import { untilDrained, type Left } from '../../src/gateway-drain.js';
import { FakeClock } from '../../src/testing/fake-clock.js';

const NOTHING: Left = { connections: 0, sessions: 0, detached: 0, upPending: 0, downPending: 0 };

function draining() {
  const clock = new FakeClock();
  const lines: unknown[] = [];
  const left = { ...NOTHING };
  let leave = (): void => undefined;
  const drained = new Promise<void>((resolve) => (leave = resolve));
  const say = (fields: object, message: string): void => void lines.push([message, { ...fields }]);
  const over = untilDrained({
    clock,
    logger: { debug: say, info: say, warn: say, error: say },
    graceMs: 12_000,
    drained,
    left: () => ({ ...left }),
    sockets: () => 0,
  });
  return {
    clock,
    lines,
    left,
    leave: () => {
      leave();
    },
    over,
  };
}

describe('a drain', () => {
  it('says every five seconds what it waits for, sessions without a connection among it', async () => {
    const { clock, lines, left, leave, over } = draining();
    Object.assign(left, { sessions: 2, detached: 1, downPending: 100 });
    clock.advance(5_000);
    Object.assign(left, { sessions: 1, downPending: 40 });
    clock.advance(5_000);
    expect(lines).toEqual([
      ['still draining', { connections: 0, sessions: 2, detached: 1, upPending: 0, downPending: 100 }],
      ['still draining', { connections: 0, sessions: 1, detached: 1, upPending: 0, downPending: 40 }],
    ]);
    leave();
    await over;
    expect(clock.activeTimers).toBe(0);
  });

  it('says what it cuts when its time is over', async () => {
    const { clock, lines, left, over } = draining();
    Object.assign(left, { connections: 3, upPending: 7 });
    clock.advance(12_000);
    await over;
    expect(lines.at(-1)).toEqual([
      'the grace time is over: cutting what is left',
      { connections: 3, sessions: 0, detached: 0, upPending: 7, downPending: 0 },
    ]);
    expect(clock.activeTimers).toBe(0);
  });
});
