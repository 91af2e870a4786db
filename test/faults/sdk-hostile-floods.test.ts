/** Gateways that send too much, or read nothing: the SDK stays within its bounds, says what is wrong, and leaves nothing. */
import { describe, expect, it } from 'vitest';
import { ClientError } from '../../src/client/client-error.js';
import { ack, closed, data, failed, gap, many, probe } from '../conformance/client/say.js';
import { scriptedGateway } from '../helpers/scripted-gateway.js';

const MIB = 1 << 20;

const scripted = scriptedGateway();

describe('a gateway that floods a session', () => {
  it.each([
    ['in messages', { messages: 4, bytes: MIB }, 5, 10],
    ['in bytes', { messages: 256, bytes: 1_000 }, 3, 400],
  ] as const)('over its window, %s: the session ends, others go on', async (_, window, count, size) => {
    const { peer, session } = await scripted().open({ window });
    const { session: other } = await scripted().open({ id: 'other' });
    for (let n = 1; n <= count; n += 1) peer.writes(data('s', n, { data: Buffer.alloc(size) }));
    const error = await scripted().endOf(session);
    expect(error).toMatchObject({ code: 'PROTOCOL_VIOLATION', retry: 'never', scope: 'session' });
    expect(error?.message).toMatch(/window/);
    await peer.reads('s', 'CLOSE');
    // It does not stop; nothing of it is kept.
    for (let n = count + 1; n <= 5_000; n += 1) peer.writes(data('s', n));
    await scripted().stage.settled();
    expect(session.stats.received).toBeLessThanOrEqual(window.messages);
    peer.writes(data('other', 1));
    expect((await scripted().stage.resolves(other.receive(), 'a message'))?.text).toBe('m1');
    peer.writes(closed('s'));
  });

  it('with Gaps', async () => {
    const { peer, session } = await scripted().open({
      window: { messages: 4, bytes: MIB },
      onGap: () => undefined,
    });
    for (let n = 1; n <= 1_000; n += 1) peer.writes(gap('s', n, n));
    expect(await scripted().endOf(session)).toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    expect(session.stats.received).toBeLessThan(10);
  });

  it('with a payload that has no end', async () => {
    const { peer, session } = await scripted().open();
    const reading = session.receive().catch((error: unknown) => error);
    for (let n = 1; session.isOpen && n <= 400; n += 1) {
      peer.writes(data('s', n, { data: Buffer.alloc(256 * 1024), more: true }));
      await scripted().stage.settled();
    }
    expect(await scripted().endOf(session)).toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    expect(await reading).toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    expect(session.stats.bufferedBytes).toBeLessThanOrEqual(MIB);
  });

  it('with a message of 5 MiB: one always fits, a second does not', async () => {
    const { peer, session } = await scripted().open();
    const large = Buffer.alloc(5 * MIB - 1_024);
    peer.writes(data('s', 1, { data: large }));
    const message = await scripted().stage.resolves(session.receive(), 'the large message');
    expect(message?.data.length).toBe(large.length);
    peer.writes(data('s', 2, { data: large }));
    expect(await scripted().endOf(session)).toMatchObject({ code: 'PROTOCOL_VIOLATION' });
  });

  it('with Errors that nobody waits for', async () => {
    const { peer, session } = await scripted().open({}, { windowMessages: 2_000 });
    for (let n = 1; n <= 1_500; n += 1) void session.send('x');
    await scripted().stage.settled();
    for (let n = 1; n <= 1_500; n += 1)
      for (let again = 0; again < 3; again += 1) peer.writes(failed('s', n));
    peer.writes(ack('s', 1_500));
    await scripted().stage.settled();
    let told = 0;
    for (;;) {
      const error = await scripted().stage.resolves(
        Promise.race([session.receive().catch((each: unknown) => each), turns()]),
        'a failure',
      );
      if (!(error instanceof ClientError)) break;
      told += 1;
    }
    expect(told).toBeGreaterThan(0);
    expect(told).toBeLessThanOrEqual(1_500);
  });
});

/** Undefined, a little later. */
async function turns(): Promise<undefined> {
  for (let n = 0; n < 20; n += 1) await Promise.resolve();
  return undefined;
}

describe('a gateway that does not read', () => {
  it('costs what the buffer and the window hold, and no more', async () => {
    await scripted().restart({ batches: false });
    const { peer, session } = await scripted().open(
      { buffer: { messages: 100, bytes: MIB } },
      { windowMessages: 200, windowBytes: 2 * MIB },
    );
    peer.stopsReading();
    const fates = new Map<string, number>();
    const note = (fate: string): void => {
      fates.set(fate, (fates.get(fate) ?? 0) + 1);
    };

    for (let n = 0; n < 1_000; n += 1) {
      session.send(Buffer.alloc(5_000)).then(
        () => {
          note('sent');
        },
        (error: unknown) => {
          note(error instanceof ClientError ? error.code : String(error));
        },
      );
    }
    await scripted().stage.settled();
    expect(fates.get('BUFFER_FULL')).toBeGreaterThanOrEqual(600);
    expect(session.stats.bufferedBytes).toBeLessThanOrEqual(3 * MIB);
    expect(session.stats.waiting).toBeLessThanOrEqual(100);
    peer.readsOn();
    await peer.reads('s', ...Array<string>(10).fill('DATA'));
  });

  it('and floods it with probes: it is answered, and nothing piles up', async () => {
    const { peer } = await scripted().open();
    peer.stopsReading();
    for (let n = 1; n <= 20_000; n += 1) {
      peer.writes(probe(n));
      if (n % 1_000 === 0) await scripted().stage.settled();
    }
    peer.readsOn();
    await scripted().stage.settled();
    let answers = 0;
    for (const message of await peer.all('')) if (message.ack === message.sequence) answers += 1;
    expect(answers).toBeGreaterThan(0);
    expect(answers).toBeLessThan(8_000);
  });
});

describe('a gateway of many words', () => {
  it('about sessions that there are not, costs nothing', async () => {
    const { peer, session } = await scripted().open();
    for (let n = 1; n <= 2_000; n += 1)
      peer.writes(...many(`other-${n}`, 1, 5), closed(`other-${n}`, 'INTERNAL'));
    peer.writes(data('s', 1));
    expect((await scripted().stage.resolves(session.receive(), 'a message'))?.text).toBe('m1');
    expect(scripted().client.sessions).toBe(1);
  });
});
