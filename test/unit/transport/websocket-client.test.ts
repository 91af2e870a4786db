import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GrpcStatus } from '../../../src/core/errors.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import type { CallMetadata, Connector } from '../../../src/transport/client-contract.js';
import { webSocketDial } from '../../../src/transport/websocket-client/dial.js';
import { canBeShown } from '../../../src/transport/websocket-client/socket-request.js';
import { batchSize, encodeBatch } from '../../../src/wire/codec.js';
import { controlMessage, type DataMessage, dataMessage } from '../../../src/wire/messages.js';
import { FakeWebSocket } from '../../helpers/fake-web-socket.js';
import { RecordingCall, RecordingStream } from '../../helpers/recording-stream.js';
import { welcomeOf } from '../../helpers/scripted-connector.js';

const CONNECT_TIMEOUT_MS = 9_000;
const KIB = 1_024;

let clock: FakeClock;
let connector: Connector;

beforeEach(() => {
  clock = new FakeClock();
  FakeWebSocket.made.length = 0;
  FakeWebSocket.refusal = undefined;
  connector = dial('ws://gateway');
});

afterEach(() => {
  connector.close();
  clock.runImmediates();
  expect(clock.pending).toBe(0);
});

function dial(address: string): Connector {
  return webSocketDial({ clock, WebSocket: FakeWebSocket, connectTimeoutMs: CONNECT_TIMEOUT_MS })(address);
}

function message(text: string): DataMessage {
  return dataMessage({ sessionId: 's', sequence: 1, data: new TextEncoder().encode(text) });
}

function errorControl(code: string, text: string, retryAfterMs = 0): DataMessage {
  return controlMessage({ action: 'error', code, message: text, sequence: 0, retryAfterMs });
}

function stream(method: 'StreamData' | 'StreamBatches' = 'StreamData', metadata: CallMetadata = {}) {
  const recorded = new RecordingStream(connector, method, metadata);
  return { recorded, socket: FakeWebSocket.last };
}

function call(method: 'Publish' | 'Subscribe' | 'Ingest') {
  const recorded = new RecordingCall();
  const client = connector.call(method, {}, recorded);
  return { recorded, client, socket: FakeWebSocket.last };
}

describe('an address', () => {
  it.each([
    ['wss://host', 'wss://host'],
    ['ws://host:8080/', 'ws://host:8080'],
    ['https://host/sluice/', 'wss://host/sluice'],
    ['http://[::1]:8080', 'ws://[::1]:8080'],
  ])('%s', (text, address) => {
    expect(dial(text).address).toBe(address);
  });

  it.each(['localhost:50051', 'grpcs://host', '/', '', 'unix:/socket', 'ws://host?x=1', 'ws://host#x'])(
    'is not %j, outside of a page',
    (text) => {
      expect(() => dial(text)).toThrow(
        `${JSON.stringify(text)} is no address for a WebSocket: expected is wss://host`,
      );
    },
  );

  it('has no password, and what is said of it has none either', () => {
    expect(() => dial('wss://ann:secret@host')).toThrow(/^The address has a name or a password in it/);
  });

  it('is a path where there is a page', () => {
    Object.assign(globalThis, { location: { href: 'https://shop.example/cart?x#y' } });
    try {
      expect(dial('/').address).toBe('wss://shop.example');
      expect(dial('/live').address).toBe('wss://shop.example/live');
    } finally {
      Reflect.deleteProperty(globalThis, 'location');
    }
  });
});

