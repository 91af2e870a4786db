import { describe, expect, it, test } from 'vitest';
import { SluiceError } from '../../../src/core/errors.js';
import type { Identity } from '../../../src/core/identity.js';
import { ByteAccount } from '../../../src/flow/byte-account.js';
import type { CallGatekeeper } from '../../../src/proxy/call-gatekeeper.js';
import { ProxiedCall } from '../../../src/proxy/proxied-call.js';
import { ProxyServer } from '../../../src/proxy/proxy-server.js';
import { anonymousIdentity } from '../../helpers/anonymous-identity.js';
import { OPEN_TERMS } from '../../helpers/proxy-world.js';
import { RecordingLogger } from '../../helpers/recording-logger.js';
import { ScriptedStream } from '../../helpers/scripted-stream.js';
import { upstreamWorld } from '../../helpers/upstream-world.js';

const ANN: Identity = { ...anonymousIdentity('ann') };

function serverWorld(mayOpen: CallGatekeeper['mayOpen'] = () => undefined) {
  const { clock, pool, backend } = upstreamWorld(['a:1']);
  pool.start();
  backend('a:1').isWell();
  const subjects: string[] = [];
  const server = new ProxyServer({
    clock,
    logger: new RecordingLogger(),
    gatekeeper: {
      takesTokens: false,
      identify: () => ANN,
      mayOpen: (question, signal) => {
        subjects.push(question.subject);
        return mayOpen(question, signal);
      },
      showedNothing: () => undefined,
    },
    account: new ByteAccount(2 ** 30),
    begin: (options) => new ProxiedCall(options),
    proxies: [
      {
        name: 'mine',
        services: ['test.Shapes'],
        isDescribed: false,
        pool,
        terms: OPEN_TERMS,
        maxCalls: 10,
        maxCallsPerClient: 10,
        durations: { observe: () => undefined },
      },
    ],
    namesServices: true,
    identifyTimeoutMs: 5_000,
    expiryGraceMs: 0,
    ageGraceMs: 0,
    shedAfterMs: 0,
    onRefused: () => undefined,
  });
  const comes = (path?: string): ScriptedStream => {
    const stream = new ScriptedStream(clock);
    if (path !== undefined) stream.path = path;
    stream.receiver = server.accept(stream);
    return stream;
  };
  return { clock, server, backend, subjects, comes };
}

describe('a client that is revoked', () => {
  it('while it is asked whether it may call does not come in with the answer', async () => {
    let may = (): void => undefined;
    const { server, comes, backend, clock } = serverWorld(
      () =>
        new Promise<void>((resolve) => {
          may = resolve;
        }),
    );
    const stream = comes();
    const revoked = new SluiceError('UNAUTHENTICATED', 'this client has been revoked');
    expect(server.endClient('ann', revoked, () => true)).toBe(0);
    expect(stream.ended).toMatchObject({ status: 16, message: 'this client has been revoked' });
    may();
    await Promise.resolve();
    expect([server.size, backend('a:1').relays.length]).toEqual([0, 0]);
    clock.runImmediates();
    expect(clock.activeTimers).toBe(0);
  });

  it('does not take others with it, nor what it came to with newer credentials', async () => {
    let may = (): void => undefined;
    const { server, comes, clock } = serverWorld(
      () =>
        new Promise<void>((resolve) => {
          may = resolve;
        }),
    );
    const stream = comes();
    const revoked = new SluiceError('UNAUTHENTICATED', 'this client has been revoked');
    server.endClient('bob', revoked, () => true);
    server.endClient('ann', revoked, () => false);
    may();
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    expect([stream.ended, server.size]).toEqual([undefined, 1]);
    stream.closes('cancelled');
    clock.runImmediates();
  });
});

test.each([
  '/test.Shapes/Chat/',
  '/test.Shapes/Chat/Other',
  '/test.Shapes//Chat',
  '//test.Shapes/Chat',
  '/test.Shapes/../Chat',
  '/test.Shapes/..',
  '/test.Shapes/Chat%2fOther',
  '/test.Shapes%2FChat/Chat',
  '/test.Shapes/Chat?other',
  '/test.Shapes/Chat#other',
  '/test.Shapes\\Chat/Chat',
  '/test.Shapes/',
  '/test.Shapes/Chat other',
  'http://host/test.Shapes/Chat',
  '*',
  `/test.Shapes/${'a'.repeat(600)}`,
])('a path that might be taken for that of another method comes to no backend: %s', (path) => {
  const { server, comes, backend, subjects } = serverWorld();
  expect(server.serves(path)).toBe(true);
  expect(comes(path).ended).toMatchObject({ status: 12 });
  expect([subjects, backend('a:1').relays.length, server.size]).toEqual([[], 0, 0]);
});

test('the case of a name is part of it', () => {
  const { comes, subjects } = serverWorld();
  expect(comes('/Test.shapes/Chat').ended).toMatchObject({ status: 12 });
  const stream = comes('/test.Shapes/chat');
  expect(stream.ended).toBeUndefined();
  expect(subjects).toEqual(['test.Shapes/chat']);
  stream.closes('cancelled');
});
