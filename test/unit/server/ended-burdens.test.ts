import { describe, expect, it } from 'vitest';
import { EndedBurdens } from '../../../src/server/ended-burdens.js';

/** What may go yet is expected for so long. */
const GOING_MS = 2_000;

class Slow {
  bytes = 100;
  readonly heldBytes = () => this.bytes;
}

describe('those who were ended to make room', () => {
  it('are known for good; what they free at once is not waited for', () => {
    const ended = new EndedBurdens();
    const [one, other] = [new Slow(), new Slow()];
    one.bytes = 0;
    expect(ended.add(one, one.heldBytes, 0)).toBe(0);
    expect([ended.has(one), ended.has(other)]).toEqual([true, false]);
    expect([ended.areGoing, ended.look(0)]).toEqual([false, 0]);
    ended.look(10 * GOING_MS);
    expect(ended.has(one)).toBe(true);
  });

  it('hold less and less, then nothing', () => {
    const ended = new EndedBurdens();
    const [one, other] = [new Slow(), new Slow()];
    expect(ended.add(one, one.heldBytes, 0)).toBe(100);
    expect(ended.add(other, other.heldBytes, 0)).toBe(100);
    expect(ended.look(0)).toBe(200);
    one.bytes = 30;
    expect(ended.look(50)).toBe(130);
    one.bytes = 0;
    expect(ended.look(100)).toBe(100);
    // It is somebody else's by now.
    one.bytes = 70;
    expect(ended.look(150)).toBe(100);
    other.bytes = 0;
    expect([ended.look(200), ended.areGoing]).toEqual([0, false]);
  });

  it('are waited for in vain no longer than they may take', () => {
    const ended = new EndedBurdens();
    const { heldBytes } = new Slow();
    ended.add(ended, heldBytes, 0);
    for (let now = 0; now <= GOING_MS; now += 50) expect(ended.look(now)).toBe(100);
    expect([ended.look(GOING_MS + 50), ended.areGoing]).toEqual([0, false]);
  });

  it('are not late where whoever looks is: they have until the next look', () => {
    const ended = new EndedBurdens();
    const { heldBytes } = new Slow();
    ended.look(0);
    ended.add(ended, heldBytes, 0);
    expect(ended.look(10 * GOING_MS)).toBe(100);
    expect(ended.look(10 * GOING_MS + 50)).toBe(0);
  });

  it('are forgotten when nobody looks any more', () => {
    const ended = new EndedBurdens();
    ended.add(ended, new Slow().heldBytes, 0);
    ended.clear();
    expect([ended.areGoing, ended.look(0), ended.has(ended)]).toEqual([false, 0, true]);
  });
});
