import { describe, expect, it } from 'vitest';
import { DetachedSessions, type Detached } from '../../../src/session/windowed/detached-sessions.js';

interface Fake extends Detached<Fake> {
  readonly name: string;
  attached: boolean;
  heldBytes: number;
}

function fake(name: string, detachedAt = 0, heldBytes = 0): Fake {
  return { name, attached: false, detachedAt, heldBytes, previous: undefined, next: undefined };
}

const sessionsWith = (bounds: { max?: number; maxBytes?: number } = {}): DetachedSessions<Fake> =>
  new DetachedSessions<Fake>({ keepMs: 100, max: 3, maxBytes: 1_000, ...bounds });

describe('DetachedSessions', () => {
  it('expire in the order in which they were detached, each after its time', () => {
    const sessions = sessionsWith();
    sessions.add(fake('a', 10));
    sessions.add(fake('b', 30));
    expect(sessions.nextExpiryMs).toBe(110);
    expect(sessions.expired(109)).toBeUndefined();
    const first = sessions.expired(110);
    expect(first?.name).toBe('a');
    if (first !== undefined) sessions.remove(first);
    expect(sessions.expired(129)).toBeUndefined();
    expect(sessions.expired(130)?.name).toBe('b');
    expect(sessions.nextExpiryMs).toBe(130);
  });

  it('leave nothing when they are resumed, whichever that is', () => {
    const sessions = sessionsWith();
    const all = [fake('a', 1, 10), fake('b', 2, 20), fake('c', 3, 30)];
    for (const session of all) sessions.add(session);
    for (const i of [1, 0, 2]) sessions.remove(all[i]!);
    expect([sessions.size, sessions.bytes, sessions.nextExpiryMs]).toEqual([0, 0, undefined]);
    expect(all.every(({ previous, next }) => previous === undefined && next === undefined)).toBe(true);
  });

  it('are removed once: what is not among them is left alone', () => {
    const sessions = sessionsWith();
    const [inside, outside] = [fake('in', 0, 10), fake('out', 0, 10)];
    sessions.add(inside);
    sessions.remove(outside);
    sessions.remove(inside);
    sessions.remove(inside);
    expect([sessions.size, sessions.bytes]).toEqual([0, 0]);
  });

  it('too many, the oldest goes, whatever it holds', () => {
    const sessions = sessionsWith();
    for (const name of ['a', 'b', 'c']) sessions.add(fake(name, 0, name === 'c' ? 500 : 0));
    expect(sessions.isOverBounds).toBe(false);
    expect(sessions.toEvict()).toBeUndefined();
    sessions.add(fake('d'));
    expect(sessions.isOverBounds).toBe(true);
    const over = sessions.toEvict();
    expect(over?.session.name).toBe('a');
    expect(over?.because).toBe('made room: 4 sessions wait for their clients, of 3 (session.maxDetached)');
    if (over !== undefined) sessions.remove(over.session);
    expect(sessions.toEvict()).toBeUndefined();
  });

  it('with too many bytes, the costliest goes, the older of equals, until the rest fits', () => {
    const sessions = sessionsWith({ max: 10 });
    sessions.add(fake('small', 0, 100));
    sessions.add(fake('older', 0, 400));
    sessions.add(fake('equal', 0, 400));
    sessions.add(fake('last', 0, 300));
    const evicted: string[] = [];
    for (let over = sessions.toEvict(); over !== undefined; over = sessions.toEvict()) {
      expect(over.because).toContain('session.maxDetachedSize');
      evicted.push(over.session.name);
      sessions.remove(over.session);
    }
    expect(evicted).toEqual(['older']);
    expect(sessions.bytes).toBe(800);
  });

  it('count what a session comes to hold, or lets go, while it is among them', () => {
    const sessions = sessionsWith({ max: 10 });
    const [grows, attached] = [fake('grows', 0, 10), fake('attached', 0, 10)];
    sessions.add(grows);
    attached.attached = true;
    grows.heldBytes += 2_000;
    expect(sessions.changed(grows, 2_000)).toBe(true);
    expect([sessions.bytes, sessions.isOverBounds]).toEqual([2_010, true]);
    expect(sessions.changed(attached, 5_000)).toBe(false);
    // Between its connection's end and `add`, it is detached and not among them yet.
    expect(sessions.changed(fake('on its way'), 5_000)).toBe(false);
    expect(sessions.bytes).toBe(2_010);
    sessions.remove(grows);
    expect(sessions.bytes).toBe(0);
  });

  it('of a bound of none, each goes', () => {
    const sessions = sessionsWith({ max: 0 });
    sessions.add(fake('a'));
    expect(sessions.toEvict()?.session.name).toBe('a');
  });
});
