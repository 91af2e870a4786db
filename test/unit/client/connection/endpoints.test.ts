import { beforeEach, describe, expect, it } from 'vitest';
import { ClientError } from '../../../../src/client/client-error.js';
import { type Endpoint, Endpoints } from '../../../../src/client/connection/endpoints.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { ScriptedConnector } from '../../../helpers/scripted-connector.js';

const unreachable = new ClientError('UNREACHABLE', 'nobody');
const lost = new ClientError('CONNECTION_LOST', 'gone');

describe('Endpoints', () => {
  let random: number;
  let endpoints: Endpoints;
  let connectors: ScriptedConnector[];
  let now: number;

  beforeEach(() => {
    random = 0.5;
    now = 10_000;
    connectors = [];
    endpoints = make('a', 'b', 'c');
  });

  function make(...addresses: string[]): Endpoints {
    return new Endpoints({
      addresses,
      backoff: { firstMs: 100, maxMs: 1_000 },
      random: () => random,
      dial: (address) => {
        const connector = new ScriptedConnector(new FakeClock(), address);
        connectors.push(connector);
        return connector;
      },
    });
  }

  const next = (): Endpoint => endpoints.next(now);
  const fail = (error = unreachable): number => endpoints.failed(next(), error, now, now);

  it('tries one after the other, and waits only after a round', () => {
    const tried: string[] = [];
    for (let i = 0; i < 3; i += 1) {
      tried.push(next().address);
      expect(next().notBeforeMs).toBeLessThanOrEqual(now);
      fail();
    }
    expect(tried).toEqual(['a', 'b', 'c']);
    expect(next()).toMatchObject({ address: 'a', notBeforeMs: now + 50 });
  });

  it('tries the one that worked last first', () => {
    fail();
    expect(next().address).toBe('b');
    endpoints.worked(next());
    endpoints.lost(next(), lost, now, now);
    const tried = [0, 1, 2].map(() => {
      const { address } = next();
      fail();
      return address;
    });
    // a has failed longer ago than anyone, but not since b worked.
    expect(tried).toEqual(['b', 'c', 'a']);
  });

  it('comes to each in turn where there is never a wait', () => {
    random = 0;
    const tried = [1, 2, 3, 4, 5, 6].map(() => {
      const { address } = next();
      fail();
      return address;
    });
    expect(tried).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
  });

  it('doubles the wait of each with its failures, and forgets them once it works', () => {
    endpoints = make('a');
    const waits = [1, 2, 3, 4, 5, 6].map(() => {
      const wait = fail();
      now += wait;
      return wait;
    });
    expect(waits).toEqual([50, 100, 200, 400, 500, 500]);
    endpoints.worked(next());
    expect(fail()).toBe(50);
  });

  it('waits at least as long as the gateway asks, and at random behind it', () => {
    expect(fail(new ClientError('OVERLOADED', 'too much', { retryAfterMs: 5_000 }))).toBe(5_050);
  });

  it('tries at once where the advice is that, but not for ever', () => {
    endpoints = make('a');
    endpoints.worked(next());
    const long = now - 5_000;
    expect(endpoints.lost(next(), lost, long, now)).toBe(0);
    // Many of them break: no second attempt at once within a second.
    endpoints.worked(next());
    expect(endpoints.lost(next(), lost, long, now + 10)).toBe(60 - 10);
    now += 2_000;
    expect(endpoints.lost(next(), lost, long, now)).toBe(0);
  });

  it('waits longer, within limits, where connections open and are soon lost again and again', () => {
    endpoints = new Endpoints({
      addresses: ['a'],
      backoff: { firstMs: 100, maxMs: 30_000 },
      random: () => 0.5,
      dial: (address) => new ScriptedConnector(new FakeClock(), address),
    });
    const live = (ms: number): number => {
      const begunAtMs = now;
      endpoints.worked(next());
      now += ms;
      const waitMs = endpoints.lost(next(), lost, begunAtMs, now);
      // One that was lost with it is not counted again.
      expect(endpoints.lost(next(), lost, begunAtMs, now)).toBeGreaterThanOrEqual(waitMs);
      now = next().notBeforeMs;
      return waitMs;
    };
    const waits = Array.from({ length: 8 }, () => live(1_100));
    expect(waits).toEqual([0, 100, 200, 400, 800, 1_000, 1_000, 1_000]);
    // One that held: what broke before is another matter.
    expect(live(5_000)).toBe(0);
    expect(live(1_100)).toBe(0);
  });

  it('counts connections that break together as one failure', () => {
    endpoints = make('a');
    const a = next();
    const begun = now - 100;
    fail();
    for (let i = 0; i < 10; i += 1) endpoints.failed(a, unreachable, begun, now);
    expect(a.failures).toBe(1);
    now += 50;
    expect(fail()).toBe(100);
  });

  it('passes over a gateway that leaves, where there is another', () => {
    endpoints.leaving(next(), now + 1_000);
    expect(next().address).toBe('b');
    now += 1_001;
    expect(next().address).toBe('a');
    for (const endpoint of endpoints.all) endpoints.leaving(endpoint, now + 1_000);
    expect(next().address).toBe('a');
  });

  it('asks a gateway that left again where all others have failed: it may have started anew', () => {
    endpoints = make('a', 'b');
    endpoints.leaving(next(), now + 30_000);
    expect(fail()).toBe(50);
    expect(next()).toMatchObject({ address: 'a', notBeforeMs: -Infinity });
    fail();
    now += 50;
    expect(next().address).toBe('b');
  });

  it('does not ask a gateway that leaves for what another refused long ago', () => {
    endpoints = make('a', 'b');
    fail();
    endpoints.worked(next());
    now += 10_000;
    endpoints.leaving(next(), now + 30_000);
    expect(next().address).toBe('a');
  });

  it('renews the connections of an address once, however many say so of them', () => {
    const a = next();
    const { generation } = a;
    for (let i = 0; i < 10; i += 1) endpoints.renew(a, generation);
    expect(connectors[0]?.renewals).toBe(1);
    endpoints.renew(a, a.generation);
    expect(connectors[0]?.renewals).toBe(2);
  });
});
