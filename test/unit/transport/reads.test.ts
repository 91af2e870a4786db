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
    const connection = reads.connectionOf(one);
    expect(reads.connectionOf(one)).toBe(connection);
    const number = reads.next(connection);
    expect([reads.next(connection), reads.next(connection)]).toEqual([number, number]);
  });

  it('is another once another connection was read, or the turn is over', () => {
    const clock = new FakeClock();
    const reads = new Reads(new Turn(clock));
    const [a, b] = [reads.connectionOf(one), reads.connectionOf(other)];
    const numbers = [reads.next(a), reads.next(b), reads.next(a)];
    clock.advance(0);
    numbers.push(reads.next(a));
    clock.advance(0);
    numbers.push(reads.next(a));
    expect(new Set(numbers).size).toBe(5);
  });
});
