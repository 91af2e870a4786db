import { describe, expect, it } from 'vitest';
import { Turn } from '../../../src/core/turn.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

function setUp() {
  const clock = new FakeClock();
  const told: string[] = [];
  return { clock, turn: new Turn(clock), told };
}

describe('the end of a turn', () => {
  it('takes in what came, then flushes what that scheduled', () => {
    const { clock, turn, told } = setUp();
    turn.schedule({ flush: () => told.push('flush, scheduled first') });
    for (const name of ['a', 'b']) {
      turn.arrived({
        takeIn: () => {
          told.push(`in ${name}`);
          turn.schedule({ flush: () => told.push(`flush ${name}`) });
        },
      });
    }
    expect(told).toEqual([]);
    clock.advance(0);
    expect(told).toEqual(['in a', 'in b', 'flush, scheduled first', 'flush a', 'flush b']);
  });

  it.each(['while it takes in', 'while it flushes'])('comes again for what arrives %s', (when) => {
    const { clock, turn, told } = setUp();
    const more = () => {
      turn.arrived({ takeIn: () => told.push('in later') });
      turn.schedule({ flush: () => told.push('flush later') });
    };
    if (when === 'while it takes in') turn.arrived({ takeIn: more });
    else turn.schedule({ flush: more });
    clock.advance(0);
    expect(told).toContain('in later');
    expect(told).toContain('flush later');
  });

  it('need not be waited for by the last that was scheduled', () => {
    const { clock, turn, told } = setUp();
    turn.flushLast();
    for (const name of ['a', 'b']) turn.schedule({ flush: () => told.push(name) });
    expect(turn.scheduled).toBe(2);
    turn.flushLast();
    expect([told, turn.scheduled]).toEqual([['b'], 1]);
    clock.advance(0);
    expect([told, turn.scheduled]).toEqual([['b', 'a'], 0]);
  });

  it('makes the next one another, also where nothing was scheduled', () => {
    const { clock, turn } = setUp();
    const numbers = [turn.number(), turn.number()];
    clock.advance(0);
    numbers.push(turn.number());
    expect(numbers[1]).toBe(numbers[0]);
    expect(numbers[2]).not.toBe(numbers[0]);
  });

  it.each(['takes in', 'flushes'])('goes on with the others in the next when one throws as it %s', (what) => {
    const { clock, turn, told } = setUp();
    for (const name of ['a', 'b', 'c']) {
      const act = () => {
        told.push(name);
        if (name === 'b') throw new Error('b');
      };
      if (what === 'takes in') turn.arrived({ takeIn: act });
      else turn.schedule({ flush: act });
    }
    expect(() => {
      clock.advance(0);
    }).toThrow('b');
    expect(told).toEqual(['a', 'b']);
    clock.advance(0);
    expect(told).toEqual(['a', 'b', 'c']);
    turn.arrived({ takeIn: () => told.push('later') });
    clock.advance(0);
    expect(told).toContain('later');
  });

  it('has one time for all of it, read anew in the next', () => {
    const { clock, turn } = setUp();
    const first = [turn.turnMs(), turn.stampMs()];
    clock.advance(5);
    expect([turn.turnMs(), turn.stampMs()]).toEqual(first.map((ms) => ms + 5));
    const seen: number[] = [];
    turn.schedule({ flush: () => seen.push(turn.turnMs()) });
    seen.push(turn.turnMs());
    clock.advance(0);
    expect(seen[0]).toBe(seen[1]);
  });
});
