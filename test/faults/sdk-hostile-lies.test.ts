/** Gateways that say what can not be: the SDK says so, and leaves nothing. */
import { describe, expect, it } from 'vitest';
import { ClientError } from '../../src/client/client-error.js';
import { type DataMessage, type Open, WireRetryAdvice } from '../../src/wire/messages.js';
import { ack, changeWindow, closed, data, failed, gap, opened } from '../conformance/client/say.js';
import { scriptedGateway } from '../helpers/scripted-gateway.js';

const scripted = scriptedGateway();

interface Lie {
  readonly name: string;
  readonly says: (open: Open) => readonly DataMessage[];
  /** What the session ends with; undefined: it goes on. */
  readonly code?: string;
}

describe('a gateway that says what can not be', () => {
  const lies: readonly Lie[] = [
    {
      name: 'DATA that skips a sequence',
      says: () => [data('s', 1), data('s', 3)],
      code: 'PROTOCOL_VIOLATION',
    },
    { name: 'DATA twice', says: () => [data('s', 1), data('s', 1)], code: 'PROTOCOL_VIOLATION' },
    { name: 'DATA without a sequence', says: () => [data('s', 0)], code: 'PROTOCOL_VIOLATION' },
    { name: 'a Gap that does not follow', says: () => [gap('s', 5, 9)], code: 'PROTOCOL_VIOLATION' },
    { name: 'a Gap that ends before it begins', says: () => [gap('s', 1, 0)], code: 'PROTOCOL_VIOLATION' },
    { name: 'an ack of what was never sent', says: () => [ack('s', 7)], code: 'PROTOCOL_VIOLATION' },
    { name: 'a second Opened', says: (open) => [opened('s', open, { lastReceivedSequence: 99 })] },
    { name: 'a Window of nothing', says: () => [changeWindow('s', 0, 0)] },
    { name: 'an Error of what was never sent', says: () => [failed('s', 99)] },
    { name: 'an Error of nothing', says: () => [failed('s', 0)] },
    { name: 'an Open', says: (open) => [{ ...opened('s', open), control: open }] },
    {
      name: 'Closed twice',
      says: () => [closed('s', 'INTERNAL', { retry: WireRetryAdvice.NEVER }), closed('s')],
      code: 'INTERNAL',
    },
  ];

  it.each(lies)('$name', async ({ says, code }) => {
    const { peer, session, open } = await scripted().open();
    peer.writes(...says(open));
    await scripted().stage.settled();
    if (code === undefined) {
      expect(session.isOpen).toBe(true);
      void session.send('goes on');
      await peer.reads('s', 'DATA 1 "goes on"');
      return;
    }
    const error = await scripted().endOf(session);
    expect(error).toMatchObject({ code });
    await expect(session.send('too late')).rejects.toBe(error);
  });

  const openings: readonly (readonly [name: string, says: (open: Open) => DataMessage])[] = [
    ['names sequences that were never sent', (open) => opened('s', open, { lastReceivedSequence: 5 })],
    ['acknowledges what was never sent', (open) => opened('s', open, {}, 5)],
    ['has resumed what was opened', (open) => opened('s', open, { resumed: true })],
    ['is no Opened, but DATA', () => data('s', 1)],
    ['is no Opened, but a Gap', () => gap('s', 1, 2)],
  ];

  it.each(openings)('its answer to Open %s', async (_, says) => {
    const opening = scripted().client.open('', { id: 's' });
    const peer = await scripted().stage.connection();
    peer.writes(says(await peer.opens('s')));
    const session = await scripted().outcome(opening);
    const error = session instanceof ClientError ? session : await scripted().endOf(session);
    expect(error).toMatchObject({ code: 'PROTOCOL_VIOLATION', retry: 'never' });
    expect(error?.message).toMatch(/^the gateway|session|Opened/i);
  });

  it.each([
    ['a heartbeat a millisecond', { heartbeatIntervalMs: 1 }],
    ['a heartbeat a month', { heartbeatIntervalMs: 2 ** 32 - 1 }],
    ['no room for a message', { maxMessageBytes: 1 }],
    ['no room for sessions', { maxSessions: 0 }],
    ['no resume window', { resumeWindowMs: 0 }],
    ['no name for anybody', { clientId: '', connectionId: '', nodeId: '' }],
  ])('its Welcome has %s', async (_, welcome) => {
    scripted().stage.welcome = welcome;
    const { peer, session } = await scripted().open();
    const sending = session.send('hello').then(
      () => 'sent',
      (error: unknown) => (error instanceof ClientError ? error.code : String(error)),
    );
    await scripted().stage.wait(10_000);
    expect(await sending).toBe('maxMessageBytes' in welcome ? 'MESSAGE_TOO_LARGE' : 'sent');
    expect(peer.heartbeats).toBeLessThanOrEqual(150);
    expect(scripted().stage.connections).toBe(1);
  });
});
