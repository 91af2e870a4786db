import { EventEmitter } from 'node:events';
import type { Http2Session } from 'node:http2';
import { describe, expect, it } from 'vitest';
import { Turn } from '../../../src/core/turn.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { Reads } from '../../../src/transport/grpc/reads.js';

const [one, other] = [new EventEmitter(), new EventEmitter()] as [Http2Session, Http2Session];

describe('the number of a read', () => {
  it('is the same for frames that follow each other on one connection', () => {
    const reads = new Reads(new Turn(new FakeClock()));
    const number = reads.numberOf(one);
    expect([reads.numberOf(one), reads.numberOf(one)]).toEqual([number, number]);
  });

  it('is another once another connection was read, or the turn is over', () => {
    const clock = new FakeClock();
    const reads = new Reads(new Turn(clock));
    const numbers = [reads.numberOf(one), reads.numberOf(other), reads.numberOf(one)];
    clock.advance(0);
    numbers.push(reads.numberOf(one));
    clock.advance(0);
    numbers.push(reads.numberOf(one));
    expect(new Set(numbers).size).toBe(5);
  });
});