describe('what a WebSocket asks for', () => {
  it('has a path for each method, and binary messages', () => {
    for (const [method, path] of [
      ['StreamData', 'stream'],
      ['StreamBatches', 'batches'],
    ] as const) {
      expect(stream(method).socket).toMatchObject({
        url: `ws://gateway/v1/${path}`,
        protocols: ['sluice.v1.proto'],
        binaryType: 'arraybuffer',
      });
    }
    for (const method of ['Publish', 'Subscribe', 'Ingest'] as const) {
      expect(call(method).socket.url).toBe(`ws://gateway/v1/${method.toLowerCase()}`);
    }
  });

  it('shows metadata in the query, and a token among the subprotocols', () => {
    const { socket } = stream('StreamData', {
      'x-client-id': 'ann & co',
      'x-route': 'echo',
      'x-subject': 'a/b',
      authorization: 'Bearer ~~~???',
    });
    expect(socket.url).toBe('ws://gateway/v1/stream?client_id=ann+%26+co&route=echo&subject=a%2Fb');
    expect(socket.protocols).toEqual(['sluice.v1.proto', 'sluice.v1.bearer.fn5-Pz8_']);
  });

  it('has no place for anything else', () => {
    expect(canBeShown('x-subject', 'a')).toBe(true);
    expect(canBeShown('authorization', 'Bearer a')).toBe(true);
    expect(canBeShown('authorization', 'Basic a')).toBe(false);
    expect(canBeShown('traceparent', 'a')).toBe(false);
  });
});

describe('a stream', () => {
  it('sends what was given before it was open, a message each', () => {
    const { recorded, socket } = stream();
    expect(recorded.send(message('a'), message('b'))).toBe(true);
    expect(socket.sent).toEqual([]);
    socket.opens();
    recorded.send(message('c'));
    expect(socket.messages.map(({ data }) => Buffer.from(data).toString())).toEqual(['a', 'b', 'c']);
    recorded.cancel();
  });

  it('sends batches no larger than the gateway takes', () => {
    const { recorded, socket } = stream('StreamBatches');
    socket.opens();
    const many = Array.from({ length: 8 }, () => message('x'.repeat(600)));
    recorded.send(...many);
    expect(socket.sent.length).toBe(8);
    const welcome = [controlMessage(welcomeOf({ maxMessageBytes: 64 * KIB }))];
    const body = new Uint8Array(batchSize(welcome));
    encodeBatch(welcome, body, 0);
    socket.brings(body.buffer);
    expect(recorded.messages).toEqual(welcome);
    recorded.send(...many);
    expect(socket.sent.length).toBe(9);
    recorded.cancel();
  });

  it('makes its sender wait for what the network has not taken, and looks for room less and less often', async () => {
    const { recorded, socket } = stream();
    socket.opens();
    expect(recorded.send(message('a'))).toBe(true);
    expect(clock.activeTimers).toBe(0);
    socket.bufferedAmount = 200 * KIB;
    expect(recorded.send(message('b'))).toBe(false);
    await clock.advanceAsync(10_000);
    expect(recorded.writables).toBe(0);
    expect(clock.nextTimerInMs).toBeLessThanOrEqual(128);
    // Something moves: it is looked at again soon.
    socket.bufferedAmount = 100 * KIB;
    await clock.advanceAsync(clock.nextTimerInMs ?? 0);
    expect(clock.nextTimerInMs).toBeLessThanOrEqual(4);
    socket.bufferedAmount = 0;
    await clock.advanceAsync(4);
    expect(recorded.writables).toBe(1);
    expect(clock.activeTimers).toBe(0);
    recorded.cancel();
  });

  it('says that nothing more will be sent, and ends OK when the gateway has ended it', () => {
    const { recorded, socket } = stream();
    socket.opens();
    recorded.halfClose();
    recorded.halfClose();
    expect(recorded.send(message('late'))).toBe(false);
    expect(socket.messages).toEqual([controlMessage({ action: 'close' })]);
    socket.says(message('still'));
    socket.closes(1000);
    expect(recorded.texts).toEqual(['still']);
    expect(recorded.end).toEqual({ status: GrpcStatus.OK, message: '' });
  });

  it('is given up at once, and told so in a later turn', () => {
    const { recorded, socket } = stream();
    socket.opens();
    recorded.cancel();
    recorded.cancel();
    expect(socket.closedWith).toBe(1000);
    expect(recorded.end).toBeUndefined();
    socket.says(message('late'));
    socket.closes(1000);
    clock.runImmediates();
    expect(recorded.end).toMatchObject({ status: GrpcStatus.CANCELLED });
    expect(recorded.messages).toEqual([]);
  });

  it.each([
    ['text', 'hello'],
    ['no protobuf', new Uint8Array([0xff]).buffer],
  ])('is given up for %s', (_, data) => {
    const { recorded, socket } = stream();
    socket.opens();
    socket.brings(data);
    clock.runImmediates();
    expect(recorded.end).toMatchObject({ status: GrpcStatus.INTERNAL, unreadable: true });
    expect(socket.closedWith).toBe(1000);
  });
});

