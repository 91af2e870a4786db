import { describe, expect, it } from 'vitest';
import { FlowCounters } from '../../../src/core/counters.js';
import { ClientConnection } from '../../../src/pool/client-connection.js';
import { ConnectionPool } from '../../../src/pool/connection-pool.js';
import type { TransportStream } from '../../../src/transport/contract.js';
import { anonymousIdentity } from '../../helpers/anonymous-identity.js';

function connection(id: string, clientId: string): ClientConnection {
  return new ClientConnection({
    id,
    identity: anonymousIdentity(clientId),
    stream: {} as TransportStream,
    now: 0,
    receiveMessages: 1,
    receiveBytes: 1,
    maxMessages: 1,
    maxBytes: 1,
    maxControl: 1,
    throttle: undefined,
    totalDown: new FlowCounters(),
  });
}

function pool(): ConnectionPool {
  return new ConnectionPool({ maxConnections: 3, maxConnectionsPerClient: 2, retryAfterMs: 5_000 });
}

describe('ConnectionPool', () => {
  it('refuses over the limit of all, naming value, limit, setting and when to come back', () => {
    const connections = pool();
    for (const n of [1, 2, 3]) connections.add(connection(`c${n}`, `client${n}`));
    const refusal = connections.refusal(anonymousIdentity('another'));
    expect(refusal).toMatchObject({ code: 'CONNECTION_LIMIT', retryAfterMs: 5_000 });
    expect(refusal?.message).toContain('holds 3 connections');
    expect(refusal?.message).toContain('pool.maxConnections = 3');
  });

  it('refuses over the limit of a client, and no other client', () => {
    const connections = pool();
    connections.add(connection('c1', 'ann'));
    connections.add(connection('c2', 'ann'));
    expect(connections.refusal(anonymousIdentity('ann'))).toMatchObject({ code: 'CLIENT_LIMIT' });
    expect(connections.refusal(anonymousIdentity('ann'))?.message).toContain(
      'pool.maxConnectionsPerClient = 2',
    );
    expect(connections.refusal(anonymousIdentity('bob'))).toBeUndefined();
  });

  it('finds by connection and by client, and forgets', () => {
    const connections = pool();
    const first = connection('c1', 'ann');
    const second = connection('c2', 'ann');
    connections.add(first);
    connections.add(second);
    expect(connections.get('c1')).toBe(first);
    expect([...connections.ofClient('ann')]).toEqual([first, second]);
    expect(connections.remove(first)).toBe(true);
    expect(connections.remove(first)).toBe(false);
    expect([...connections.ofClient('ann')]).toEqual([second]);
    expect(connections.remove(second)).toBe(true);
    expect(connections.ofClient('ann').size).toBe(0);
    expect([...connections]).toEqual([]);
  });
});

describe('ClientConnection', () => {
  it('goes through its states one way', () => {
    const one = connection('c1', 'ann');
    expect(one.state.kind).toBe('connecting');
    expect(one.transition({ kind: 'draining', deadline: 1 })).toBe(false);
    expect(one.transition({ kind: 'open' })).toBe(true);
    expect(one.transition({ kind: 'draining', deadline: 1 })).toBe(true);
    expect(one.transition({ kind: 'open' })).toBe(false);
    expect(one.transition({ kind: 'closed', end: 'OK' })).toBe(true);
    expect(one.transition({ kind: 'closed', end: 'STALE' })).toBe(false);
    expect(one.state).toEqual({ kind: 'closed', end: 'OK' });
  });
});
