import { describe, expect, test } from 'vitest';
import { connect } from '../../src/client/index.js';
import { startGateway, type GatewayUnderTest } from '../helpers/gateway.js';
import { accepts, echoes, SessionBackend } from '../helpers/session-backend.js';
import { StreamClient } from '../helpers/stream-client.js';
import { upstreamSettings } from '../helpers/upstream-settings.js';

const text = (data: Uint8Array): string => Buffer.from(data).toString();

function gatewayTo(addresses: readonly string[], own: object = {}): Promise<GatewayUnderTest> {
  return startGateway(upstreamSettings(addresses, own));
}

describe('a session of an upstream route', () => {
  test('is one stream at its backend, which is told whose it is; its acks are the acceptance', async () => {
    await using backend = await SessionBackend.start(echoes);
    await using under = await gatewayTo([backend.address]);
    const client = connect(under.address, { clientId: 'ann' });
    const session = await client.open('up', { subject: 'tea', id: 's1' });
    await session.sendAndWait('one', { key: 'k', metadata: { a: 'b' } });
    await session.sendAndWait('two');
    const got: string[] = [];
    for await (const message of session) {
      got.push(text(message.data));
      if (got.length === 2) break;
    }
    expect(got).toEqual(['one', 'two']);
    const [call] = backend.calls;
    expect(call?.open).toMatchObject({ route: 'up', subject: 'tea', resume: false, attempt: 1 });
    expect(call?.received[0]?.metadata).toMatchObject({
      'client-id': 'ann',
      'session-id': 's1',
      'x-route': 'up',
      'x-subject': 'tea',
    });
    expect(call?.metadata.get('client-id')).toEqual(['ann']);
    expect(
      call?.received.slice(1).map(({ sequence, key, metadata }) => ({ sequence, key, metadata })),
    ).toEqual([
      { sequence: 1, key: 'k', metadata: { a: 'b' } },
      { sequence: 2, key: '', metadata: {} },
    ]);
    await client.close();
    await backend.until(() => call?.halfClosed);
  });

  test('goes on at another backend when its own dies: in order, nothing lost', async () => {
    await using one = await SessionBackend.start(accepts);
    await using other = await SessionBackend.start(accepts);
    await using under = await gatewayTo([one.address, other.address]);
    const client = connect(under.address);
    const session = await client.open('up');
    await session.sendAndWait('first');
    const [dying, next] = one.calls.length === 1 ? [one, other] : [other, one];
    // It takes two more, and dies without a word about them.
    dying.behaviour = accepts;
    dying.last.stream.removeAllListeners('data');
    const rest = ['second', 'third'].map((each) => session.sendAndWait(each));
    await dying[Symbol.asyncDispose]();
    await Promise.all(rest);
    expect(next.last.open).toMatchObject({ resume: true, afterSequence: 1, attempt: 2 });
    expect(next.last.texts).toEqual(['second', 'third']);
    expect(next.last.received.slice(1).map(({ sequence }) => sequence)).toEqual([2, 3]);
    await client.close();
  });
});

test('metrics tell of each upstream and address', async () => {
  await using backend = await SessionBackend.start(accepts);
  await using under = await gatewayTo([backend.address]);
  await using client = connect(under.address);
  const session = await client.open('up');
  await session.sendAndWait('one');
  const text = await (await fetch(`${under.admin}/metrics`)).text();
  const at = `{upstream="it",address="${backend.address}"}`;
  expect(text).toContain(`sluice_upstream_available${at} 1`);
  expect(text).toContain(`sluice_upstream_sessions${at} 1`);
  expect(text).toContain(`sluice_upstream_streams_opened_total${at} 1`);
  expect(text).toContain('sluice_upstream_waiting_sessions{upstream="it"} 0');
  expect(text).toContain('sluice_upstream_messages_repeated_total{upstream="it"} 0');
});

test('the session of a simple connection is the same, and ends with it', async () => {
  await using backend = await SessionBackend.start(echoes);
  await using under = await gatewayTo([backend.address]);
  {
    using client = new StreamClient(under.address, { metadata: { 'x-route': 'up', 'x-subject': 'tea' } });
    client.sendData('s', 'hello');
    await client.untilData(1);
    expect(client.data.map(({ data }) => text(data))).toEqual(['hello']);
    expect(backend.last.open).toMatchObject({ route: 'up', subject: 'tea' });
  }
  await backend.until(() => backend.last.halfClosed);
});

test('a gateway that leaves half-closes its sessions; a backend that does not end the call is given up', async () => {
  await using backend = await SessionBackend.start((call) => ({
    message: ({ sequence }) => {
      call.ack(sequence);
    },
    end: () => undefined,
  }));
  const under = await gatewayTo([backend.address]);
  const client = connect(under.address);
  const session = await client.open('up');
  await session.sendAndWait('one');
  await client.close();
  await backend.until(() => backend.last.halfClosed);
  // Nothing is left of the gateway, timers included.
  await under[Symbol.asyncDispose]();
  await backend.until(() => backend.last.cancelled);
});
