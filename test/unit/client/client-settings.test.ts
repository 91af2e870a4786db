import { describe, expect, it } from 'vitest';
import { Client } from '../../../src/client/client.js';
import { clientSettings } from '../../../src/client/client-settings.js';
import { connect } from '../../../src/client/index.js';
import type { ClientOptions } from '../../../src/client/client-options.js';

describe('clientSettings', () => {
  it('fills in what is not said', () => {
    expect(clientSettings({})).toEqual({
      token: undefined,
      clientId: undefined,
      metadata: {},
      method: 'StreamBatches',
      sessionsPerStream: 100,
      maxStreams: 8,
      openTimeoutMs: 10_000,
      connectTimeoutMs: 10_000,
      backoff: { firstMs: 100, maxMs: 30_000 },
      interceptors: [],
      onEvent: undefined,
    });
    expect(clientSettings({ batches: false, backoff: { maxMs: 500 } })).toMatchObject({
      method: 'StreamData',
      backoff: { firstMs: 100, maxMs: 500 },
    });
  });

  const bad: readonly (readonly [options: object, said: string])[] = [
    [{ tokn: 'x' }, 'There is no option tokn: those of a client are token, clientId'],
    [{ sessionsPerStream: 0 }, 'sessionsPerStream is 0: expected is a whole number from 1 to 1000000'],
    [{ maxStreams: 1.5 }, 'maxStreams is 1.5: expected is a whole number from 1 to 10000'],
    [{ openTimeoutMs: -1 }, 'openTimeoutMs is -1: expected is a whole number at least 0'],
    [{ connectTimeoutMs: '5s' }, 'connectTimeoutMs is "5s": expected is a whole number from 1 to'],
    [{ backoff: { firstMs: 500, maxMs: 100 } }, 'backoff.maxMs is 100: expected is a whole number from 500'],
    [{ backoff: 5 }, 'backoff is 5: expected is an object with firstMs and maxMs'],
    [{ batches: 'no' }, 'batches is "no": expected is true or false'],
    [{ clientId: 'a\nb' }, 'clientId is "a\\nb": expected is 1 to 128 printable characters of ASCII'],
    [{ interceptors: {} }, 'interceptors is [object Object]: expected is an array'],
    [{ onEvent: 'log' }, 'onEvent is "log": expected is a function'],
    [{ token: '' }, 'token is empty: expected is'],
    [{ token: 7 }, 'token is of type number: expected is'],
    [{ token: 'x'.repeat(16_385) }, 'token is too long (16385 bytes): expected is a text of printable'],
    [{ metadata: { 'X-Id': 'x' } }, 'metadata has the name "X-Id": expected are lower-case letters'],
    [{ metadata: { 'grpc-timeout': '1S' } }, 'metadata has the name "grpc-timeout"'],
    [{ metadata: { 'x-client-id': 'x' } }, 'metadata has x-client-id: that is the option clientId'],
    [
      { metadata: { authorization: 'x' }, token: 't' },
      'metadata has authorization, and there is the option token',
    ],
    [{ metadata: 7 }, 'metadata is 7: expected is an object'],
  ];
  it.each(bad)('refuses %j', (options, said) => {
    expect(() => clientSettings(options as ClientOptions)).toThrow(TypeError);
    expect(() => clientSettings(options as ClientOptions)).toThrow(said);
    expect(() => connect('localhost:1', options as ClientOptions)).toThrow(said);
  });

  it('never says a secret', () => {
    for (const options of [{ token: 'my secret' }, { metadata: { 'x-key': 'my secret\n' } }]) {
      expect(() => clientSettings(options)).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining('my secret') as string }) as Error,
      );
    }
  });
});

describe('connect', () => {
  it('checks what is for the network alone', () => {
    expect(() => connect('localhost:1', { maxMessageBytes: 10 })).toThrow(
      'maxMessageBytes is a whole number from 1024 to 4294967295, not 10',
    );
    expect(() => connect('localhost:1', { maxMessages: 10 } as object)).toThrow(/, maxMessageBytes, /);
  });

  it('refuses what is no address, and connects to nothing by itself', async () => {
    for (const address of ['', 'no port', 'http://localhost:1', [], ['localhost:1', 'x y']]) {
      expect(() => connect(address)).toThrow(TypeError);
    }
    const client = connect(['localhost:1', 'grpcs://example.invalid']);
    expect(client).toBeInstanceOf(Client);
    expect(client.state).toBe('idle');
    await client.close();
    expect(client.state).toBe('closed');
  });
});
