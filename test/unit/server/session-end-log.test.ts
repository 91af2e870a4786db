import { describe, expect, it } from 'vitest';
import { SluiceError, type ErrorCode } from '../../../src/core/errors.js';
import { echoRoute } from '../../../src/routes/echo.js';
import { SessionEndLog } from '../../../src/server/session-end-log.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { controlMessage } from '../../../src/wire/messages.js';
import { memoryServer, readingClient } from '../../helpers/memory-server.js';
import { data, openOf } from '../../helpers/windowed-world.js';

const TOLD = 'opened sessions ended by the gateway';

function logger() {
  const infos: (readonly [string, object])[] = [];
  const debugs: (readonly [string, object])[] = [];
  const none = (): void => undefined;
  return {
    infos,
    debugs,
    logger: {
      debug: (fields: object, message: string) => void debugs.push([message, fields]),
      info: (fields: object, message: string) => void infos.push([message, fields]),
      warn: none,
      error: none,
    },
  };
}

function setUp() {
  const clock = new FakeClock();
  const { infos, debugs, logger: to } = logger();
  const log = new SessionEndLog(to, clock);
  const end = (code: ErrorCode, sessionId: string, toClient = 3, connectionId = 'c1'): void => {
    const session = { clientId: 'ann', sessionId, routeName: 'echo', token: new Uint8Array(16) };
    log.note(session, {
      error: new SluiceError(code, `because of ${code}`),
      connectionId,
      toRoutes: 0,
      toClient,
    });
  };
  return { clock, infos, debugs, log, end };
}

const told = (code: string, count: number, session: string, rest: object = { connection: 'c1' }) => [
  TOLD,
  {
    ...{ code, count, client: 'ann', session, route: 'echo', reason: `because of ${code}` },
    ...{ toRoutes: 0, toClient: 3, ...rest },
  },
];

describe('opened sessions ended by the gateway, in the log', () => {
  it('are one line a code a minute, with how many there were and the latest; each at level debug', () => {
    const { clock, infos, debugs, end } = setUp();
    end('SEQUENCE_GAP', 'first');
    end('SESSION_EXPIRED', 'gone', 3, '');
    for (let n = 1; n <= 1_000; n += 1) end('SEQUENCE_GAP', `s${n}`);
    clock.advance(59_999);
    end('SEQUENCE_GAP', 'early');
    expect(infos).toEqual([told('SEQUENCE_GAP', 1, 'first'), told('SESSION_EXPIRED', 1, 'gone', {})]);
    clock.advance(1);
    end('SEQUENCE_GAP', 'last');
    expect(infos.slice(2)).toEqual([told('SEQUENCE_GAP', 1_002, 'last')]);
    expect(debugs).toHaveLength(1_004);
    expect(debugs[0]?.[1]).toMatchObject({ session: 'first', code: 'SEQUENCE_GAP', toClient: 3 });
    expect(clock.pending).toBe(0);
  });

  it('are told at the stop, due or not, and once', () => {
    const { infos, log, end } = setUp();
    for (let n = 1; n <= 3; n += 1) end('DRAINING', `s${n}`);
    expect(infos).toEqual([told('DRAINING', 1, 's1')]);
    log.tellAll();
    log.tellAll();
    expect(infos.slice(1)).toEqual([told('DRAINING', 2, 's3')]);
  });

  it('are at level debug alone where a drain closed them and nothing was lost', () => {
    const { infos, debugs, log, end } = setUp();
    end('DRAINING', 's', 0);
    log.tellAll();
    expect(infos).toEqual([]);
    expect(debugs).toHaveLength(1);
    end('SEQUENCE_GAP', 's', 0);
    expect(infos).toHaveLength(1);
  });

  it('by a server: at once, then with whoever comes or goes after a minute, then at its end', async () => {
    const { infos, logger: to } = logger();
    const world = memoryServer(echoRoute(), {}, [], {}, undefined, undefined, to);
    const { clock, server, metrics } = world;
    const offend = async (id: string): Promise<void> => {
      const { client } = readingClient(world);
      client.send(controlMessage(openOf({ resumeToken: new Uint8Array(0) }), id));
      client.send({ ...data(7), sessionId: id });
      await clock.settle();
      client.cancel();
      await clock.settle();
    };
    await offend('a');
    const first = { code: 'SEQUENCE_GAP', count: 1, client: 'ann', session: 'a', route: 'test' };
    expect(infos).toMatchObject([[TOLD, { ...first, reason: expect.stringMatching(/^sequence 7 /) }]]);
    expect(infos[0]?.[1]).toHaveProperty('connection');
    await offend('b');
    await offend('c');
    expect(infos).toHaveLength(1);
    await clock.advanceAsync(60_000);
    readingClient(world);
    await clock.settle();
    expect(infos.slice(1)).toMatchObject([[TOLD, { count: 2, session: 'c' }]]);
    await offend('d');
    server.destroy();
    await clock.settle();
    expect(infos.slice(2)).toMatchObject([[TOLD, { count: 1, session: 'd' }]]);
    expect([...metrics.sessionsEnded]).toEqual([['SEQUENCE_GAP', 4]]);
    expect(clock.pending).toBe(0);
  });
});
