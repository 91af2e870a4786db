import { describe, expect, test } from 'vitest';
import { conformanceRoute } from '../../../src/routes/conformance.js';
import type { RouteMessage } from '../../../src/session/route.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { FROM_NOW_ON } from '../../../src/session/topic-route.js';
import { dataMessage } from '../../../src/wire/messages.js';
import { anonymousIdentity } from '../../helpers/anonymous-identity.js';

function world() {
  const clock = new FakeClock();
  const route = conformanceRoute(clock);
  const open = () => {
    const sent: RouteMessage[] = [];
    const ends: (string | undefined)[] = [];
    const handler = route.open({
      clientId: 'ann',
      identity: anonymousIdentity('ann'),
      sessionId: 'one',
      subject: 'tea',
      start: FROM_NOW_ON,
      attached: true,
      overflow: 'block',
      signal: new AbortController().signal,
      recent: [],
      send: (message) => {
        sent.push(message);
        return undefined;
      },
      end: (reason) => ends.push(reason),
      fail: (error) => ends.push(error.code),
    });
    const handle = async (does: Readonly<Record<string, string>>) => {
      await handler.handle(dataMessage({ data: Buffer.from('x'), metadata: new Map(Object.entries(does)) }));
    };
    return { handler, handle, sent, ends };
  };
  return { clock, open };
}

describe('the conformance route', () => {
  test('echoes what says nothing else, accepts what says so', async () => {
    const { handle, sent } = world().open();
    await handle({ note: 'hello' });
    await handle({ accept: '' });
    expect(sent.map(({ metadata }) => metadata?.get('note'))).toEqual(['hello']);
  });

  test('fails as asked', async () => {
    const { handle } = world().open();
    await expect(handle({ fail: 'no' })).rejects.toMatchObject({ code: 'ROUTE_FAILED', message: 'no' });
    await expect(handle({ throw: 'oops' })).rejects.toThrow('oops');
  });

  test('waits for time, then does the rest', async () => {
    const { clock, open } = world();
    const { handle, sent } = open();
    const handled = handle({ 'delay-ms': '10', produce: '1' });
    await clock.advanceAsync(9);
    expect(sent).toHaveLength(0);
    await clock.advanceAsync(1);
    await handled;
    expect(sent).toHaveLength(1);
  });

  test('holds messages until another session releases them by name, then does the rest', async () => {
    const { open } = world();
    const [one, other, releasing] = [open(), open(), open()];
    const held = one.handle({ hold: 'a' });
    const failing = other.handle({ hold: 'a', fail: 'late' });
    await expect(releasing.handle({ release: 'b' })).rejects.toMatchObject({ code: 'ROUTE_FAILED' });
    expect(one.sent).toHaveLength(0);
    await releasing.handle({ release: 'a' });
    await held;
    await expect(failing).rejects.toThrow('late');
    expect(one.sent).toHaveLength(1);
    await expect(releasing.handle({ release: 'a' })).rejects.toMatchObject({ code: 'ROUTE_FAILED' });
  });

  test('a session that ends holds nothing any more', async () => {
    const { open } = world();
    const one = open();
    void one.handle({ hold: 'a' });
    one.handler.closed?.();
    await expect(open().handle({ release: 'a' })).rejects.toMatchObject({ code: 'ROUTE_FAILED' });
  });

  test('produces payloads with keys, times to live and pieces', async () => {
    const { handle, sent } = world().open();
    await handle({ produce: '3', pieces: '2', keys: '2', 'ttl-ms': '7', size: '5' });
    expect(sent.map(({ metadata, key, more }) => [metadata?.get('n'), key, more])).toEqual([
      ['1', 'k1', true],
      ['1', 'k1', false],
      ['2', 'k2', true],
      ['2', 'k2', false],
      ['3', 'k1', true],
      ['3', 'k1', false],
    ]);
    expect(sent.every(({ data, ttlMs }) => data?.byteLength === 5 && ttlMs === 7)).toBe(true);
    await expect(handle({ produce: 'many' })).rejects.toMatchObject({ code: 'INVALID_MESSAGE' });
  });

  test('says who speaks, and ends the session', async () => {
    const { handle, sent, ends } = world().open();
    await handle({ who: '' });
    expect(Object.fromEntries(sent[0]?.metadata ?? [])).toEqual({
      client: 'ann',
      session: 'one',
      subject: 'tea',
    });
    await handle({ end: 'enough' });
    expect(ends).toEqual(['enough']);
  });
});
