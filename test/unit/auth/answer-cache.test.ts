import { describe, expect, it } from 'vitest';
import { AnswerCache } from '../../../src/auth/answer-cache.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

describe('AnswerCache', () => {
  it('keeps each for its own time, and arms no timer', () => {
    const clock = new FakeClock();
    const cache = new AnswerCache<string>(clock, 10);
    cache.set('a', 'A', 100);
    cache.set('b', 'B', 200);
    clock.advance(99);
    expect(cache.get('a')).toBe('A');
    clock.advance(1);
    expect(cache.get('a')).toBeUndefined();
    expect(cache.get('b')).toBe('B');
    clock.advance(100);
    expect(cache.get('b')).toBeUndefined();
    expect(cache.size).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it('being asked for lengthens no answer', () => {
    const clock = new FakeClock();
    const cache = new AnswerCache<string>(clock, 10);
    cache.set('a', 'A', 100);
    for (let i = 0; i < 10; i += 1) {
      expect(cache.get('a')).toBe('A');
      clock.advance(10);
    }
    expect(cache.get('a')).toBeUndefined();
  });

  it('holds no more than it may: the one unused for longest goes', () => {
    const cache = new AnswerCache<string>(new FakeClock(), 3);
    for (const key of ['a', 'b', 'c']) cache.set(key, key, 100);
    cache.get('a');
    cache.set('d', 'd', 100);
    expect(['a', 'b', 'c', 'd'].map((key) => cache.get(key))).toEqual(['a', undefined, 'c', 'd']);
    for (let i = 0; i < 1_000; i += 1) cache.set(String(i), 'x', 100);
    expect(cache.size).toBe(3);
  });

  it('a time of 0 keeps nothing, also not what there was', () => {
    const cache = new AnswerCache<string>(new FakeClock(), 3);
    cache.set('a', 'A', 100);
    cache.set('a', 'B', 0);
    expect(cache.size).toBe(0);
    expect(cache.get('a')).toBeUndefined();
  });
});
