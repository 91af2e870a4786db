import { expect, test } from 'vitest';
import { callerHeaders } from '../../../src/proxy/call-headers.js';
import type { ProxiedStream } from '../../../src/transport/proxy-contract.js';
import { anonymousIdentity } from '../../helpers/anonymous-identity.js';

/** What a backend is told of the way of a call, of a client that says this itself. */
function wayOf(peer: string, ...said: readonly string[]): string | undefined {
  const headers = said.map((value) => ['x-forwarded-for', value] as const);
  const stream = { peer, headers } as unknown as ProxiedStream;
  return callerHeaders(stream, anonymousIdentity('ann')).find(([name]) => name === 'x-forwarded-for')?.[1];
}

test.each([
  ['192.0.2.1:5000', '192.0.2.1'],
  ['[2001:db8::7]:5000', '2001:db8::7'],
  // As a balancer names them that says no port.
  ['192.0.2.1', '192.0.2.1'],
  ['[2001:db8::7]', '2001:db8::7'],
  ['unix', 'unknown'],
  ['unknown', 'unknown'],
])('of %s a backend is told %s, behind whatever was said before', (peer, address) => {
  expect(wayOf(peer)).toBe(address);
  expect(wayOf(peer, '10.0.0.1', '10.0.0.2, 10.0.0.3')).toBe(`10.0.0.1, 10.0.0.2, 10.0.0.3, ${address}`);
});
