import { describe, expect, it } from 'vitest';
import { FlowCounters } from '../../../src/core/counters.js';
import { SluiceError } from '../../../src/core/errors.js';
import { Quota } from '../../../src/flow/quota.js';
import type { Route } from '../../../src/session/route.js';
import { SessionManager } from '../../../src/session/session-manager.js';
import type { SimpleSessionPort } from '../../../src/session/simple-session.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { anonymousIdentity } from '../../helpers/anonymous-identity.js';

const route: Route = { kind: 'test', open: () => ({ handle: () => undefined }) };

function setUp(
  limits: Partial<Record<'maxPerConnection' | 'maxPerClient' | 'max' | 'idleTimeoutMs', number>> = {},
) {
  const clock = new FakeClock();
  const expelled: string[] = [];
  const manager = new SessionManager({
    clock,
    maxPerConnection: 10,
    maxPerClient: 10,
    max: 10,
    idleTimeoutMs: 0,
    recent: { maxMessages: 1, maxBytes: 1 },
    retryAfterMs: 5_000,
    totalUp: new FlowCounters(),
    ...limits,
  });
  const port: SimpleSessionPort = {
    connectionId: 'c',
    peer: '192.0.2.1:1234',
    answer: () => undefined,
    unsent: 0,
    receiveQuota: new Quota(1, 1),
    answersBlocked: false,
    now: () => clock.now(),
    stampMs: () => 0,
    send: () => undefined,
    routeFailed: () => undefined,
    handled: () => undefined,
    drained: () => undefined,
    fault: () => undefined,
    observeProcessing: () => undefined,
    expel(session, reason, error) {
      expelled.push(`${session.name} ${reason} ${error.code}`);
      session.close(reason, error);
      manager.remove(session);
    },
  };
  const open = (clientId: string, sessionId: string, connectionSessions = 0, to = route) =>
    manager.open({
      identity: anonymousIdentity(clientId),
      sessionId,
      connectionSessions,
      subject: '',
      routeName: 'test',
      route: to,
      port,
    });
  return { clock, manager, open, expelled };
}

describe('SessionManager', () => {
  it('keys by client and session: a colon in an ID confuses nothing', () => {
    const { manager, open } = setUp();
    const one = open('a:b', 'c');
    const other = open('a', 'b:c');
    expect(one.name).toBe(other.name);
    expect(manager.find('a:b', 'c')).toEqual([one]);
    expect(manager.find('a', 'b:c')).toEqual([other]);
    expect([...manager]).toEqual([one, other]);
  });

  it('keeps private sessions of one name apart', () => {
    const { manager, open } = setUp();
    const first = open('ann', 's');
    const second = open('ann', 's');
    expect(manager.find('ann', 's')).toEqual([first, second]);
    expect(manager.remove(first)).toBe(true);
    expect(manager.remove(first)).toBe(false);
    expect(manager.find('ann', 's')).toEqual([second]);
    expect(manager.size).toBe(1);
  });

  it.each([
    [{ maxPerConnection: 2 }, 2, 'session.maxPerConnection = 2'],
    [{ maxPerClient: 2 }, 0, 'session.maxPerClient = 2'],
    [{ max: 2 }, 0, 'session.max = 2'],
  ])('refuses over a limit, naming it: %j', (limits, connectionSessions, named) => {
    const { manager, open } = setUp(limits);
    open('ann', '1');
    open('ann', '2');
    const refused = (): unknown => open('ann', '3', connectionSessions);
    expect(refused).toThrow(named);
    expect(refused).toThrow(SluiceError);
    expect(manager.size).toBe(2);
  });

  it('a route that refuses leaves nothing', () => {
    const { manager, open } = setUp();
    const refusing: Route = {
      kind: 'no',
      open() {
        throw new SluiceError('PERMISSION_DENIED', 'no');
      },
    };
    open('ann', '1');
    expect(() => open('ann', '2', 1, refusing)).toThrow('no');
    expect(manager.size).toBe(1);
    expect(manager.find('ann', '2')).toEqual([]);
  });

  it('ends what has been idle for long, and only that', () => {
    const { clock, manager, open, expelled } = setUp({ idleTimeoutMs: 1_000 });
    open('ann', 'idle');
    const busy = open('ann', 'busy');
    clock.advance(600);
    busy.lastActivity = clock.now();
    clock.advance(700);
    expect(expelled).toEqual(['ann:idle session-expired SESSION_EXPIRED']);
    expect(manager.size).toBe(1);
    clock.advance(2_000);
    expect(manager.size).toBe(0);
  });

  it('has no timer while there is no session, and none after stop', () => {
    const { clock, manager, open } = setUp({ idleTimeoutMs: 1_000 });
    expect(clock.activeTimers).toBe(0);
    const session = open('ann', '1');
    expect(clock.activeTimers).toBe(1);
    manager.remove(session);
    clock.advance(1_000);
    expect(clock.activeTimers).toBe(0);
    open('ann', '2');
    manager.stop();
    open('ann', '3');
    expect(clock.activeTimers).toBe(0);
  });
});