describe('the end of a connection', () => {
  it('has its code, its sentence and its advice in the close', () => {
    const { recorded, socket } = stream();
    socket.opens();
    socket.closes(4029, 'OVERLOADED (retry after 5000 ms): The gateway holds too much.');
    expect(recorded.end).toEqual({
      status: GrpcStatus.UNKNOWN,
      code: 'OVERLOADED',
      message: 'The gateway holds too much.',
      retryAfterMs: 5_000,
    });
  });

  it('has its whole sentence in the Error before it, which is not told by itself', () => {
    const { recorded, socket } = stream();
    socket.opens();
    socket.says(errorControl('UNAUTHENTICATED', 'A whole sentence, longer than a close frame.', 1_000));
    socket.closes(4001, 'UNAUTHENTICATED: A whole sent');
    expect(recorded.messages).toEqual([]);
    expect(recorded.end).toEqual({
      status: GrpcStatus.UNKNOWN,
      code: 'UNAUTHENTICATED',
      message: 'A whole sentence, longer than a close frame.',
      retryAfterMs: 1_000,
    });
  });

  it('leaves an Error that nothing follows what it is', async () => {
    const { recorded, socket } = stream();
    socket.opens();
    const error = errorControl('AUTH_UNAVAILABLE', 'Not now.');
    socket.says(error);
    expect(recorded.messages).toEqual([]);
    socket.says(message('a'));
    expect(recorded.messages).toEqual([error, message('a')]);
    socket.says(error);
    await clock.advanceAsync(1_000);
    expect(recorded.messages).toEqual([error, message('a'), error]);
    socket.says(error);
    socket.closes(1006);
    expect(recorded.messages).toHaveLength(4);
    expect(recorded.end).toMatchObject({ broken: true });
  });

  it('knows a code of a later gateway by its name, and one without a name by its number', () => {
    const later = stream();
    later.socket.opens();
    later.socket.closes(4_099, 'LATER_CODE: Something new.');
    expect(later.recorded.end).toEqual({
      status: GrpcStatus.UNKNOWN,
      code: 'LATER_CODE',
      message: 'Something new.',
    });
    const proxy = stream();
    proxy.socket.opens();
    proxy.socket.closes(1001);
    expect(proxy.recorded.end).toEqual({
      status: GrpcStatus.UNAVAILABLE,
      message: 'The WebSocket was closed with code 1001',
    });
  });

  it('is a broken network where no close came', () => {
    const { recorded, socket } = stream();
    socket.opens();
    socket.closes(1006);
    expect(recorded.end).toEqual({
      status: GrpcStatus.UNAVAILABLE,
      message: 'The connection to ws://gateway was lost.',
      broken: true,
    });
  });
});

