import { describe, expect, it } from 'vitest';
import { GrpcStatus } from '../../../src/core/errors.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { memoryDial, type MemoryDialOptions } from '../../../src/transport/memory/memory-connector.js';
import { type DataMessage, dataMessage } from '../../../src/wire/messages.js';
import { RecordingAcceptor } from '../../helpers/recording-receiver.js';
import { RecordingCall, RecordingStream } from '../../helpers/recording-stream.js';

function world(options: Partial<MemoryDialOptions> = {}) {
  const clock = new FakeClock();
  const acceptor = new RecordingAcceptor();
  const dial = memoryDial(acceptor.accept, { clock, ...options });
  const connector = dial('gateway');
  const open = (): RecordingStream => new RecordingStream(connector, 'StreamBatches');
  return { clock, acceptor, dial, connector, open };
}

const message = (text: string): DataMessage => dataMessage({ sessionId: 's', data: Buffer.from(text) });

// What holds for every network of the SDK is in test/integration/sdk-transport.test.ts.
describe('memoryDial', () => {
  it('moves only with the clock, and leaves nothing on it', () => {
    const { clock, acceptor, dial, connector, open } = world();
    const client = open();
    client.send(message('a'));
    expect(acceptor.receivers).toEqual([]);
    clock.runImmediates();
    expect(acceptor.receivers[0]?.messages.map(({ data }) => Buffer.from(data).toString())).toEqual(['a']);
    connector.close();
    clock.runImmediates();
    expect(client.end).toMatchObject({ status: GrpcStatus.CANCELLED });
    expect(acceptor.receivers[0]?.close).toBe('cancelled');
    expect(clock.pending).toBe(0);
    expect(dial.openStreams).toBe(0);
  });

  it('gives each stream an address', () => {
    const { clock, acceptor, open } = world();
    open();
    open();
    clock.runImmediates();
    expect(acceptor.receivers.map(({ stream }) => stream.peer)).toEqual(['memory:1', 'memory:2']);
  });

  it('is unreachable when it is told to be, for what begins', () => {
    const { clock, dial, connector, open } = world();
    const before = open();
    dial.unreachable = true;
    const after = open();
    const call = new RecordingCall();
    connector.call('Publish', {}, call);
    expect(after.send(message('a'))).toBe(false);
    clock.runImmediates();
    expect(after.end).toMatchObject({
      status: GrpcStatus.UNAVAILABLE,
      failure: 'unreachable',
      message: expect.stringContaining('Nothing answers at gateway'),
    });
    expect(before.end).toBeUndefined();
    dial.unreachable = false;
    const again = open();
    clock.runImmediates();
    expect(again.end).toBeUndefined();
    return expect(call.ended).resolves.toMatchObject({ failure: 'unreachable' });
  });

  it('breaks the connections of every client, and not those that come', () => {
    const { clock, acceptor, dial, open } = world();
    const clients = [open(), new RecordingStream(dial('another'), 'StreamData')];
    clock.runImmediates();
    dial.breakConnections();
    clock.runImmediates();
    expect(clients.map(({ end }) => end?.message)).toEqual([
      'The connection to gateway was lost.',
      'The connection to another was lost.',
    ]);
    expect(acceptor.receivers.map(({ close }) => close)).toEqual(['lost', 'lost']);
    expect(open().end).toBeUndefined();
  });

  it('holds a sender to the window, to the byte', () => {
    const { clock, acceptor, open } = world({ windowBytes: 1_000 });
    acceptor.room = 0;
    const client = open();
    clock.runImmediates();
    const body = message('x'.repeat(400));
    expect([client.send(body), client.send(body), client.send(body)]).toEqual([true, true, false]);
    clock.runImmediates();
    expect(client.writables).toBe(0);
    acceptor.receivers[0]?.makeRoom(1);
    clock.runImmediates();
    expect(client.writables).toBe(1);
    acceptor.receivers[0]?.makeRoom(10);
    clock.runImmediates();
    expect(client.writables).toBe(1);
    expect(acceptor.receivers[0]?.messages).toHaveLength(3);
  });

  describe('frozen', () => {
    it('carries nothing either way, and all of it afterwards', () => {
      const { clock, acceptor, dial, open } = world();
      const client = open();
      clock.runImmediates();
      const [receiver] = acceptor.receivers;
      dial.frozen = true;
      client.send(message('up'));
      receiver?.stream.send([message('down')]);
      clock.runImmediates();
      expect([client.messages.length, receiver?.messages.length]).toEqual([0, 0]);
      dial.frozen = false;
      clock.runImmediates();
      expect([client.messages.length, receiver?.messages.length]).toEqual([1, 1]);
    });

    it('tells the server of a cancellation once it carries again', () => {
      const { clock, acceptor, dial, open } = world();
      const client = open();
      clock.runImmediates();
      dial.frozen = true;
      client.cancel();
      clock.runImmediates();
      expect(client.end).toMatchObject({ status: GrpcStatus.CANCELLED });
      expect(acceptor.receivers[0]?.close).toBeUndefined();
      expect(dial.openStreams).toBe(1);
      dial.frozen = false;
      clock.runImmediates();
      expect(acceptor.receivers[0]?.close).toBe('cancelled');
      expect(dial.openStreams).toBe(0);
    });

    it('tells the client of an end once it carries again', () => {
      const { clock, acceptor, dial, open } = world();
      const client = open();
      clock.runImmediates();
      dial.frozen = true;
      acceptor.receivers[0]?.stream.end();
      clock.runImmediates();
      expect(client.end).toBeUndefined();
      dial.frozen = false;
      clock.runImmediates();
      expect(client.end).toEqual({ status: GrpcStatus.OK, message: '' });
    });

    it('can be broken', () => {
      const { clock, acceptor, dial, open } = world();
      const client = open();
      clock.runImmediates();
      dial.frozen = true;
      dial.breakConnections();
      clock.runImmediates();
      expect(client.end).toMatchObject({ status: GrpcStatus.UNAVAILABLE });
      expect(acceptor.receivers[0]?.close).toBe('lost');
    });
  });
});
