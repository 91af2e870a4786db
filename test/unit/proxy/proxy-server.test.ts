import { describe, expect, test } from 'vitest';
import { GrpcStatus, SluiceError } from '../../../src/core/errors.js';
import type { Identity } from '../../../src/core/identity.js';
import { ByteAccount } from '../../../src/flow/byte-account.js';
import type { CallGatekeeper } from '../../../src/proxy/call-gatekeeper.js';
import type { CallUnderWay } from '../../../src/proxy/call-under-way.js';
import type { ProxiedCallOptions } from '../../../src/proxy/proxied-call.js';
import { ProxyServer, type RefusedCall } from '../../../src/proxy/proxy-server.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import type { ProxiedReceiver, ProxiedStream, RelayedEnd } from '../../../src/transport/proxy-contract.js';
import { UpstreamPool } from '../../../src/upstream/upstream-pool.js';
import { decodeStatusDetails } from '../../../src/wire/status-details.js';
import { anonymousIdentity } from '../../helpers/anonymous-identity.js';
import { OPEN_TERMS } from '../../helpers/proxy-world.js';
import { RecordingLogger } from '../../helpers/recording-logger.js';

const SERVICE = 'stock.v1.Stock';

/** Nobody asks it anything. */
const NO_POOL = Object.create(UpstreamPool.prototype) as UpstreamPool;

class ScriptedStream implements ProxiedStream {
  readonly path: string;
  readonly peer = '10.0.0.9:1234';
  readonly headers: ProxiedStream['headers'];
  readonly contentType = 'application/grpc';
  readonly deadlineAtMs = undefined;
  readonly bytesInFlight = 0;
  readonly bytesHeld = 0;
  readonly connectionDeadline: number | undefined;
  ended: RelayedEnd | undefined;
  wasReset = false;

  constructor(path: string, headers: ProxiedStream['headers'] = [], connectionDeadline?: number) {
    this.path = path;
    this.headers = headers;
    this.connectionDeadline = connectionDeadline;
  }

  respond(): void {
    throw new Error('nobody answers here');
  }
  send(): void {
    throw new Error('nobody answers here');
  }
  pause(): void {
    // It is paused.
  }
  resume(): void {
    throw new Error('nobody reads here');
  }
  end(end: RelayedEnd): void {
    this.ended ??= end;
  }
  reset(): void {
    this.wasReset = true;
  }

  /** The code of the catalogue that ended it. */
  get code(): string | undefined {
    const details = this.ended?.trailers.find(([name]) => name === 'grpc-status-details-bin')?.[1];
    return details === undefined ? undefined : decodeStatusDetails(Buffer.from(details, 'base64')).reason;
  }
}

class ScriptedCall implements CallUnderWay {
  readonly options: ProxiedCallOptions;
  readonly heard: string[] = [];
  readonly address = 'one:1';
  heldBytes = 0;
  readonly heldUpBytes = 3;
  readonly heldDownBytes = 4;

  constructor(options: ProxiedCallOptions) {
    this.options = options;
  }

  start(): void {
    this.heard.push('start');
  }
  hold(): void {
    this.heard.push('hold');
  }
  release(): void {
    this.heard.push('release');
  }
  end(error: SluiceError): void {
    this.heard.push(error.code);
    this.options.onEnd({ status: error.grpcStatus, by: 'gateway', error });
  }
  onChunk(): void {
    this.heard.push('chunk');
  }
  onHalfClose(): void {
    this.heard.push('half-close');
  }
  onWritten(): void {
    this.heard.push('written');
  }
  onHeld(): void {
    this.heard.push('held');
  }
  onClose(): void {
    this.heard.push('close');
  }
}

/** Answers when the test says so. */
class SlowGate implements CallGatekeeper {
  readonly takesTokens = true;
  readonly signals: AbortSignal[] = [];
  readonly #waiting: { resolve: (identity: Identity) => void; reject: (error: unknown) => void }[] = [];
  askToo: undefined | Promise<void>;
  nothings = 0;