describe('where no WebSocket comes to be', () => {
  it('tells what can be told: in a browser nothing', () => {
    const { recorded, socket } = stream('StreamData', { 'x-client-id': 'ann' });
    socket.fails();
    expect(recorded.end).toMatchObject({ status: GrpcStatus.UNAVAILABLE, failure: 'unreachable' });
    expect(recorded.end?.message).toMatch(
      /^No WebSocket could be opened to ws:\/\/gateway\/v1\/stream: the browser does not say why/,
    );
    const node = stream();
    node.socket.fails('connect ECONNREFUSED 127.0.0.1:1');
    expect(node.recorded.end?.message).toContain('connect ECONNREFUSED 127.0.0.1:1');
  });

  it('gives up a handshake that takes too long', async () => {
    const { recorded, socket } = stream();
    await clock.advanceAsync(CONNECT_TIMEOUT_MS);
    expect(recorded.end).toMatchObject({ failure: 'unreachable' });
    expect(recorded.end?.message).toContain('nobody answered within 9000 ms (connectTimeoutMs)');
    expect(socket.closedWith).toBe(1000);
  });

  it('takes nobody for a gateway who does not choose the subprotocol', () => {
    const { recorded, socket } = stream();
    socket.opens('');
    expect(recorded.end).toMatchObject({ failure: 'not-sluice' });
    expect(socket.closedWith).toBe(1000);
  });

  it('tells what the platform refuses', () => {
    const refusal = new Error('An insecure WebSocket connection may not be initiated.');
    refusal.name = 'SecurityError';
    FakeWebSocket.refusal = refusal;
    const recorded = new RecordingStream(connector, 'StreamData');
    expect(recorded.end).toBeUndefined();
    clock.runImmediates();
    expect(recorded.end).toMatchObject({ failure: 'tls-mismatch' });
    expect(recorded.end?.message).toContain('An insecure WebSocket');
  });

  it('begins nothing once the connector is closed', () => {
    connector.close();
    const recorded = new RecordingStream(connector, 'StreamData');
    clock.runImmediates();
    expect(FakeWebSocket.made).toEqual([]);
    expect(recorded.end).toMatchObject({ status: GrpcStatus.CANCELLED });
  });
});

describe('a call', () => {
  it('is half-closed by its only message, Ingest by a Close', () => {
    for (const method of ['Publish', 'Subscribe'] as const) {
      const { client, socket } = call(method);
      client.send(Buffer.from('request'));
      client.halfClose();
      socket.opens();
      expect(socket.sent).toHaveLength(1);
      client.cancel();
    }
    const { client, socket } = call('Ingest');
    client.halfClose();
    client.halfClose();
    socket.opens();
    expect(socket.messages).toEqual([controlMessage({ action: 'close' })]);
    client.cancel();
  });

  it('holds what comes while it is paused, in order, and its end behind it', () => {
    const { recorded, client, socket } = call('Subscribe');
    socket.opens();
    client.pause();
    socket.says(message('a'));
    socket.says(message('b'));
    socket.closes(1000);
    expect(recorded.bodies).toEqual([]);
    expect(recorded.end).toBeUndefined();
    client.resume();
    clock.runImmediates();
    expect(recorded.bodies).toHaveLength(2);
    expect(recorded.end).toEqual({ status: GrpcStatus.OK, message: '' });
  });

  it('closes the WebSocket where too much comes meanwhile, and is broken once it is read again', () => {
    const { recorded, client, socket } = call('Subscribe');
    socket.opens();
    client.pause();
    for (let count = 0; count <= 256; count += 1) socket.says(message('a'));
    expect(socket.closedWith).toBe(1000);
    clock.runImmediates();
    expect(recorded.end).toBeUndefined();
    client.resume();
    clock.runImmediates();
    expect(recorded.bodies).toHaveLength(257);
    expect(recorded.end).toMatchObject({ broken: true });
  });

  it('can be given up while it holds something', () => {
    const { recorded, client, socket } = call('Subscribe');
    socket.opens();
    client.pause();
    for (let count = 0; count <= 256; count += 1) socket.says(message('a'));
    clock.runImmediates();
    client.cancel();
    clock.runImmediates();
    expect(recorded.bodies).toEqual([]);
    expect(recorded.end).toMatchObject({ broken: true });
  });

  it('of a topic has its whole sentence in the Error before the close', () => {
    const { recorded, socket } = call('Subscribe');
    socket.opens();
    socket.says(errorControl('PERMISSION_DENIED', 'permission subscribe:board/news is missing'));
    socket.closes(4003, 'PERMISSION_DENIED: permission');
    expect(recorded.end).toMatchObject({
      status: GrpcStatus.UNKNOWN,
      message: 'permission subscribe:board/news is missing',
    });
  });
});
