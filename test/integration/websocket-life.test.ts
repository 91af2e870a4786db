import { expect, it } from 'vitest';
import { SluiceError } from '../../src/core/errors.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { closeReason } from '../../src/transport/websocket/close-frame.js';
import { Opcode, RawWebSocket } from '../helpers/raw-websocket.js';
import { RecordingAcceptor } from '../helpers/recording-receiver.js';
import { serveWebSockets, type ServedWebSockets } from '../helpers/websocket-server.js';

const LIMITS = { pingIntervalMs: 1_000, pongTimeoutMs: 400, closeTimeoutMs: 5_000 };

async function serve(acceptor: RecordingAcceptor, clock: FakeClock): Promise<ServedWebSockets> {
  return serveWebSockets((stream) => acceptor.accept(stream), { ...LIMITS, clock });
}

function pings(client: RawWebSocket): number {
  return client.frames.filter(({ opcode }) => opcode === Opcode.PING).length;
}

it('pings a quiet peer, and gives up one that lets it go unanswered: nothing is left', async () => {
  const acceptor = new RecordingAcceptor();
  const clock = new FakeClock();
  const served = await serve(acceptor, clock);
  using client = await new RawWebSocket(served.address).opened();
  const receiver = await acceptor.receiver(0);
  clock.advance(1_200);
  await client.until(() => pings(client) === 1);
  clock.advance(600);
  expect(await receiver.closed()).toBe('lost');
  await client.closed();
  expect(client.close).toBeUndefined();
  await expect.poll(() => served.server.size).toBe(0);
  expect(clock.activeTimers).toBe(0);
  await served.close();
});

it('does not ping whom it does not read', async () => {
  const acceptor = new RecordingAcceptor();
  acceptor.room = 0;
  const clock = new FakeClock();
  const served = await serve(acceptor, clock);
  using client = await new RawWebSocket(served.address).opened();
  const receiver = await acceptor.receiver(0);
  clock.advance(10_000);
  receiver.makeRoom(1);
  clock.advance(900);
  expect(pings(client)).toBe(0);
  clock.advance(400);
  await client.until(() => pings(client) === 1);
  await served.close();
  expect(await receiver.closed()).toBe('lost');
});

it('a Close that is never answered is waited for so long and no longer', async () => {
  const acceptor = new RecordingAcceptor();
  const clock = new FakeClock();
  const served = await serve(acceptor, clock);
  using client = await new RawWebSocket(served.address).opened();
  const receiver = await acceptor.receiver(0);
  receiver.stream.end(new SluiceError('STALE', 'Silent.'));
  await client.until(() => client.close !== undefined);
  expect(client.close).toEqual({ code: 4008, reason: 'STALE: Silent.' });
  clock.advance(LIMITS.closeTimeoutMs);
  expect(await receiver.closed()).toBe('ended');
  await expect.poll(() => served.server.size).toBe(0);
  expect(clock.activeTimers).toBe(0);
  await served.close();
});

it('a server that leaves refuses new ones by HTTP, and keeps what it has', async () => {
  const acceptor = new RecordingAcceptor();
  const served = await serveWebSockets((stream) => acceptor.accept(stream));
  using first = await new RawWebSocket(served.address).opened();
  served.server.stopAccepting();
  using second = new RawWebSocket(served.address);
  await second.closed();
  expect(second.answer).toMatch(/^HTTP\/1\.1 503 [^]*Retry-After: 0[^]*"DRAINING"/);
  expect(served.server.size).toBe(1);
  expect(first.isClosed).toBe(false);
  await served.close();
});

it('a reason is cut to what a Close frame holds, never within a character', () => {
  const said = closeReason(new SluiceError('DRAINING', '€'.repeat(60), { retryAfterMs: 5_000 }));
  expect(said).toMatch(/^DRAINING \(retry after 5000 ms\): €+$/);
  expect(Buffer.byteLength(said)).toBeLessThanOrEqual(123);
  expect(Buffer.byteLength(said)).toBeGreaterThan(120);
});
