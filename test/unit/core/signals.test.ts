import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { linkAbort } from '../../../src/core/signals.js';

function listeners(...parents: readonly AbortController[]): number[] {
  return parents.map(({ signal }) => getEventListeners(signal, 'abort').length);
}

describe('linkAbort', () => {
  it('aborts with either parent, for its reason, and lets go of both', () => {
    const one = new AbortController();
    const other = new AbortController();
    const { signal } = linkAbort(one.signal, undefined, other.signal);
    expect(listeners(one, other)).toEqual([1, 1]);
    other.abort('because');
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toBe('because');
    expect(listeners(one, other)).toEqual([0, 0]);
  });

  it('aborts by itself, and not the parents', () => {
    const parent = new AbortController();
    const linked = linkAbort(parent.signal);
    linked.abort('enough');
    expect(linked.signal.reason).toBe('enough');
    expect(parent.signal.aborted).toBe(false);
    expect(listeners(parent)).toEqual([0]);
  });

  it('is aborted from the start where a parent is', () => {
    const one = new AbortController();
    const { signal } = linkAbort(one.signal, AbortSignal.abort('before'));
    expect(signal.reason).toBe('before');
    expect(listeners(one)).toEqual([0]);
  });

  it('hears nothing any more once unlinked', () => {
    const parent = new AbortController();
    const linked = linkAbort(parent.signal);
    linked.unlink();
    linked.unlink();
    parent.abort();
    expect(linked.signal.aborted).toBe(false);
  });
});
