import { describe, expect, test } from 'vitest';
import { connect } from '../../src/client/index.js';
import { startGateway, type GatewayUnderTest } from '../helpers/gateway.js';
import { accepts, echoes, SessionBackend } from '../helpers/session-backend.js';
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
