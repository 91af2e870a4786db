import { describe, expect, test } from 'vitest';
import type { ClientCertificate } from '../../../src/core/credentials.js';
import { SluiceError } from '../../../src/core/errors.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import {
  MemoryConnection,
  type MemoryConnectionOptions,
} from '../../../src/transport/memory/memory-connection.js';
import { dataMessage } from '../../../src/wire/messages.js';
import { RecordingAcceptor } from '../../helpers/recording-receiver.js';

/** A connection whose turns come when the test says so. */
function setUp(options: Partial<MemoryConnectionOptions> = {}) {
  const clock = new FakeClock();
  const acceptor = new RecordingAcceptor();
  const connection = new MemoryConnection(acceptor.accept, { clock, ...options });
  return { clock, acceptor, connection };
}

function message(sequence: number, bytes = 0) {
  return dataMessage({ sequence, data: new Uint8Array(bytes) });
}

describe('MemoryConnection', () => {
  test('does nothing before the clock moves', () => {
    const { clock, acceptor, connection } = setUp();
    connection.send(message(1));
    expect(acceptor.receivers).toEqual([]);
    clock.runImmediates();
    expect(acceptor.receivers[0]!.messages.map(({ sequence }) => sequence)).toEqual([1]);
    connection.break();
    clock.advance(0);
    expect(clock.pending).toBe(0);
  });

  test('shows the certificate it was given, and none otherwise', () => {
    const certificate: ClientCertificate = {
      commonName: 'orders',
      dnsNames: [],
      uris: ['spiffe://example/orders'],
      expiresAtMs: 1,
      thumbprint: 't',
    };
    for (const options of [{ certificate }, {}]) {
      const { clock, acceptor, connection } = setUp(options);
      clock.runImmediates();
      expect(acceptor.receivers[0]!.stream.certificate).toBe(options.certificate);
      connection.break();
      clock.advance(0);
    }
  });

  test('send says when the window is full', () => {
    const { clock, acceptor, connection } = setUp({ windowBytes: 1_000 });
    acceptor.room = 0;
    clock.advance(0);
    expect(connection.send(message(1, 900))).toBe(true);
    expect(connection.send(message(2, 900))).toBe(false);
    clock.advance(0);
    expect(connection.bytesInFlight).toBeGreaterThan(1_800);
    acceptor.receivers[0]!.makeRoom(2);
    clock.advance(0);
    expect(connection.bytesInFlight).toBe(0);
    expect(connection.send(message(3))).toBe(true);
    connection.cancel();
    clock.advance(0);
    expect(connection.send(message(4))).toBe(false);
  });

  test('the window holds the server; one message always fits', async () => {
    const { clock, acceptor, connection } = setUp({ windowBytes: 1_000 });
    clock.advance(0);
    const { stream } = acceptor.receivers[0]!;
    for (const bytes of [5_000, 400, 400, 400]) stream.send([message(bytes, bytes)]);
    clock.advance(0);
    expect(connection.bytesUnread).toBeGreaterThan(5_000);
    expect(stream.bytesInFlight).toBeGreaterThan(1_200);
    expect((await connection.receive())!.sequence).toBe(5_000);
    clock.advance(0);
    expect(stream.bytesInFlight).toBeLessThan(420);
    stream.end();
    clock.advance(0);
    expect(acceptor.receivers[0]!.close).toBeUndefined();
    await connection.receive();
    clock.advance(0);
    expect(acceptor.receivers[0]!.close).toBe('ended');
    const rest: number[] = [];
    for await (const { sequence } of connection) rest.push(sequence);
    expect(rest).toEqual([400, 400]);
  });

  test('receive waits, and is told of the end', async () => {
    const { clock, acceptor, connection } = setUp();
    const waiting = [connection.receive(), connection.receive(), connection.receive()];
    clock.advance(0);
    const { stream } = acceptor.receivers[0]!;
    stream.send([message(1), message(2)]);
    const error = new SluiceError('STALE', 'Gone.');
    stream.end(error);
    clock.advance(0);
    expect((await Promise.all(waiting)).map((received) => received?.sequence)).toEqual([1, 2, undefined]);
    expect(await connection.ended).toEqual({ close: 'ended', error });
    expect(await connection.receive()).toBeUndefined();
  });

  test('a deadline ends it, and is forgotten when it ends before', async () => {
    const late = setUp({ deadlineMs: 1_000 });
    late.clock.advance(999);
    expect(late.acceptor.receivers[0]!.close).toBeUndefined();
    late.clock.advance(1);
    late.clock.advance(0);
    expect(late.acceptor.receivers[0]!.close).toBe('deadline');
    expect(await late.connection.ended).toEqual({ close: 'deadline', error: undefined });

    const early = setUp({ deadlineMs: 1_000 });
    early.clock.advance(0);
    early.acceptor.receivers[0]!.stream.end();
    early.clock.advance(0);
    expect(early.clock.activeTimers).toBe(0);
  });

  test('a client that leaves before it was accepted is never seen', async () => {
    const { clock, acceptor, connection } = setUp();
    connection.cancel();
    clock.advance(0);
    expect(acceptor.receivers).toEqual([]);
    expect((await connection.ended).close).toBe('cancelled');
  });

  test('shows the server what was asked for', () => {
    const { clock, acceptor } = setUp({
      method: 'StreamBatches',
      metadata: { 'x-client-id': 'anna' },
      peer: 'test:7',
    });
    clock.advance(0);
    const { method, metadata, peer } = acceptor.receivers[0]!.stream;
    expect([method, metadata.get('x-client-id'), peer]).toEqual(['StreamBatches', 'anna', 'test:7']);
  });
});
