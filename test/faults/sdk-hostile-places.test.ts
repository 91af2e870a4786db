/** Gateways at which nobody can stay: the SDK does not hammer them. */
import { describe, expect, it } from 'vitest';
import { SluiceError } from '../../src/core/errors.js';
import { WireRetryAdvice } from '../../src/wire/messages.js';
import type { Peer } from '../conformance/client/peer.js';
import { closed, drain, throttle } from '../conformance/client/say.js';
import { scriptedGateway } from '../helpers/scripted-gateway.js';

const scripted = scriptedGateway();

describe('a gateway that is no place to stay', () => {
  const TEN_MINUTES_MS = 600_000;

  /** How often it connects in each of ten minutes. */
  async function connectionsByMinute(): Promise<number[]> {
    const counts: number[] = [];
    for (let n = 0; n < 10; n += 1) {
      const before = scripted().stage.connections;
      await scripted().stage.wait(TEN_MINUTES_MS / 10);
      counts.push(scripted().stage.connections - before);
    }
    return counts;
  }

  const places: readonly (readonly [name: string, does: (peer: Peer) => void])[] = [
    [
      'ends each connection after its Welcome, OK',
      (peer) => {
        peer.ends();
      },
    ],
    [
      'ends each with DRAINING',
      (peer) => {
        peer.ends(new SluiceError('DRAINING', 'it leaves'));
      },
    ],
    [
      'ends each with STREAM_LIMIT',
      (peer) => {
        peer.ends(new SluiceError('STREAM_LIMIT', 'too old'));
      },
    ],
    [
      'resets each',
      (peer) => {
        peer.stream.reset();
      },
    ],
    [
      'asks to leave each connection',
      (peer) => {
        peer.writes(drain('connection is old'));
      },
    ],
    [
      'says of each that it is leaving',
      (peer) => {
        peer.writes(drain('gateway is leaving'), closed('s', 'DRAINING', { retry: WireRetryAdvice.NOW }));
      },
    ],
    [
      'refuses the session on each',
      (peer) => {
        peer.writes(closed('s', 'SESSION_EXPIRED', { retry: WireRetryAdvice.NOW }));
      },
    ],
  ];

  it.each(places)('%s', async (_, does) => {
    await scripted().restart({ openTimeoutMs: 2 * TEN_MINUTES_MS });
    scripted().stage.onConnection = (peer) => {
      // Behind its Welcome, and behind the Open that follows.
      scripted().stage.clock.setTimeout(() => {
        if (peer.close === undefined) does(peer);
      }, 5);
    };
    const opening = scripted()
      .client.open('', { id: 's' })
      .catch((error: unknown) => error);
    const [first = 0, ...rest] = await connectionsByMinute();
    expect(first).toBeLessThanOrEqual(70);
    // In the long run it waits for long.
    expect(rest.slice(3).reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(6 * 70);
    scripted().stage.onConnection = () => undefined;
    await scripted().stage.resolves(scripted().client.close({ graceMs: 0 }), 'the client to leave');
    expect(await opening).toMatchObject({ code: 'CLOSED' });
  });

  it('says again and again that the token is about to expire', async () => {
    let asked = 0;
    await scripted().restart({ token: () => `T${(asked += 1)}` });
    const { peer } = await scripted().open();
    for (let n = 0; n < 200; n += 1) {
      for (let again = 0; again < 10; again += 1) peer.writes(throttle('token', n % 3));
      await scripted().stage.wait(50);
    }
    expect(asked).toBeLessThanOrEqual(60);
    expect(scripted().stage.connections).toBe(1);
  });
});
