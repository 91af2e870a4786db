import { once } from 'node:events';
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import {
  type handleBidiStreamingCall,
  Server,
  ServerCredentials,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { describe, expect, it, type TestContext } from 'vitest';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { boundedCalls } from '../../../src/transport/grpc/bounded-call.js';
import { frame, RawCall } from '../../helpers/raw-http2-call.js';

const asIs = (bytes: Buffer): Buffer => bytes;

function method(name: string, requestStream: boolean, responseStream: boolean): ServiceDefinition[string] {
  return {
    path: `/test.Service/${name}`,
    requestStream,
    responseStream,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
}

interface Served {
  readonly address: string;
  readonly clock: FakeClock;
  /** Requests that the handler was given, over all calls. */
  readonly taken: () => number;
}

/** Answers each request of `Ask` at once, heedless of whether anybody reads, as reflection does. */
async function serve(context: TestContext, firstMessageTimeoutMs = 10_000): Promise<Served> {
  const clock = new FakeClock();
  let taken = 0;
  const ask: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
    call.on('data', (request: Buffer) => {
      taken += 1;
      call.write(request);
    });
    call.on('end', () => {
      call.end();
    });
  };
  const server = new Server({
    'grpc.enable_channelz': 0,
    interceptors: [boundedCalls({ clock, firstMessageTimeoutMs })],
  });
  server.addService(
    { Ask: method('Ask', true, true), Get: method('Get', false, false) },
    {
      Ask: ask,
      Get: (call: { request: Buffer }, callback: (error: null, answer: Buffer) => void) => {
        taken += 1;
        callback(null, call.request);
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  context.onTestFinished(() => {
    server.forceShutdown();
  });
  return { address: `127.0.0.1:${port}`, clock, taken: () => taken };
}

function open(served: Served, name: string): RawCall {
  return new RawCall(served.address, { ':path': `/test.Service/${name}` });
}

/** Resolves when the server has read what was sent before and its stream has seen it. */
async function roundTrip(session: ClientHttp2Session): Promise<void> {
  if (session.connecting) await once(session, 'connect');
  await new Promise<void>((resolve, reject) => {
    session.ping((error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

/** Resolves when the stream has closed; the server's time passes meanwhile. */
async function closed(call: RawCall, { clock }: Served): Promise<void> {
  await expect
    .poll(() => {
      clock.advance(100);
      return call.stream.closed;
    })
    .toBe(true);
}

async function ask(served: Served, text: string): Promise<string> {
  const call = open(served, 'Ask');
  call.write(frame(Buffer.from(text)));
  call.halfClose();
  const { status, body } = await call.response;
  expect(status).toBe(0);
  return body.subarray(5).toString();
}

describe('a client that asks and does not read', () => {
  it('is read from again only when it takes its answers, and nobody else notices', async (context) => {
    const served = await serve(context);
    // No room for a single byte of an answer.
    const session = connect(`http://${served.address}`, { settings: { initialWindowSize: 0 } });
    session.on('error', () => undefined);
    context.onTestFinished(() => {
      session.destroy();
    });
    const stream: ClientHttp2Stream = session.request({
      ':method': 'POST',
      ':path': '/test.Service/Ask',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let answered = 0;
    stream.on('data', (chunk: Buffer) => {
      answered += chunk.length;
    });
    const request = frame(Buffer.alloc(15));
    for (let n = 0; n < 2_000; n += 1) stream.write(request);
    await expect.poll(served.taken).toBeGreaterThan(16);
    for (const word of ['a', 'by', 'stander']) expect(await ask(served, word)).toBe(word);
    await roundTrip(session);
    // 17, what a stream of Node reads ahead (16), and the bystander's.
    expect(served.taken()).toBeLessThanOrEqual(17 + 16 + 3);
    expect(answered).toBe(0);

    session.settings({ initialWindowSize: 65_535 });
    await expect.poll(() => answered, { timeout: 10_000 }).toBe(2_000 * request.length);
    expect(served.taken()).toBe(2_003);
  });

  it('may bring 10,000 messages a call', async (context) => {
    const served = await serve(context);
    const call = open(served, 'Ask');
    call.write(Buffer.concat(Array.from({ length: 10_001 }, () => frame(Buffer.from('x')))));
    await call.responded();
    const ended = call.response;
    await expect.poll(served.taken).toBe(10_000);
    await closed(call, served);
    expect(await ended).toMatchObject({
      status: 8,
      message: 'One call may bring 10000 messages at most; go on with another call.',
    });
    expect(served.taken()).toBe(10_000);
    expect(served.clock.pending).toBe(0);
  });
});

describe('a call that brings no request', () => {
  it.for([
    ['Ask', 'nothing', Buffer.alloc(0)],
    ['Ask', 'half a message', frame(Buffer.alloc(9)).subarray(0, 8)],
    ['Get', 'nothing', Buffer.alloc(0)],
    ['Get', 'a message but no end', frame(Buffer.alloc(9))],
  ] as const)(
    '%s ends in time with %s, though the client never half-closes',
    async ([name, , bytes], context) => {
      const served = await serve(context);
      const call = open(served, name);
      if (bytes.length > 0) call.write(bytes);
      await roundTrip(call.session);
      served.clock.advance(9_999);
      await roundTrip(call.session);
      expect(call.stream.closed).toBe(false);
      served.clock.advance(1);
      await closed(call, served);
      expect(await call.response).toMatchObject({
        status: 4,
        message:
          'The call did not bring its request within 10000 ms of its opening (stream.firstMessageTimeout).',
        rstCode: 0,
      });
      expect(served.taken()).toBe(0);
      expect(served.clock.pending).toBe(0);
    },
  );

  it('may take for ever where there is no limit', async (context) => {
    const served = await serve(context, 0);
    const call = open(served, 'Ask');
    await roundTrip(call.session);
    expect(served.clock.pending).toBe(0);
    call.halfClose();
    expect(await call.response).toMatchObject({ status: 0 });
  });
});

it('a call that brought its first message in time may stay', async (context) => {
  const served = await serve(context);
  const call = open(served, 'Ask');
  call.write(frame(Buffer.from('first')));
  await expect.poll(served.taken).toBe(1);
  expect(served.clock.pending).toBe(0);
  served.clock.advance(3_600_000);
  call.write(frame(Buffer.from('second')));
  call.halfClose();
  const { status, body } = await call.response;
  expect(status).toBe(0);
  expect(body).toEqual(Buffer.concat([frame(Buffer.from('first')), frame(Buffer.from('second'))]));
});

it('a call that its client leaves, before its request or with an answer, leaves no timer', async (context) => {
  const served = await serve(context);
  const gone = open(served, 'Ask');
  await roundTrip(gone.session);
  expect(served.clock.pending).toBe(1);
  gone.stream.close(8);
  await expect.poll(() => served.clock.activeTimers).toBe(0);

  const got = open(served, 'Get');
  got.write(frame(Buffer.from('what')));
  got.halfClose();
  expect(await got.response).toMatchObject({ status: 0, body: frame(Buffer.from('what')) });
  served.clock.runImmediates();
  expect(served.clock.pending).toBe(0);
});
