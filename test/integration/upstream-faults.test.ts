import * as grpc from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { connect } from '../../src/client/index.js';
import { SluiceError } from '../../src/core/errors.js';
import { encodeStatusDetails } from '../../src/wire/status-details.js';
import { type GatewayUnderTest, startGateway } from '../helpers/gateway.js';
import { accepts, type Behaviour, echoes, isSilent, SessionBackend } from '../helpers/session-backend.js';
import { settled } from '../helpers/settled.js';
import { upstreamSettings } from '../helpers/upstream-settings.js';

/** A port at which nobody listens: of a backend that has gone. */
async function deadAddress(): Promise<string> {
  const backend = await SessionBackend.start(accepts);
  await backend[Symbol.asyncDispose]();
  return backend.address;
}

function gatewayTo(addresses: readonly string[], own: object = {}): Promise<GatewayUnderTest> {
  return startGateway(upstreamSettings(addresses, own));
}

/** Until it holds; the test's own time limit is the only one. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

const lines = (under: GatewayUnderTest, message: string): readonly object[] =>
  under.log.filter((line) => line.message === message).map(({ fields }) => fields);

describe('while no backend is there', () => {
  test('messages wait, and go to the first that comes', async () => {
    const gone = await SessionBackend.start(accepts);
    await gone[Symbol.asyncDispose]();
    await using under = await gatewayTo([gone.address]);
    await using client = connect(under.address);
    const session = await client.open('up');
    const sent = session.sendAndWait('one');
    await until(() => under.gateway.upstreams[0]?.waiting === 1);
    await using back = await SessionBackend.start(accepts, { port: gone.port });
    await sent;
    expect(back.last.open).toMatchObject({ resume: false });
    expect(lines(under, 'a backend takes no new sessions')).toMatchObject([{ state: 'unreachable' }]);
    expect(lines(under, 'a backend takes sessions')).toMatchObject([{ state: 'serving' }]);
  });

  test('for so long: what waits fails with advice, what comes fails at once, new sessions are refused; the old one lives on', async () => {
    const address = await deadAddress();
    await using under = await gatewayTo([address], { unavailableAfter: '300ms' });
    await using client = connect(under.address, { openTimeoutMs: 500 });
    const session = await client.open('up');
    const error = { code: 'UPSTREAM_UNAVAILABLE', retryAfterMs: 200 };
    await expect(session.sendAndWait('one')).rejects.toMatchObject(error);
    await expect(session.sendAndWait('two')).rejects.toMatchObject(error);
    await expect(client.open('up')).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' });
    await using back = await SessionBackend.start(accepts, { port: Number(address.split(':')[1]) });
    await until(() => back.calls.length > 0);
    await session.sendAndWait('three');
    // What failed is over: it does not come.
    expect(back.last.texts).toEqual(['three']);
    expect(back.last.received[1]?.sequence).toBe(2);
  });
});

test('a backend that leaves waits for its sessions alone; who comes to its address is seen meanwhile', async () => {
  await using old = await SessionBackend.start(accepts);
  await using under = await gatewayTo([old.address]);
  await using client = connect(under.address);
  const session = await client.open('up');
  await session.sendAndWait('one');
  const left = old.leave();
  await until(() => under.gateway.upstreams[0]?.addresses[0]?.health === 'unreachable');
  await using next = await SessionBackend.start(accepts, { port: old.port });
  await until(() => under.gateway.upstreams[0]?.addresses[0]?.health === 'serving');
  const another = await client.open('up');
  await another.sendAndWait('two');
  expect(next.last.texts).toEqual(['two']);
  await session.sendAndWait('three');
  expect(old.last.texts).toEqual(['one', 'three']);
  await session.close();
  await left;
});

describe('a backend', () => {
  test('that ends the call ends the session, after what it sent', async () => {
    await using backend = await SessionBackend.start((call) => ({
      message: ({ sequence }) => {
        call.write({ type: 'MESSAGE_TYPE_DATA', data: Buffer.from('bye'), ack: sequence });
        call.stream.end();
      },
    }));
    await using under = await gatewayTo([backend.address]);
    await using client = connect(under.address);
    const session = await client.open('up');
    await session.sendAndWait('one');
    const got: string[] = [];
    for await (const { data } of session) got.push(Buffer.from(data).toString());
    expect(got).toEqual(['bye']);
    expect(await session.closed).toMatchObject({ error: undefined });
  });

  test.each([
    [grpc.status.PERMISSION_DENIED, 'PERMISSION_DENIED'],
    [grpc.status.UNAUTHENTICATED, 'PERMISSION_DENIED'],
    [grpc.status.INVALID_ARGUMENT, 'INVALID_MESSAGE'],
    [grpc.status.FAILED_PRECONDITION, 'ROUTE_FAILED'],
  ])('that refuses the session with status %i is not asked twice: %s', async (status, code) => {
    const refuses: Behaviour = (call) => ({
      message: () => {
        call.end(status, 'not you');
      },
    });
    await using one = await SessionBackend.start(refuses);
    await using other = await SessionBackend.start(refuses);
    await using under = await gatewayTo([one.address, other.address]);
    await using client = connect(under.address);
    const session = await client.open('up');
    session.send('one').catch(() => undefined);
    expect(await session.closed).toMatchObject({
      error: { code, message: expect.stringContaining('not you') },
    });
    expect(one.calls.length + other.calls.length).toBe(1);
  });

  test('that speaks of an error of ours in its status chooses the code', async () => {
    const metadata = new grpc.Metadata();
    const error = new SluiceError('OVERLOADED', 'too much', { retryAfterMs: 70 });
    metadata.set('grpc-status-details-bin', Buffer.from(encodeStatusDetails(error)));
    await using backend = await SessionBackend.start((call) => ({
      message: () => {
        call.end(grpc.status.RESOURCE_EXHAUSTED, 'too much', metadata);
      },
    }));
    await using under = await gatewayTo([backend.address]);
    await using client = connect(under.address);
    const session = await client.open('up');
    session.send('one').catch(() => undefined);
    expect(await session.closed).toMatchObject({ error: { code: 'OVERLOADED' } });
  });

  test('fails a message alone, with a code of its own or of ours', async () => {
    await using backend = await SessionBackend.start((call) => ({
      message: ({ sequence, data }) => {
        const says = data.toString();
        if (says === 'fine') call.ack(sequence);
        else call.fail(sequence, says, `no ${says}`);
      },
    }));
    await using under = await gatewayTo([backend.address]);
    await using client = connect(under.address);
    const session = await client.open('up');
    const fates = await Promise.allSettled(
      ['fine', 'MY_OWN', 'RATE_LIMITED', 'fine'].map((each) => session.sendAndWait(each)),
    );
    expect(fates.map((fate) => (fate.status === 'fulfilled' ? 'done' : fate.reason.code))).toEqual([
      'done',
      'ROUTE_FAILED',
      'RATE_LIMITED',
      'done',
    ]);
    expect(fates[1]).toMatchObject({ reason: { message: expect.stringContaining('no MY_OWN') } });
  });

  test('that accepts and never answers loses the session to another', async () => {
    await using silent = await SessionBackend.start(isSilent);
    await using well = await SessionBackend.start(accepts, { statuses: { '': 'NOT_SERVING' } });
    await using under = await gatewayTo([silent.address, well.address], { ackTimeout: '300ms' });
    await using client = connect(under.address);
    const session = await client.open('up');
    const sent = session.sendAndWait('one');
    await silent.until(() => silent.calls[0]?.texts.length === 1);
    silent.setStatus('NOT_SERVING');
    well.setStatus('SERVING');
    await sent;
    expect(well.last.open).toMatchObject({ resume: true, attempt: 2, afterSequence: 0 });
    await silent.until(() => silent.calls[0]?.cancelled);
    expect(under.gateway.upstreams[0]).toMatchObject({ ackTimeouts: 1, messagesRepeated: 1 });
  });

  test('that stream after stream ends over the same message is spared it', async () => {
    await using backend = await SessionBackend.start((call) => ({
      message: ({ sequence, data }) => {
        if (data.toString() === 'poison') call.end(grpc.status.UNKNOWN, 'it crashed');
        else call.ack(sequence);
      },
    }));
    await using under = await gatewayTo([backend.address], { maxAttempts: 3 });
    await using client = connect(under.address);
    const session = await client.open('up');
    const fates = await Promise.allSettled(
      ['fine', 'poison', 'fine'].map((each) => session.sendAndWait(each)),
    );
    expect(fates).toMatchObject([
      { status: 'fulfilled' },
      { reason: { code: 'ROUTE_FAILED' } },
      { status: 'fulfilled' },
    ]);
    expect(backend.calls.filter(({ texts }) => texts.includes('poison'))).toHaveLength(3);
    // What one session's message does is no fault of the address.
    expect(under.gateway.upstreams[0]?.addresses[0]).toMatchObject({ breaker: 'closed' });
  });

  test('that is not serving gets no new sessions, and keeps those it has', async () => {
    await using one = await SessionBackend.start(echoes);
    await using under = await gatewayTo([one.address]);
    await using client = connect(under.address);
    const session = await client.open('up');
    await session.sendAndWait('one');
    one.setStatus('NOT_SERVING');
    await until(() => under.gateway.upstreams[0]?.addresses[0]?.health === 'not-serving');
    await session.sendAndWait('two');
    const later = await client.open('up');
    const sent = later.sendAndWait('three');
    await until(() => under.gateway.upstreams[0]?.waiting === 1);
    expect(one.calls).toHaveLength(1);
    one.setStatus('SERVING');
    await sent;
    expect(one.calls).toHaveLength(2);
  });

  test('without a health service is taken to be well while it can be connected to', async () => {
    const mute = await SessionBackend.start(accepts, { health: false });
    await using under = await gatewayTo([mute.address]);
    await using client = connect(under.address);
    const session = await client.open('up');
    await session.sendAndWait('one');
    expect(under.gateway.upstreams[0]?.addresses[0]).toMatchObject({ health: 'unwatched' });
    await mute[Symbol.asyncDispose]();
    const sent = session.sendAndWait('two');
    await until(() => under.gateway.upstreams[0]?.addresses[0]?.health === 'unreachable');
    await using back = await SessionBackend.start(accepts, { health: false, port: mute.port });
    await sent;
    expect(back.last.texts).toEqual(['two']);
  });

  test('that speaks another protocol is told of in the log, and its circuit breaker opens', async () => {
    const server = new grpc.Server();
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    const own = { unavailableAfter: '500ms', breakerFailures: 2 };
    await using under = await gatewayTo([`127.0.0.1:${String(port)}`], own);
    await using client = connect(under.address);
    const session = await client.open('up');
    await expect(session.sendAndWait('one')).rejects.toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' });
    expect(lines(under, 'a backend takes no new sessions')).toMatchObject([
      {
        state: 'breaker open',
        address: `127.0.0.1:${String(port)}`,
        reason: expect.stringContaining('does not serve /sluice.v1.SessionService/Handle'),
      },
    ]);
    server.forceShutdown();
  });

  test('that acknowledges what it was not sent loses the stream, and nobody else is hurt', async () => {
    await using liar = await SessionBackend.start((call) => ({
      message: ({ sequence, data }) => {
        call.ack(data.toString() === 'lie' && call.open.attempt === 1 ? sequence + 1 : sequence);
      },
    }));
    await using under = await gatewayTo([liar.address]);
    await using client = connect(under.address);
    const [bystander, session] = [await client.open('up'), await client.open('up')];
    await bystander.sendAndWait('one');
    await session.sendAndWait('lie');
    await bystander.sendAndWait('two');
    expect(under.gateway.upstreams[0]).toMatchObject({ offences: 1 });
    expect(liar.calls).toHaveLength(3);
  });

  test('that floods with what says nothing loses the stream', async () => {
    await using loud = await SessionBackend.start((call) => ({
      message: ({ sequence }) => {
        if (call.open.attempt === 1)
          for (let n = 0; n < 2_000; n += 1) call.write({ type: 'MESSAGE_TYPE_HEARTBEAT' });
        else call.ack(sequence);
      },
    }));
    await using under = await gatewayTo([loud.address]);
    await using client = connect(under.address);
    const session = await client.open('up');
    await session.sendAndWait('one');
    expect(under.gateway.upstreams[0]).toMatchObject({ offences: 1 });
  });

  test('that sends more than is taken from it ends the session', async () => {
    await using large = await SessionBackend.start((call) => ({
      message: () => {
        call.write({ type: 'MESSAGE_TYPE_DATA', data: Buffer.alloc(4_096) });
      },
    }));
    await using under = await gatewayTo([large.address], { maxMessageSize: '2KiB' });
    await using client = connect(under.address);
    const session = await client.open('up');
    session.send('one').catch(() => undefined);
    const { error } = await session.closed;
    expect(error).toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
    expect(String(error)).not.toContain(large.address);
  });

  test('that dies within a payload leaves no half of it', async () => {
    await using backend = await SessionBackend.start((call) => ({
      message: ({ sequence }) => {
        if (call.open.attempt === 1) {
          call.write({ type: 'MESSAGE_TYPE_DATA', data: Buffer.from('half'), more: true });
          call.end(grpc.status.UNAVAILABLE, 'leaving');
          return;
        }
        call.write({ type: 'MESSAGE_TYPE_DATA', data: Buffer.from('wh'), more: true });
        call.write({ type: 'MESSAGE_TYPE_DATA', data: Buffer.from('ole'), ack: sequence });
      },
    }));
    await using under = await gatewayTo([backend.address]);
    await using client = connect(under.address);
    const session = await client.open('up');
    await session.sendAndWait('one');
    for await (const { data } of session) {
      expect(Buffer.from(data).toString()).toBe('whole');
      break;
    }
  });
});

test('a client that does not read stops its backend, and no other session: what is on the way is bounded', async () => {
  let written = 0;
  await using backend = await SessionBackend.start((call) => ({
    message: ({ data: says, sequence }) => {
      if (says.toString() !== 'flood') {
        call.write({ type: 'MESSAGE_TYPE_DATA', data: Buffer.alloc(8_192), ack: sequence });
        return;
      }
      const data = Buffer.alloc(8_192);
      const flood = (): void => {
        while (!call.cancelled && !call.halfClosed) {
          written += data.length;
          if (!call.write({ type: 'MESSAGE_TYPE_DATA', data })) return;
        }
      };
      call.stream.on('drain', flood);
      flood();
    },
  }));
  await using under = await gatewayTo([backend.address], { streamWindow: '64KiB' });
  await using client = connect(under.address);
  const session = await client.open('up', { window: { messages: 256, bytes: 1024 * 1024 } });
  await session.send('flood');
  const most = await settled(() => written);
  // What waits for the client (2 MiB), its window, and what is between backend and gateway.
  expect(most).toBeLessThan(6 * 1024 * 1024);
  // Another one, on the same network connection, gets far more through than fits its flow control.
  const other = await client.open('up');
  const answers = other[Symbol.asyncIterator]();
  for (let n = 0; n < 200; n += 1) {
    await other.send('more');
    expect((await answers.next()).done).toBe(false);
  }
  let taken = 0;
  for await (const { data } of session) {
    taken += data.byteLength;
    if (taken > most) break;
  }
  // It went on.
  expect(written).toBeGreaterThan(most);
  // It does not stop by itself.
  await client.close({ graceMs: 0 });
});
