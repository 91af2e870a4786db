import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.js';
import { ConfigError } from '../../../src/config/mistake.js';

function load(limit: object, flags: readonly string[] = []) {
  const argv = ['--rateLimits', JSON.stringify({ some: limit }), ...flags];
  return loadConfig({ argv, env: {} }).config.rateLimits['some'];
}

function mistake(limit: object, flags: readonly string[] = []): string {
  try {
    load(limit, flags);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('it was taken');
}

describe('rateLimits', () => {
  it('has a default for everything but what is counted', () => {
    expect(load({ messages: 100 })).toEqual({
      algorithm: 'token-bucket',
      by: ['client'],
      routes: [],
      messages: 100,
      bytes: 0,
      opens: 0,
      per: 1_000,
      burst: 0,
      burstSize: 0,
      queue: 0,
      over: 'delay',
      maxDelay: 60_000,
      callDelay: 0,
      maxKeys: 100_000,
    });
    expect(load({ opens: 5, per: '1m', by: [] })).toMatchObject({ opens: 5, per: 60_000, by: [] });
  });

  it.each([
    [{}, 'expected at least one of messages, bytes and opens, or it limits nothing'],
    [{ messages: 1, routes: ['ecko'] }, 'expected names of routes: echo, not ecko; did you mean echo?'],
    [{ messages: 1, algorithm: 'token-buket' }, 'did you mean token-bucket?'],
    [{ messages: 1, by: ['clients'] }, 'did you mean client?'],
    [{ messages: 1, brust: 2 }, 'a rate limit has no such option; did you mean burst?'],
    [
      { messages: 1, algorithm: 'fixed-window', burst: 5 },
      'it is for token-bucket, and the algorithm is fixed-window',
    ],
    [
      { bytes: '1KiB', burst: 5 },
      'it counts messages and opens, and neither is given: did you mean burstSize?',
    ],
    [{ messages: 1, burstSize: '1KiB' }, 'it counts bytes, which are not given'],
    [{ messages: 1, queue: 5 }, 'it is for leaky-bucket, and the algorithm is token-bucket'],
    [{ messages: 1, algorithm: 'leaky-bucket' }, 'expected how many messages may wait'],
    [{ bytes: '1KiB', algorithm: 'leaky-bucket' }, 'the queue of a leaky-bucket counts messages'],
    [
      { messages: 1, algorithm: 'leaky-bucket', queue: 1, over: 'refuse' },
      'nothing waits in it, for over is refuse',
    ],
    [{ messages: 1, over: 'refuse', callDelay: '1s' }, 'nothing is held, for over is refuse'],
    [{ messages: 1, maxDelay: '5m' }, 'expected less than session.resumeWindow = "2m" (default)'],
    [{ messages: 1, per: '25h' }, '24h'],
  ])('refuses %j', (limit, reason) => {
    expect(mistake(limit)).toContain(reason);
  });
});
