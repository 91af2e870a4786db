import { describe, expect, it } from 'vitest';
import { ClientError } from '../../../../src/client/client-error.js';
import { type Endpoint, Endpoints } from '../../../../src/client/connection/endpoints.js';
import { Refusals } from '../../../../src/client/connection/refusals.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { ScriptedConnector } from '../../../helpers/scripted-connector.js';

function world(isRenewable = false): {
  readonly a: Endpoint;
  readonly b: Endpoint;
  readonly refusals: Refusals;
} {
  const { all } = new Endpoints({
    addresses: ['a:1', 'b:1'],
    backoff: { firstMs: 1, maxMs: 1 },
    random: () => 0,
    dial: (address) => new ScriptedConnector(new FakeClock(), address),
  });
  return { a: all[0]!, b: all[1]!, refusals: new Refusals(all, isRenewable) };
}

const error = (code: string): ClientError => new ClientError(code, 'no');

describe('Refusals', () => {
  it('follow the advice of the code', () => {
    const { a, refusals } = world();
    for (const code of ['UNREACHABLE', 'CONNECTION_LOST', 'OVERLOADED', 'DRAINING'])
      expect(refusals.isFinal(error(code), a, false)).toBe(false);
    for (const code of ['UNAUTHENTICATED', 'PERMISSION_DENIED', 'INVALID_MESSAGE', 'MESSAGE_TOO_LARGE'])
      expect(refusals.isFinal(error(code), a, true)).toBe(true);
  });

  it('of a token that has expired are final where there is no other', () => {
    const { a, refusals } = world();
    // It was good until now: the gateway's word for it is asked once.
    expect(refusals.isFinal(error('TOKEN_EXPIRED'), a, true)).toBe(false);
    expect(refusals.isFinal(error('TOKEN_EXPIRED'), a, false)).toBe(true);
  });

  it('ask for another token once, where there are others', () => {
    const { a, refusals } = world(true);
    expect(refusals.isFinal(error('UNAUTHENTICATED'), a, false)).toBe(false);
    expect(refusals.isFinal(error('TOKEN_EXPIRED'), a, false)).toBe(true);
    refusals.worked();
    expect(refusals.isFinal(error('UNAUTHENTICATED'), a, false)).toBe(false);
  });

  it('do not take many connections that end with their token for many tokens', () => {
    const { a, refusals } = world(true);
    for (let i = 0; i < 10; i += 1) expect(refusals.isFinal(error('TOKEN_EXPIRED'), a, true)).toBe(false);
    expect(refusals.isFinal(error('UNAUTHENTICATED'), a, false)).toBe(false);
  });

  it('of one address are not those of another', () => {
    const { a, b, refusals } = world();
    expect(refusals.isFinal(error('NOT_SLUICE'), a, false)).toBe(false);
    expect(refusals.isFinal(error('NEWER_PROTOCOL'), b, false)).toBe(true);
  });

  it('of what is no gateway do not count where there has been one', () => {
    const { a, b, refusals } = world();
    a.wasWelcomed = true;
    refusals.isFinal(error('NOT_SLUICE'), b, false);
    expect(refusals.isFinal(error('BAD_CERTIFICATE'), a, false)).toBe(false);
    expect(refusals.isFinal(error('NEWER_PROTOCOL'), a, false)).toBe(true);
  });
});
