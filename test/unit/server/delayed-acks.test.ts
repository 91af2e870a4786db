import { describe, expect, it } from 'vitest';
import { DelayedAcks, type OwesAck } from '../../../src/server/delayed-acks.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

const DELAY_MS = 10;

function setUp() {
  const clock = new FakeClock();
  const acks = new DelayedAcks(clock, DELAY_MS);
  const written: string[] = [];
  const owing = (name: string, andThen: () => void = () => undefined): OwesAck => ({
    ackDueAt: undefined,
    previous: undefined,
    next: undefined,
    writeAck: () => {
      written.push(name);
      andThen();
    },
  });
  return { clock, acks, written, owing };
}

describe('DelayedAcks', () => {
  it('writes each when the delay is over, with one timer for all', () => {
    const { clock, acks, written, owing } = setUp();
    const all = Array.from({ length: 1_000 }, (_, n) => owing(String(n)));
    for (const each of all) acks.add(each);
    for (const each of all) acks.add(each);
    expect(clock.activeTimers).toBe(1);
    clock.advance(DELAY_MS - 1);
    expect(written).toEqual([]);
    clock.advance(1);
    expect(written).toHaveLength(1_000);
    expect(clock.activeTimers).toBe(0);
  });

  it('who waits already keeps its place and its time', () => {
    const { clock, acks, written, owing } = setUp();
    const [a, b] = [owing('a'), owing('b')];
    acks.add(a);
    clock.advance(2);
    acks.add(b);
    clock.advance(4);
    acks.add(a);
    clock.advance(4);
    expect(written).toEqual(['a', 'b']);
    expect(clock.activeTimers).toBe(0);
  });

  it('takes along what came a little later, and lets the rest wait for its own time', () => {
    const { clock, acks, written, owing } = setUp();
    acks.add(owing('a'));
    clock.advance(4);
    acks.add(owing('b'));
    clock.advance(4);
    acks.add(owing('c'));
    clock.advance(2);
    expect(written).toEqual(['a', 'b']);
    clock.advance(7);
    expect(written).toHaveLength(2);
    clock.advance(1);
    expect(written).toEqual(['a', 'b', 'c']);
  });

  it('forgets who is removed; the last takes the timer along', () => {
    const { clock, acks, written, owing } = setUp();
    const [a, b] = [owing('a'), owing('b')];
    acks.add(a);
    acks.add(b);
    acks.remove(a);
    acks.remove(a);
    expect(clock.activeTimers).toBe(1);
    clock.advance(DELAY_MS);
    expect(written).toEqual(['b']);
    acks.add(a);
    acks.remove(a);
    expect(clock.activeTimers).toBe(0);
  });

  it('a write may add and remove others, and itself for the next time', () => {
    const { clock, acks, written, owing } = setUp();
    const later = owing('later');
    const first = owing('first', () => {
      acks.remove(later);
      acks.add(first);
    });
    acks.add(first);
    clock.advance(6);
    acks.add(later);
    clock.advance(DELAY_MS - 6);
    expect(written).toEqual(['first']);
    expect(clock.activeTimers).toBe(1);
    clock.advance(DELAY_MS);
    expect(written).toEqual(['first', 'first']);
    acks.remove(first);
    expect(clock.activeTimers).toBe(0);
  });
});