  identify(_: unknown, signal: AbortSignal): Promise<Identity> {
    this.signals.push(signal);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }
  mayOpen(): undefined | Promise<void> {
    return this.askToo;
  }
  showedNothing(): void {
    this.nothings += 1;
  }

  async answers(identity: Identity | Error): Promise<void> {
    const next = this.#waiting.shift();
    if (identity instanceof Error) next?.reject(identity);
    else next?.resolve(identity);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const everybody: CallGatekeeper = {
  takesTokens: false,
  identify: ({ claimedId = 'nobody' }) => anonymousIdentity(claimedId),
  mayOpen: () => undefined,
  showedNothing: () => undefined,
};

function world(gatekeeper: CallGatekeeper = everybody, { maxCalls = 10, namesServices = true } = {}) {
  const clock = new FakeClock();
  const logger = new RecordingLogger();
  const account = new ByteAccount(1_000);
  const calls: ScriptedCall[] = [];
  const refused: RefusedCall[] = [];
  const durations: number[] = [];
  const server = new ProxyServer({
    clock,
    logger,
    gatekeeper,
    account,
    begin: (options) => {
      const call = new ScriptedCall(options);
      calls.push(call);
      return call;
    },
    proxies: [
      {
        name: 'stock',
        services: [SERVICE],
        isDescribed: false,
        pool: NO_POOL,
        terms: OPEN_TERMS,
        maxCalls,
        maxCallsPerClient: maxCalls,
        durations: { observe: (ms) => durations.push(ms) },
      },
    ],
    namesServices,
    identifyTimeoutMs: 2_000,
    expiryGraceMs: 500,
    ageGraceMs: 300,
    shedAfterMs: 1_000,
    onRefused: (each) => refused.push(each),
  });
  const call = (
    method = 'Get',
    headers: ProxiedStream['headers'] = [],
    connectionDeadline?: number,
  ): { stream: ScriptedStream; receiver: ProxiedReceiver } => {
    const stream = new ScriptedStream(`/${SERVICE}/${method}`, headers, connectionDeadline);
    return { stream, receiver: server.accept(stream) };
  };
  return { clock, logger, account, calls, refused, durations, server, call };
}

describe('whose a path is', () => {
  test.each([
    [`/${SERVICE}/Get`, true, true],
    ['/other.Service/Get', true, false],
    ['/sluice.v1.StreamService/StreamData', false, false],
    ['/grpc.health.v1.Health/Check', false, false],
    ['/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo', false, false],
    ['/', true, false],
    ['nothing', true, false],
    [`/${'x'.repeat(600)}/Get`, true, false],
  ])('%s', (path, named, unnamed) => {
    expect(world(everybody, { namesServices: true }).server.serves(path)).toBe(named);
    expect(world(everybody, { namesServices: false }).server.serves(path)).toBe(unnamed);
  });

  test('what is no path at all is told so', () => {
    const { server } = world();
    const stream = new ScriptedStream('nothing');
    server.accept(stream);
    expect(stream.ended).toMatchObject({
      status: GrpcStatus.UNIMPLEMENTED,
      message: `the path of the call is not of the form /package.Service/Method; passed on are ${SERVICE}`,
    });
    expect(server.unknownServices).toBe(1);
  });
});

describe('while somebody else is asked', () => {
  test('the call waits unread; what it said is given on once it is let in', async () => {
    const gate = new SlowGate();
    const { clock, calls, call } = world(gate);
    const { receiver } = call('Get', [['authorization', 'Bearer abc']]);
    receiver.onHalfClose();
    expect(calls).toEqual([]);
    await gate.answers(anonymousIdentity('ann'));
    expect(calls[0]?.heard).toEqual(['start', 'half-close']);
    expect(calls[0]?.options.extraHeaders).toContainEqual(['x-client-id', 'ann']);
    receiver.onChunk(new Uint8Array(1));
    receiver.onWritten();
    receiver.onClose('ended');
    expect(calls[0]?.heard.slice(2)).toEqual(['chunk', 'written', 'close']);
    expect(clock.activeTimers).toBe(0);
  });

  test('nobody waits for ever: AUTH_UNAVAILABLE, and the late answer is nobody’s', async () => {
    const gate = new SlowGate();
    const { clock, calls, call } = world(gate);
    const { stream } = call();
    clock.advance(2_000);
    expect(stream.code).toBe('AUTH_UNAVAILABLE');
    expect(gate.signals[0]?.aborted).toBe(true);
    await gate.answers(anonymousIdentity('ann'));
    expect(calls).toEqual([]);
  });

  test('a client that leaves is not asked about any more', async () => {
    const gate = new SlowGate();
    const { clock, calls, refused, call } = world(gate);
    const { receiver } = call();
    receiver.onClose('cancelled');
    expect(gate.signals[0]?.aborted).toBe(true);
    expect(clock.activeTimers).toBe(0);
    await gate.answers(new SluiceError('UNAUTHENTICATED', 'no'));
    expect({ calls, refused }).toEqual({ calls: [], refused: [] });
  });

  test('what is answered with a refusal is refused, what fails is a fault of the gateway', async () => {
    const gate = new SlowGate();
    const { logger, call } = world(gate);
    const [no, fault] = [call(), call()];
    await gate.answers(new SluiceError('TOKEN_EXPIRED', 'expired'));
    await gate.answers(new TypeError('a bug'));
    expect([no.stream.code, fault.stream.code]).toEqual(['TOKEN_EXPIRED', 'INTERNAL']);
    expect(fault.stream.ended?.message).not.toContain('a bug');
    expect(logger.messages('error')).toEqual(['a fault refused a proxied call']);
  });

  test('permission is asked for, too, where somebody else decides', async () => {
    const gate = new SlowGate();
    gate.askToo = Promise.reject(new SluiceError('PERMISSION_DENIED', 'no'));
    const { call, refused } = world(gate);
    const { stream } = call();
    await gate.answers(anonymousIdentity('ann'));
    expect(stream.code).toBe('PERMISSION_DENIED');
    expect(refused).toMatchObject([{ proxy: 'stock', client: 'ann' }]);
  });

  test('so many may wait for an answer, and no more', async () => {
    const gate = new SlowGate();
    const { call, clock } = world(gate, { maxCalls: 2 });
    const [first, , third] = [call(), call(), call()];
    expect(third.stream.code).toBe('CALL_LIMIT');
    first.receiver.onClose('lost');
    expect(call().stream.code).toBeUndefined();
    clock.advance(2_000);
    await gate.answers(anonymousIdentity('late'));
    expect(clock.activeTimers).toBe(0);
  });
});

test('a token that expires ends the calls that began with it, after the grace', () => {
  const clock = new FakeClock();
  const expiresAtMs = clock.wallNow() + 100_000;
  const gate = { ...everybody, identify: () => ({ ...anonymousIdentity('ann'), expiresAtMs }) };
  const { clock: own, calls, call } = world(gate);
  call();
  own.advance(100_400);
  expect(calls[0]?.heard).toEqual(['start']);
  own.advance(200);
  expect(calls[0]?.heard).toEqual(['start', 'TOKEN_EXPIRED']);
  expect(own.activeTimers).toBe(0);
});

describe('a network connection that grows too old', () => {
  test('ends the calls that are left on it, after the grace', () => {
    const { clock, calls, server, call } = world();
    call('Get', [], clock.now() + 10_000);
    clock.advance(10_299);
    expect(calls[0]?.heard).toEqual(['start']);
    clock.advance(1);
    expect(calls[0]?.heard).toEqual(['start', 'STREAM_LIMIT']);
    expect([server.size, clock.activeTimers]).toEqual([0, 0]);
  });

  test('gives one that comes behind its time what is left of the grace', () => {
    const { clock, calls, call } = world();
    const deadline = clock.now();
    clock.advance(200);
    call('Get', [], deadline);
    clock.advance(99);
    expect(calls[0]?.heard).toEqual(['start']);
    clock.advance(1);
    expect(calls[0]?.heard).toEqual(['start', 'STREAM_LIMIT']);
  });

  test('is nothing to a call that ends before: no timer is left of it', () => {
    const { clock, calls, call } = world();
    call('Get', [], clock.now() + 10_000);
    calls[0]?.options.onEnd({ status: GrpcStatus.OK, by: 'backend' });
    expect(clock.activeTimers).toBe(0);
  });
});

test('over the budget calls are held; when it lasts, new ones are refused', () => {
  const { clock, calls, server, call } = world();
  call();
  server.hold();
  call();
  expect(calls.map(({ heard }) => heard)).toEqual([
    ['start', 'hold'],
    ['hold', 'start'],
  ]);
  clock.advance(1_000);
  expect(call().stream.code).toBe('OVERLOADED');
  server.release();
  expect(call().stream.code).toBeUndefined();
  expect(calls[0]?.heard).toEqual(['start', 'hold', 'release']);
});

test('levels: what is under way and held, what ended how and took how long', () => {
  const { clock, calls, durations, server, call } = world();
  call('Get');
  call('Get');
  clock.advance(250);
  calls[0]?.options.onEnd({ status: GrpcStatus.OK, by: 'backend' });
  expect(durations).toEqual([250]);
  const [stock] = server.levels;
  expect(stock).toMatchObject({ name: 'stock', calls: 1, heldUpBytes: 3, heldDownBytes: 4 });
  expect(stock?.methods).toMatchObject([{ method: `${SERVICE}/Get`, open: 1 }]);
  expect(stock?.methods[0]?.ended).toEqual(new Map([['OK', 1]]));
});

test('methods that clients make up don’t make labels without end', () => {
  const { server, calls, call } = world(everybody, { maxCalls: 1_000 });
  for (let n = 0; n < 300; n += 1) call(`Made${n}`);
  for (const each of calls) each.options.onEnd({ status: 99, by: 'backend' });
  const methods = server.levels[0]?.methods ?? [];
  expect(methods).toHaveLength(257);
  expect(methods.at(-1)).toMatchObject({ method: 'other', open: 0, ended: new Map([['UNKNOWN', 44]]) });
});

test('drain: none comes in, those under way may finish, then they are ended', async () => {
  const { clock, calls, server, call } = world();
  call();
  let drained = false;
  const done = server.drain(5_000).then(() => {
    drained = true;
  });
  expect(call().stream.code).toBe('DRAINING');
  clock.advance(4_999);
  expect([drained, calls[0]?.heard]).toEqual([false, ['start']]);
  clock.advance(1);
  expect(calls[0]?.heard).toEqual(['start', 'DRAINING']);
  await done;
  expect(clock.activeTimers).toBe(0);
});

test('destroy: nothing is left, of those that are asked about neither', () => {
  const gate = new SlowGate();
  const asked = world(gate);
  const waiting = asked.call();
  asked.server.destroy();
  expect(waiting.stream.wasReset).toBe(true);
  expect(asked.clock.activeTimers).toBe(0);
  const { clock, calls, server, call } = world();
  call();
  server.destroy();
  server.destroy();
  expect(calls[0]?.heard).toEqual(['start', 'DRAINING']);
  expect([server.size, clock.activeTimers]).toEqual([0, 0]);
});

test('the caller is told as the gateway knows it, in what a header may hold', () => {
  const { calls, call } = world();
  call('Get', [
    ['x-client-id', 'zoë 100%'],
    ['x-forwarded-for', '192.0.2.1'],
    ['x-forwarded-for', '192.0.2.2'],
  ]);
  expect(calls[0]?.options.extraHeaders).toEqual([
    ['x-client-id', 'zo%C3%AB%20100%25'],
    ['x-client-class', 'default'],
    ['x-forwarded-for', '192.0.2.1, 192.0.2.2, 10.0.0.9'],
  ]);
});
