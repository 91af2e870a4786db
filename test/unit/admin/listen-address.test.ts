import { describe, expect, it } from 'vitest';
import { parseListenAddress } from '../../../src/admin/listen-address.js';

describe('parseListenAddress', () => {
  it.each([
    ['127.0.0.1:9464', '127.0.0.1', 9_464],
    ['[::1]:0', '::1', 0],
    ['localhost:65535', 'localhost', 65_535],
  ])('reads %s', (text, host, port) => {
    expect(parseListenAddress(text, 'admin.listen')).toEqual({ host, port });
  });

  it.each([
    '',
    '9464',
    ':9464',
    '127.0.0.1',
    '127.0.0.1:',
    '::1:9464',
    '[::1]',
    'host:65536',
    'host:-1',
    'http://host:1',
  ])('refuses %j, naming the setting', (text) => {
    expect(() => parseListenAddress(text, 'admin.listen')).toThrow(
      /^admin\.listen is .*host:port is allowed/,
    );
  });
});
