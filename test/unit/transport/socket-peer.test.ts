import { expect, test } from 'vitest';
import { formatPeer } from '../../../src/transport/net/socket-peer.js';

test.each([
  ['127.0.0.1', 80, '127.0.0.1:80'],
  ['::1', 80, '[::1]:80'],
  [undefined, undefined, 'unix'],
] as const)('peer %s %s: %s', (address, port, text) => {
  expect(formatPeer(address, port)).toBe(text);
});
