import { describe, expect, it } from 'vitest';
import { Tombstones, type Tombstone } from '../../../src/session/windowed/tombstones.js';

const LIMITS = { keepMs: 100, maxPerClient: 3, max: 5, maxBytes: 10_000 };

const gone = (attempt = 0): Tombstone => ({ attempt, ending: undefined });

function ended(message: string): Tombstone {
  return {
    attempt: 1,
    ending: {
      errors: [{ action: 'error', code: 'ROUTE_FAILED', message, sequence: 4, retryAfterMs: 0 }],
      ack: 7,
      closed: { action: 'closed', code: '', reason: '', retry: 0, retryAfterMs: 0 },
    },
  };
}

describe('Tombstones', () => {
  it('keep how a session ended, for its client, session and token alone', () => {
    const tombstones = new Tombstones(LIMITS);
    const tombstone = ended('no');
    tombstones.bury('client', 'session', 'token-1', tombstone, 0);
    expect(tombstones.get('client', 'session', 'token-1', 0)).toBe(tombstone);
    expect(tombstones.get('client', 'session', 'token-2', 0)).toBeUndefined();
    expect(tombstones.get('client', 'other', 'token-1', 0)).toBeUndefined();
    expect(tombstones.get('other', 'session', 'token-1', 0)).toBeUndefined();
  });

  it('are gone after their time, and leave nothing', () => {
    const tombstones = new Tombstones(LIMITS);
    tombstones.bury('client', 'a', 't', ended('no'), 0);
    tombstones.bury('client', 'b', 't', gone(), 40);
    expect(tombstones.nextExpiryMs).toBe(100);
    expect(tombstones.get('client', 'a', 't', 99)).toBeDefined();
    expect(tombstones.get('client', 'a', 't', 100)).toBeUndefined();
    tombstones.expire(100);
    expect(tombstones.size).toBe(1);
    expect(tombstones.nextExpiryMs).toBe(140);
    tombstones.expire(140);
    expect([tombstones.size, tombstones.bytes, tombstones.clients]).toEqual([0, 0, 0]);
    expect(tombstones.nextExpiryMs).toBeUndefined();
    tombstones.bury('client', 'c', 't', gone(), 200);
    tombstones.bury('client', 'd', 't', gone(), 300);
    expect(tombstones.size).toBe(1);
  });

  it('are bounded for each client: its oldest goes, not that of others', () => {
    const tombstones = new Tombstones(LIMITS);
    tombstones.bury('other', 's', 't', gone(), 0);
    for (const id of ['a', 'b', 'c', 'd']) tombstones.bury('client', id, 't', gone(), 1);
    expect(tombstones.size).toBe(4);
    expect(tombstones.get('client', 'a', 't', 1)).toBeUndefined();
    expect(tombstones.get('client', 'b', 't', 1)).toBeDefined();
    expect(tombstones.get('other', 's', 't', 1)).toBeDefined();
  });

  it('are bounded in all: the oldest of any client goes', () => {
    const tombstones = new Tombstones(LIMITS);
    for (let client = 0; client < 7; client += 1)
      tombstones.bury(`client-${client}`, 's', 't', gone(), client);
    expect(tombstones.size).toBe(LIMITS.max);
    expect(tombstones.get('client-1', 's', 't', 7)).toBeUndefined();
    expect(tombstones.get('client-2', 's', 't', 7)).toBeDefined();
  });

  it('are bounded in bytes', () => {
    const tombstones = new Tombstones({ ...LIMITS, maxBytes: 250 });
    tombstones.bury('a', 's', 't', ended('x'.repeat(100)), 0);
    tombstones.bury('b', 's', 't', ended('x'.repeat(100)), 0);
    expect(tombstones.size).toBe(2);
    tombstones.bury('c', 's', 't', gone(), 0);
    tombstones.bury('d', 's', 't', ended('x'.repeat(100)), 0);
    expect(tombstones.bytes).toBeLessThanOrEqual(250);
    expect(tombstones.get('a', 's', 't', 0)).toBeUndefined();
    expect(tombstones.get('d', 's', 't', 0)).toBeDefined();
  });

  it('one that is too large for the bound says only that the session is gone', () => {
    const tombstones = new Tombstones({ ...LIMITS, maxBytes: 250 });
    tombstones.bury('a', 's', 't', ended('x'.repeat(100)), 0);
    tombstones.bury('b', 's', 't', ended('x'.repeat(300)), 0);
    expect(tombstones.get('b', 's', 't', 0)).toEqual({ attempt: 1, ending: undefined });
    expect(tombstones.get('a', 's', 't', 0)?.ending).toBeDefined();
    expect(tombstones.bytes).toBeLessThanOrEqual(250);
  });

  it('one buried again is replaced, and kept as long from then', () => {
    const tombstones = new Tombstones(LIMITS);
    tombstones.bury('client', 's', 't', gone(1), 0);
    tombstones.bury('client', 's', 't', gone(2), 60);
    expect(tombstones.size).toBe(1);
    expect(tombstones.get('client', 's', 't', 120)?.attempt).toBe(2);
    expect(tombstones.nextExpiryMs).toBe(160);
  });
});
