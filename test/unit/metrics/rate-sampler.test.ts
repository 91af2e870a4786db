import { describe, expect, it } from 'vitest';
import { RateSampler } from '../../../src/metrics/rate-sampler.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

interface Item {
  received: number;
  sent: number;
}

function setUp() {
  const clock = new FakeClock();
  const items: Item[] = [];
  const sampler = new RateSampler<Item>({ clock, items: () => items, read: (item) => item });
  const add = (): Item => {
    const item = { received: 0, sent: 0 };
    items.push(item);
    return item;
  };
  return { clock, sampler, add };
}

describe('RateSampler', () => {
  it('knows the rate from the second sample on, without a slow rise from 0', () => {
    const { clock, sampler, add } = setUp();
    const item = add();
    sampler.start();
    clock.advance(5_000);
    expect(sampler.of(item)).toMatchObject({ receive: 0, send: 0 });
    item.received += 500;
    item.sent += 50;
    clock.advance(5_000);
    expect(sampler.of(item)).toMatchObject({ receive: 100, send: 10 });
    add();
    expect(sampler.sum()).toEqual({ receive: 100, send: 10 });
    sampler.stop();
  });

  it('follows a steady rate, and forgets it by 1/e in its memory once it stops', () => {
    const { clock, sampler, add } = setUp();
    const item = add();
    sampler.start();
    for (let second = 0; second < 60; second += 1) {
      item.received += 200;
      clock.advance(1_000);
    }
    expect(sampler.of(item).receive).toBeCloseTo(200);
    clock.advance(15_000);
    expect(sampler.of(item).receive).toBeCloseTo(200 / Math.E);
    clock.advance(300_000);
    expect(sampler.of(item).receive).toBeLessThan(0.001);
    sampler.stop();
  });

  it('tells 0 for an item it has not seen, and leaves no timer', () => {
    const { clock, sampler } = setUp();
    sampler.start();
    sampler.start();
    expect(clock.activeTimers).toBe(1);
    expect(sampler.of({ received: 9, sent: 9 })).toEqual({ receive: 0, send: 0 });
    clock.advance(60_000);
    expect(clock.activeTimers).toBe(1);
    sampler.stop();
    sampler.stop();
    expect(clock.pending).toBe(0);
  });
});
