import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../../src/core/errors.js';
import { streamLogging } from '../../../src/server/stream-logging.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { fakeConnection, FakeStream } from '../../helpers/fake-stream.js';

function setUp() {
  const clock = new FakeClock();
  const infos: (readonly [string, object])[] = [];
  const debugs: (readonly [string, object])[] = [];
  const info = (fields: object, message: string) => infos.push([message, fields]);
  const debug = (fields: object, message: string) => debugs.push([message, fields]);
  const none = () => undefined;
  const logging = streamLogging({ debug, info, warn: none, error: none }, clock);
  const refuse = (code: 'CONNECTION_LIMIT' | 'UNKNOWN_ROUTE', clientId?: string): void => {
    const stream = new FakeStream();
    if (clientId !== undefined) stream.metadata.set('x-client-id', clientId);
    logging.refused?.(stream, new SluiceError(code, `because of ${code}`), undefined);
  };
  return { clock, infos, debugs, logging, refuse };
}

const refused = (code: string, count: number, client: string | undefined) => [
  'streams refused',
  { code, count, client, peer: '127.0.0.1:1', reason: `because of ${code}` },
];

describe('refusals in the log', () => {
  it('are one line a code a minute, with how many there were and the latest client', () => {
    const { clock, infos, debugs, refuse } = setUp();
    refuse('CONNECTION_LIMIT', 'ann');
    refuse('UNKNOWN_ROUTE', 'ben');
    for (let n = 1; n <= 1_000; n += 1) refuse('CONNECTION_LIMIT', `client ${n}`);
    expect(infos).toEqual([refused('CONNECTION_LIMIT', 1, 'ann'), refused('UNKNOWN_ROUTE', 1, 'ben')]);
    clock.advance(59_999);
    refuse('CONNECTION_LIMIT', 'cid');
    expect(infos).toHaveLength(2);
    clock.advance(1);
    refuse('CONNECTION_LIMIT');
    expect(infos.slice(2)).toEqual([refused('CONNECTION_LIMIT', 1_002, undefined)]);
    expect(debugs).toHaveLength(1_004);
    expect(debugs[0]?.[1]).toMatchObject({ client: 'ann', code: 'CONNECTION_LIMIT' });
    expect(clock.pending).toBe(0);
  });

  it('are told by whatever happens next, when nobody else is refused', () => {
    const { clock, infos, logging, refuse } = setUp();
    for (let n = 1; n <= 3; n += 1) refuse('UNKNOWN_ROUTE', `client ${n}`);
    clock.advance(60_000);
    const { connection } = fakeConnection();
    logging.opened?.(connection, 'echo');
    logging.ended?.(connection, 'OK', undefined);
    expect(infos).toEqual([refused('UNKNOWN_ROUTE', 1, 'client 1'), refused('UNKNOWN_ROUTE', 2, 'client 3')]);
  });

  it('name the client that was found out, not the one it says it is', () => {
    const { infos, logging } = setUp();
    const stream = new FakeStream();
    stream.metadata.set('x-client-id', 'ben');
    logging.refused?.(stream, new SluiceError('CLIENT_LIMIT', 'because of CLIENT_LIMIT'), 'ann');
    expect(infos).toEqual([refused('CLIENT_LIMIT', 1, 'ann')]);
  });

  it('quote and cut what can be no client ID', () => {
    const { infos, refuse } = setUp();
    refuse('UNKNOWN_ROUTE', `\u001b[31m${'x'.repeat(100_000)}`);
    const client = (infos[0]?.[1] as { client: string }).client;
    expect(client).toMatch(/^"\\u001b\[31mx+"$/);
    expect(client.length).toBeLessThan(200);
  });
});

describe('ends in the log', () => {
  const draining = new SluiceError('DRAINING', 'leaving');

  it('name at info whom a drain cut off, and what was owed', () => {
    const { infos, debugs, logging } = setUp();
    const { connection, stream } = fakeConnection();
    connection.receiveQuota.take(10);
    stream.bytesInFlight = 7;
    connection.transition({ kind: 'closed', end: 'DRAINING' });
    connection.receiveQuota.give(10);
    logging.ended?.(connection, 'DRAINING', draining);
    const owed = { toRoutes: 1, toClient: 0, bytesInFlight: 7 };
    expect(infos).toEqual([
      [
        'stream cut: its time to leave was over',
        expect.objectContaining({ client: 'ann', peer: '127.0.0.1:1', ...owed }),
      ],
    ]);
    expect(debugs).toEqual([]);
  });

  it('leave at debug those that were owed nothing, and those of clients that said goodbye', () => {
    const { infos, debugs, logging } = setUp();
    for (const error of [draining, undefined]) {
      const { connection } = fakeConnection();
      connection.transition({ kind: 'closed', end: error?.code ?? 'OK' });
      logging.ended?.(connection, error?.code ?? 'OK', error);
    }
    expect(infos).toEqual([]);
    expect(debugs.map(([message]) => message)).toEqual(['stream ended', 'stream ended']);
  });

  it('tell in sum of those that the other side broke off', () => {
    const { clock, infos, debugs, logging } = setUp();
    const end = (code: 'LOST' | 'CANCELLED' | 'OK'): void => {
      logging.ended?.(fakeConnection().connection, code, undefined);
    };
    for (let n = 0; n < 1_000; n += 1) end('LOST');
    end('CANCELLED');
    const brokenOff = (code: string, count: number) => [
      'streams broken off by the other side',
      { code, count, client: 'ann', peer: '127.0.0.1:1' },
    ];
    expect(infos).toEqual([brokenOff('LOST', 1), brokenOff('CANCELLED', 1)]);
    clock.advance(60_000);
    end('OK');
    expect(infos.slice(2)).toEqual([brokenOff('LOST', 999)]);
    expect(debugs).toHaveLength(1_002);
    expect(clock.pending).toBe(0);
  });

  it('say nothing of a follower of a topic that cancels: it has no other way to leave', () => {
    const { infos, logging } = setUp();
    const { connection, stream } = fakeConnection();
    stream.method = 'Subscribe';
    logging.ended?.(connection, 'CANCELLED', undefined);
    logging.ended?.(connection, 'LOST', undefined);
    expect(infos).toEqual([
      ['streams broken off by the other side', expect.objectContaining({ code: 'LOST' })],
    ]);
  });

  it('tell at info of every other end by the gateway', () => {
    const { infos, logging } = setUp();
    const { connection } = fakeConnection();
    logging.ended?.(connection, 'STALE', new SluiceError('STALE', 'silent'));
    expect(infos).toEqual([['stream ended by the gateway', expect.objectContaining({ end: 'STALE' })]]);
  });

  it('are at most a hundred lines in ten seconds; the next tells how many were not said', () => {
    const { clock, infos, debugs, logging } = setUp();
    const end = (): void => {
      logging.ended?.(fakeConnection().connection, 'STALE', new SluiceError('STALE', 'silent'));
    };
    for (let n = 0; n < 150; n += 1) end();
    expect(infos).toHaveLength(100);
    expect(debugs).toHaveLength(50);
    clock.advance(10_000);
    end();
    end();
    expect(infos.slice(100).map(([, fields]) => (fields as { unsaid?: number }).unsaid)).toEqual([
      50,
      undefined,
    ]);
  });
});
