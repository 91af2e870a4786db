/** What every transport promises (src/transport/contract.ts), as its users see it. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test as judged } from 'vitest';
import { GrpcStatus, SluiceError } from '../../../src/core/errors.js';
import type { CallMethod, StreamMethod } from '../../../src/transport/contract.js';
import { controlMessage, type DataMessage, dataMessage } from '../../../src/wire/messages.js';
import { RecordingAcceptor, type RecordingReceiver } from '../../helpers/recording-receiver.js';
import type { ConformanceClient, ConnectOptions, RunningTransport, TransportHarness } from './harness.js';

const MAX_MESSAGE_BYTES = 5 * 1024 * 1024;
const KIB = 1024;
const METHODS: readonly StreamMethod[] = ['StreamData', 'StreamBatches'];
const ONE_REQUEST: readonly CallMethod[] = ['Publish', 'Subscribe'];

function numbered(count: number, bytes = 16): DataMessage[] {
  return Array.from({ length: count }, (_, index) =>
    dataMessage({ sessionId: 's', sequence: index + 1, data: Buffer.alloc(bytes, index) }),
  );
}

function sequencesOf(messages: readonly DataMessage[]): number[] {
  return messages.map((message) => message.sequence);
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

async function receiveMany(client: ConformanceClient, count: number): Promise<DataMessage[]> {
  const received: DataMessage[] = [];
  while (received.length < count) {
    const message = await client.receive();
    if (message === undefined) break;
    received.push(message);
  }
  return received;
}

export function describeTransport(name: string, harness: TransportHarness): void {
  /** Skipped by name, with the reason in it, where the transport can't. */
  function test(title: string, run: () => Promise<void>): void {
    const why = harness.cannot?.get(title);
    if (why === undefined) judged(title, run);
    else judged.skip(`${title} (${why})`, run);
  }
  const statusOfReset = harness.statusOfReset ?? GrpcStatus.CANCELLED;

  describe(name, () => {
    let acceptor: RecordingAcceptor;
    let transport: RunningTransport;

    beforeEach(async () => {
      acceptor = new RecordingAcceptor();
      transport = await harness.start((stream) => acceptor.accept(stream), {
        maxMessageBytes: MAX_MESSAGE_BYTES,
      });
    });

    afterEach(async () => {
      await transport.close();
      expect(acceptor.violations).toEqual([]);
      expect(transport.activeTimers()).toBe(0);
    });

    async function open(
      options: Partial<ConnectOptions> = {},
    ): Promise<[ConformanceClient, RecordingReceiver]> {
      const index = acceptor.receivers.length;
      const client = transport.connect({ method: 'StreamData', ...options });
      return [client, await acceptor.receiver(index)];
    }

    /** When this has resolved, whatever was under way on other streams has had its time. */
    async function barrier(): Promise<void> {
      const { room } = acceptor;
      acceptor.room = 1_000_000;
      const [client, receiver] = await open();
      acceptor.room = room;
      receiver.onBatch = (messages) => {
        receiver.stream.send([...messages]);
      };
      for (let round = 1; round <= 50; round += 1) {
        client.send(dataMessage({ sequence: round }));
        await client.receive();
      }
      client.halfClose();
      await receiver.until(() => receiver.halfClosed);
      receiver.stream.end();
      await client.ended;
      await receiver.closed();
    }

    test('shows no certificate of a client that has shown none', async () => {
      const [client, receiver] = await open();
      expect(receiver.stream.certificate).toBeUndefined();
      client.cancel();
      await receiver.closed();
      expect(receiver.stream.certificate).toBeUndefined();
      await client.ended;
    });

    describe.each(METHODS)('%s', (method) => {
      test('brings messages up, in order, every field', async () => {
        const [client, receiver] = await open({ method });
        const full = dataMessage({
          type: 4,
          sessionId: 'sitzung-ä-€-𝄞',
          sequence: 2 ** 53 - 1,
          ack: 7,
          timestampMs: 1_700_000_000_000,
          data: randomBytes(300),
          metadata: new Map([
            ['a', '1'],
            ['b', ''],
          ]),
          key: 'k',
          more: true,
          ttlMs: 5_000,
        });
        client.send(full);
        client.send(...numbered(500));
        client.halfClose();
        await receiver.until(() => receiver.halfClosed);
        const [first, ...rest] = receiver.messages;
        expect({ ...first, data: Buffer.from(first!.data) }).toEqual({
          ...full,
          data: Buffer.from(full.data),
        });
        expect(sequencesOf(rest)).toEqual(upTo(500));
        receiver.stream.end();
        await client.ended;
      });

      test('brings messages down, in order, then the status', async () => {
        const [client, receiver] = await open({ method });
        for (const message of numbered(10)) receiver.stream.send([message]);
        receiver.stream.send(numbered(3_000).slice(10));
        receiver.stream.end();
        const received = await receiveMany(client, 4_000);
        expect(sequencesOf(received)).toEqual(upTo(3_000));
        const { data } = numbered(3_000)[2_500]!;
        expect(Buffer.from(received[2_500]!.data)).toEqual(Buffer.from(data));
        expect(await client.ended).toMatchObject({ code: GrpcStatus.OK, message: '', details: undefined });
        expect(await receiver.closed()).toBe('ended');
      });

      test('sends within the acceptor, before it returns', async () => {
        acceptor.onAccept = (receiver) => {
          receiver.stream.send(numbered(2));
        };
        const [client, receiver] = await open({ method });
        expect(sequencesOf(await receiveMany(client, 2))).toEqual([1, 2]);
        receiver.stream.end();
        expect((await client.ended).code).toBe(GrpcStatus.OK);
      });

      test('never brings more than there is room for', async () => {
        acceptor.room = 3;
        const [client, receiver] = await open({ method });
        for (let index = 0; index < 100; index += 10) client.send(...numbered(100).slice(index, index + 10));
        client.halfClose();
        await receiver.until(() => receiver.messages.length === 3);
        await barrier();
        expect(receiver.messages.length).toBe(3);
        expect(receiver.halfClosed).toBe(false);
        while (receiver.messages.length < 100) {
          const before = receiver.messages.length;
          receiver.makeRoom(7);
          await receiver.until(() => receiver.messages.length >= Math.min(before + 7, 100));
        }
        await receiver.until(() => receiver.halfClosed);
        expect(sequencesOf(receiver.messages)).toEqual(upTo(100));
        receiver.stream.end();
        await client.ended;
      });

      test('resume within onMessages neither recurses nor loses order', async () => {
        acceptor.room = 1;
        const [client, receiver] = await open({ method });
        let depth = 0;
        receiver.onBatch = () => {
          depth += 1;
          if (depth > 1) receiver.violations.push('onMessages within onMessages');
          receiver.makeRoom(1);
          depth -= 1;
        };
        client.send(...numbered(1_000));
        client.halfClose();
        receiver.stream.resume();
        await receiver.until(() => receiver.halfClosed);
        expect(sequencesOf(receiver.messages)).toEqual(upTo(1_000));
        receiver.stream.end();
        await client.ended;
      });

      test('carries messages of 4.5 MiB both ways', async () => {
        const [client, receiver] = await open({ method });
        const data = randomBytes(4.5 * KIB * KIB);
        client.send(dataMessage({ data }), dataMessage({ sequence: 2 }));
        if (method === 'StreamData') client.send(dataMessage({ data: randomBytes(MAX_MESSAGE_BYTES - 100) }));
        client.halfClose();
        await receiver.until(() => receiver.halfClosed);
        expect(data.equals(receiver.messages[0]!.data)).toBe(true);
        receiver.stream.send(receiver.messages.slice(0, 2));
        receiver.stream.end();
        const [down, last] = await receiveMany(client, 3);
        expect(data.equals(down!.data)).toBe(true);
        expect(last!.sequence).toBe(2);
        expect((await client.ended).code).toBe(GrpcStatus.OK);
      });

      test('refuses a message over the limit, after those before it', async () => {
        const [client, receiver] = await open({ method });
        client.send(...numbered(2));
        await receiver.until(() => receiver.messages.length === 2);
        client.send(dataMessage({ data: randomBytes(6 * KIB * KIB) }));
        const end = await client.ended;
        expect(end.code).toBe(GrpcStatus.RESOURCE_EXHAUSTED);
        expect(end.details).toMatchObject({ reason: 'MESSAGE_TOO_LARGE', domain: 'sluice' });
        if (harness.namesSize ?? true) expect(end.message).toMatch(/\b62914\d\d\b/);
        expect(end.message).toMatch(/\b5242880\b.*server\.maxMessageSize/);
        expect(receiver.invalid?.code).toBe('MESSAGE_TOO_LARGE');
        expect(await receiver.closed()).toBe('ended');
        expect(sequencesOf(receiver.messages)).toEqual([1, 2]);
      });

      test('a client that sends garbage is told so, after what could be read', async () => {
        const [client, receiver] = await open({ method, raw: true });
        client.send(...numbered(3));
        client.sendBytes(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]));
        client.send(dataMessage({ sequence: 4 }));
        const end = await client.ended;
        expect(end.code).toBe(GrpcStatus.INVALID_ARGUMENT);
        expect(end.details).toMatchObject({ reason: 'INVALID_MESSAGE', domain: 'sluice' });
        expect(receiver.invalid?.message).toBe(end.message);
        expect(sequencesOf(receiver.messages)).toEqual([1, 2, 3]);
        expect(await receiver.closed()).toBe('ended');
      });

      test('garbage behind a full receiver waits its turn', async () => {
        acceptor.room = 2;
        const [client, receiver] = await open({ method, raw: true });
        client.send(...numbered(3));
        client.sendBytes(Buffer.from([0x0b]));
        await receiver.until(() => receiver.messages.length === 2);
        await barrier();
        expect(receiver.invalid).toBeUndefined();
        receiver.makeRoom(5);
        expect((await client.ended).details?.reason).toBe('INVALID_MESSAGE');
        expect(sequencesOf(receiver.messages)).toEqual([1, 2, 3]);
      });
    });

    describe.each(ONE_REQUEST)('%s', (method) => {
      test('brings its request as it is, and then the half-close', async () => {
        const [client, receiver] = await open({ method, raw: true });
        // No DataMessage.
        const request = Buffer.from([0xff, 0xff, 7]);
        client.sendBytes(request);
        client.halfClose();
        await receiver.until(() => receiver.halfClosed);
        expect(receiver.stream.method).toBe(method);
        expect(receiver.messages.map(({ data }) => Buffer.from(data))).toEqual([request]);
        receiver.stream.send([dataMessage({ data: Buffer.from('answer') })]);
        receiver.stream.end();
        expect((await client.ended).code).toBe(GrpcStatus.OK);
        expect(await receiver.closed()).toBe('ended');
      });

      for (const count of [0, 2, 3])
        test(`refuses ${count} requests`, async () => {
          const [client, receiver] = await open({ method, raw: true });
          for (let n = 0; n < count; n += 1) client.sendBytes(Buffer.alloc(3));
          client.halfClose();
          const end = await client.ended;
          expect(end.code).toBe(GrpcStatus.UNIMPLEMENTED);
          expect(end.details).toMatchObject({ reason: 'INVALID_MESSAGE', domain: 'sluice' });
          expect(receiver.halfClosed).toBe(false);
          expect(await receiver.closed()).toBe('ended');
        });

      test('refuses one over the limit', async () => {
        const [client, receiver] = await open({ method, raw: true });
        client.sendBytes(Buffer.alloc(MAX_MESSAGE_BYTES + 1));
        const end = await client.ended;
        expect(end.code).toBe(GrpcStatus.RESOURCE_EXHAUSTED);
        expect(end.details).toMatchObject({ reason: 'MESSAGE_TOO_LARGE' });
        await receiver.closed();
      });
    });

    test('Ingest brings messages, and its answer is what stands in the data of one', async () => {
      const [client, receiver] = await open({ method: 'Ingest', raw: true });
      client.send(...numbered(3));
      client.halfClose();
      await receiver.until(() => receiver.halfClosed);
      expect(sequencesOf(receiver.messages)).toEqual(upTo(3));
      receiver.stream.send([dataMessage({ data: Buffer.from('summary') })]);
      receiver.stream.end();
      expect((await client.ended).code).toBe(GrpcStatus.OK);
    });

    test('a message type of the future and an unknown field pass through', async () => {
      const [client, receiver] = await open({ raw: true });
      // type = 99, then field 200 of 2 bytes.
      client.sendBytes(Buffer.from([0x08, 99, 0xc2, 0x0c, 2, 1, 2]));
      client.halfClose();
      await receiver.until(() => receiver.halfClosed);
      expect(receiver.messages).toMatchObject([{ type: 99, sessionId: '' }]);
      receiver.stream.end();
      await client.ended;
    });

    test('a whole batch comes at once, a large one goes down in several', async () => {
      const [client, receiver] = await open({ method: 'StreamBatches' });
      client.send(...numbered(300));
      await receiver.until(() => receiver.messages.length === 300);
      expect(receiver.batches).toEqual([300]);
      receiver.stream.send(numbered(40, 32 * KIB));
      receiver.stream.end();
      expect(sequencesOf(await receiveMany(client, 100))).toEqual(upTo(40));
    });

    test('more than 1,024 messages in a batch are refused', async () => {
      const [client, receiver] = await open({ method: 'StreamBatches', raw: true });
      const entry = Buffer.from([0x0a, 2, 0x18, 1]);
      client.sendBytes(Buffer.concat(Array.from({ length: 1_025 }, () => entry)));
      expect((await client.ended).details?.reason).toBe('INVALID_MESSAGE');
      expect(receiver.messages.length).toBe(1_024);
    });

    test('an empty message and an empty batch', async () => {
      const [data, dataReceiver] = await open({ raw: true });
      data.sendBytes(Buffer.alloc(0));
      data.halfClose();
      await dataReceiver.until(() => dataReceiver.halfClosed);
      expect(dataReceiver.messages).toMatchObject([{ type: 0, sessionId: '' }]);
      dataReceiver.stream.end();
      const [batches, batchReceiver] = await open({ method: 'StreamBatches', raw: true });
      batches.sendBytes(Buffer.alloc(0));
      batches.halfClose();
      await batchReceiver.until(() => batchReceiver.halfClosed);
      expect(batchReceiver.messages).toEqual([]);
      batchReceiver.stream.end();
      await Promise.all([data.ended, batches.ended]);
    });

    test('a client can half-close before its first message', async () => {
      const [client, receiver] = await open();
      client.halfClose();
      await receiver.until(() => receiver.halfClosed);
      receiver.stream.send(numbered(1));
      receiver.stream.end();
      expect(sequencesOf(await receiveMany(client, 2))).toEqual([1]);
      expect(await receiver.closed()).toBe('ended');
    });

    test('shows method, peer and text metadata', async () => {
      const [client, receiver] = await open({
        method: 'StreamBatches',
        metadata: { 'x-client-id': 'anna', authorization: 'Bearer abc', 'trace-bin': 'AAEC' },
      });
      const { stream } = receiver;
      expect(stream.method).toBe('StreamBatches');
      expect(stream.peer).toMatch(/^(127\.0\.0\.1|memory):\d+$/);
      expect(stream.metadata.get('x-client-id')).toBe('anna');
      expect(stream.metadata.get('authorization')).toBe('Bearer abc');
      for (const reserved of [':path', 'content-type', 'te', 'grpc-timeout', 'grpc-accept-encoding']) {
        expect(stream.metadata.has(reserved), reserved).toBe(false);
      }
      stream.end();
      await client.ended;
    });

    test('a receiver without room stops the client; nothing piles up here', async () => {
      acceptor.room = 4;
      const [client, receiver] = await open();
      client.send(...numbered(200, 64 * KIB));
      client.halfClose();
      await receiver.until(() => receiver.messages.length === 4);
      await barrier();
      expect(receiver.messages.length).toBe(4);
      expect(receiver.stream.bytesReceived).toBeLessThan(4 * 64.1 * KIB + harness.readAheadBytes);
      receiver.makeRoom(1_000);
      await receiver.until(() => receiver.halfClosed);
      expect(sequencesOf(receiver.messages)).toEqual(upTo(200));
      expect(receiver.stream.bytesReceived).toBeGreaterThan(200 * 64 * KIB);
      receiver.stream.end();
      await client.ended;
    });

    test('a client that does not read leaves bytes in flight, until it does', async () => {
      const [client, receiver] = await open();
      client.stopReading();
      const { stream } = receiver;
      for (const message of numbered(200, 64 * KIB)) stream.send([message]);
      expect(stream.bytesSent).toBeGreaterThan(200 * 64 * KIB);
      await barrier();
      // A client's own buffers and windows take some.
      expect(stream.bytesInFlight).toBeGreaterThan(100 * 64 * KIB);
      expect(stream.bytesInFlight).toBeLessThanOrEqual(stream.bytesSent);
      client.startReading();
      expect((await receiveMany(client, 200)).length).toBe(200);
      await receiver.until(() => stream.bytesInFlight === 0);
      expect(receiver.written).toBeGreaterThan(0);
      stream.end();
      expect((await client.ended).code).toBe(GrpcStatus.OK);
    });

    test('end waits for a client that reads late', async () => {
      const [client, receiver] = await open();
      client.stopReading();
      receiver.stream.send(numbered(100, 64 * KIB));
      receiver.stream.end();
      await barrier();
      expect(receiver.close).toBeUndefined();
      client.startReading();
      expect(sequencesOf(await receiveMany(client, 200))).toEqual(upTo(100));
      expect((await client.ended).code).toBe(GrpcStatus.OK);
      expect(await receiver.closed()).toBe('ended');
    });

    test('end with an error: status, message and details, after what was sent', async () => {
      const [client, receiver] = await open();
      receiver.stream.send(numbered(5));
      receiver.stream.end(new SluiceError('DRAINING', 'Zurück in 100 % – €, 𝄞\n.', { retryAfterMs: 1_500 }));
      expect((await receiveMany(client, 10)).length).toBe(5);
      expect(await client.ended).toEqual({
        code: GrpcStatus.UNAVAILABLE,
        message: 'Zurück in 100 % – €, 𝄞\n.',
        details: expect.objectContaining({
          code: GrpcStatus.UNAVAILABLE,
          message: 'Zurück in 100 % – €, 𝄞\n.',
          reason: 'DRAINING',
          domain: 'sluice',
          retryAfterMs: 1_500,
        }),
      });
      expect(await receiver.closed()).toBe('ended');
    });

    test('a stream ended by the acceptor is answered with the status alone', async () => {
      acceptor.onAccept = (receiver) => {
        receiver.stream.end(new SluiceError('CONNECTION_LIMIT', 'Full.', { retryAfterMs: 2_000 }));
        receiver.stream.send(numbered(1));
        receiver.stream.end();
      };
      const [client, receiver] = await open();
      client.send(...numbered(1));
      expect(await client.ended).toMatchObject({
        code: GrpcStatus.RESOURCE_EXHAUSTED,
        message: 'Full.',
        details: { reason: 'CONNECTION_LIMIT', retryAfterMs: 2_000 },
      });
      expect(await client.receive()).toBeUndefined();
      expect(await receiver.closed()).toBe('ended');
      expect(receiver.messages).toEqual([]);
      acceptor.onAccept = undefined;
    });

    test('the first end wins; nothing is taken or brought after it', async () => {
      const [client, receiver] = await open();
      client.send(...numbered(1));
      await receiver.until(() => receiver.messages.length === 1);
      receiver.stream.end(new SluiceError('STALE', 'First.'));
      receiver.stream.end(new SluiceError('INTERNAL', 'Second.'));
      receiver.stream.send(numbered(1));
      client.send(...numbered(5));
      receiver.stream.resume();
      expect((await client.ended).message).toBe('First.');
      expect(await client.receive()).toBeUndefined();
      await receiver.closed();
      expect(receiver.messages.length).toBe(1);
    });

    test('end within onMessages stops the reading', async () => {
      const [client, receiver] = await open();
      receiver.onBatch = () => {
        receiver.room = 1_000;
        receiver.stream.end(new SluiceError('RATE_LIMITED', 'Enough.'));
      };
      acceptor.room = 1;
      for (let index = 0; index < 20; index += 1) client.send(...numbered(50));
      expect((await client.ended).message).toBe('Enough.');
      await receiver.closed();
      expect(receiver.batches.length).toBe(1);
    });

    test('a client that goes on sending after the end does not keep the stream', async () => {
      const [client, receiver] = await open();
      client.send(...numbered(10, 64 * KIB));
      await receiver.until(() => receiver.messages.length > 0);
      receiver.stream.end();
      client.send(...numbered(100, 64 * KIB));
      expect((await client.ended).code).toBe(GrpcStatus.OK);
      expect(await receiver.closed()).toBe('ended');
    });

    test('reset ends at once and drops what waits', async () => {
      const [client, receiver] = await open();
      client.stopReading();
      receiver.stream.send(numbered(200, 64 * KIB));
      receiver.stream.end();
      receiver.stream.reset();
      receiver.stream.reset();
      expect(receiver.close).toBeUndefined();
      expect(await receiver.closed()).toBe('reset');
      expect(receiver.stream.bytesInFlight).toBe(0);
      client.startReading();
      expect((await client.ended).code).toBe(statusOfReset);
    });

    test('reset within the acceptor', async () => {
      acceptor.onAccept = (receiver) => {
        receiver.stream.reset();
      };
      const [client, receiver] = await open();
      expect(await receiver.closed()).toBe('reset');
      expect((await client.ended).code).toBe(statusOfReset);
      acceptor.onAccept = undefined;
    });

    test('a cancelled call', async () => {
      const [client, receiver] = await open();
      client.send(...numbered(2));
      await receiver.until(() => receiver.messages.length === 2);
      client.cancel();
      expect(await receiver.closed()).toBe('cancelled');
      receiver.stream.send(numbered(1));
      receiver.stream.resume();
      receiver.stream.end();
      receiver.stream.reset();
      expect((await client.ended).code).toBe(GrpcStatus.CANCELLED);
    });

    test('a call cancelled while it does not read and nobody reads it', async () => {
      acceptor.room = 0;
      const [client, receiver] = await open();
      client.stopReading();
      client.send(...numbered(50, 64 * KIB));
      receiver.stream.send(numbered(50, 64 * KIB));
      await barrier();
      client.cancel();
      expect(await receiver.closed()).toBe('cancelled');
      expect(receiver.messages).toEqual([]);
      await client.ended;
    });

    test('a broken network', async () => {
      const [client, receiver] = await open();
      client.send(...numbered(2));
      await receiver.until(() => receiver.messages.length === 2);
      transport.breakNetwork();
      expect(await receiver.closed()).toBe('lost');
      expect((await client.ended).code).toBe(GrpcStatus.UNAVAILABLE);
    });

    test('a broken network while everything is blocked', async () => {
      acceptor.room = 0;
      const [client, receiver] = await open();
      client.stopReading();
      client.send(...numbered(50, 64 * KIB));
      receiver.stream.send(numbered(50, 64 * KIB));
      await barrier();
      transport.breakNetwork();
      expect(await receiver.closed()).toBe('lost');
      client.startReading();
      await client.ended;
    });

    test("the client's deadline ends the stream from here", async () => {
      const [client, receiver] = await open({ serverDeadlineMs: 50 });
      receiver.stream.send(numbered(1));
      expect(await receiver.closed()).toBe('deadline');
      receiver.stream.send(numbered(1));
      receiver.stream.end();
      expect((await client.ended).code).toBe(GrpcStatus.DEADLINE_EXCEEDED);
    });

    test('a stream that ends before its deadline leaves no timer', async () => {
      const [client, receiver] = await open({ serverDeadlineMs: 3_600_000 });
      receiver.stream.end();
      expect((await client.ended).code).toBe(GrpcStatus.OK);
      expect(await receiver.closed()).toBe('ended');
      expect(transport.activeTimers()).toBe(0);
    });

    judged.each(['acceptor', 'onMessages', 'onHalfClose', 'room'] as const)(
      'a receiver that throws in %s costs its own stream only',
      async (where) => {
        const [bystander, other] = await open();
        const fault = new Error(`thrown in ${where}`);
        const fail = (): never => {
          throw fault;
        };
        acceptor.onAccept = (receiver) => {
          if (where === 'acceptor') fail();
          if (where === 'onMessages') receiver.onBatch = fail;
          if (where === 'onHalfClose') receiver.onHalfClose = fail;
          if (where === 'room') Object.defineProperty(receiver, 'room', { get: fail });
        };
        const client = transport.connect({ method: 'StreamData' });
        client.send(...numbered(1));
        client.halfClose();
        expect(await client.ended).toMatchObject({
          code: GrpcStatus.INTERNAL,
          details: { reason: 'INTERNAL', domain: 'sluice' },
        });
        expect(transport.faults).toEqual([fault]);
        acceptor.onAccept = undefined;
        bystander.send(...numbered(1));
        await other.until(() => other.messages.length === 1);
        other.stream.end();
        expect((await bystander.ended).code).toBe(GrpcStatus.OK);
      },
    );

    test('a receiver that throws in onClose is noted', async () => {
      const fault = new Error('thrown in onClose');
      const [client, receiver] = await open();
      receiver.onClose = () => {
        throw fault;
      };
      receiver.stream.end();
      await client.ended;
      await barrier();
      expect(transport.faults).toEqual([fault]);
    });

    test('many streams at once, each its own', async () => {
      acceptor.onAccept = (receiver) => {
        receiver.onBatch = (messages) => {
          receiver.stream.send([...messages]);
        };
        receiver.onHalfClose = () => {
          receiver.stream.end();
        };
      };
      const runs = Array.from({ length: 20 }, async (_, index) => {
        const client = transport.connect({ method: METHODS[index % 2]! });
        for (let part = 0; part < 10; part += 1) {
          client.send(
            ...Array.from({ length: 20 }, (_unused, n) =>
              dataMessage({ sessionId: `${index}`, sequence: part * 20 + n + 1 }),
            ),
          );
        }
        client.halfClose();
        const received = await receiveMany(client, 300);
        expect(sequencesOf(received)).toEqual(upTo(200));
        expect(received.every((message) => message.sessionId === `${index}`)).toBe(true);
        expect((await client.ended).code).toBe(GrpcStatus.OK);
      });
      await Promise.all(runs);
      acceptor.onAccept = undefined;
    });

    test('control messages go down as they are', async () => {
      const [client, receiver] = await open();
      receiver.stream.send([controlMessage({ action: 'drain', deadlineMs: 10, reason: 'gateway' }, 's')]);
      receiver.stream.end();
      expect(await client.receive()).toMatchObject({ type: 3, sessionId: 's' });
      await client.ended;
    });
  });
}
