/** Every answer a gateway may have to Open: what the SDK makes of it, and how often it asks. */
import { describe, expect, it } from 'vitest';
import { type ErrorCode, errorCatalogue, SluiceError } from '../../src/core/errors.js';
import { WireRetryAdvice } from '../../src/wire/messages.js';
import { closed } from '../conformance/client/say.js';
import { ADVICE, OPEN_TIMEOUT_MS, scriptedGateway } from '../helpers/scripted-gateway.js';

const CODES = Object.keys(errorCatalogue) as ErrorCode[];

const scripted = scriptedGateway();

describe('a gateway that answers Open', () => {
  it('never: open ends in time', async () => {
    const opening = scripted().client.open('', { id: 's' });
    const peer = await scripted().stage.connection();
    await peer.opens('s');
    const since = scripted().stage.clock.now();
    const error = await scripted().refusal(opening);
    expect(scripted().stage.clock.now() - since).toBeLessThanOrEqual(OPEN_TIMEOUT_MS + 1_000);
    expect(error.message).toMatch(/10,?000 ms|answer/);
  });

  it.each(CODES)('with %s', async (code) => {
    const { retry } = errorCatalogue[code];
    let answers = 0;
    scripted().stage.onOpen = (peer, id) => {
      answers += 1;
      peer.writes(closed(id, code, { retry: ADVICE[retry] }));
    };
    const error = await scripted().refusal(scripted().client.open('', { id: 's' }));
    expect(error).toMatchObject({ code, retry, name: 'ClientError' });
    expect(error.message).toContain(`because of ${code}`);
    // A route that throws in its open would throw again.
    if (retry === 'never' || code === 'ROUTE_FAILED') expect(answers).toBe(1);
    else {
      expect(answers).toBeGreaterThan(1);
      expect(answers).toBeLessThan(30);
    }
  });

  it.each(CODES)('by ending the connection with %s', async (code) => {
    const { retry } = errorCatalogue[code];
    scripted().stage.welcoming = false;
    scripted().stage.onConnection = (peer) => {
      peer.ends(new SluiceError(code, `the sentence of ${code}`));
    };
    const error = await scripted().refusal(scripted().client.open('', { id: 's' }));
    expect(error).toMatchObject({ code, retry });
    expect(error.message).toContain(`the sentence of ${code}`);
    // There is no function that would give another token.
    if (retry === 'never' || code === 'TOKEN_EXPIRED') expect(scripted().stage.connections).toBe(1);
    else {
      expect(scripted().stage.connections).toBeGreaterThan(1);
      expect(scripted().stage.connections).toBeLessThan(30);
    }
  });

  it('with a code that nobody knows', async () => {
    const opening = scripted().client.open('', { id: 's' });
    const peer = await scripted().stage.connection();
    await peer.opens('s');
    peer.writes(closed('s', 'FROM_THE_FUTURE', { retry: WireRetryAdvice.NEVER }));
    expect(await scripted().refusal(opening)).toMatchObject({
      code: 'FROM_THE_FUTURE',
      retry: 'never',
      scope: 'session',
    });
  });
});
