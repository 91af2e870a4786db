import { describe, expect, it, test } from 'vitest';
import { OriginPolicy } from '../../../src/edge/origin-policy.js';

const LISTED = new OriginPolicy(['https://Chat.example', 'http://[::1]:8443', 'https://a.example:443']);

function allows(
  policy: OriginPolicy,
  origin: string | undefined,
  host?: string,
  overLoopback = false,
  mayHideOrigin = false,
): boolean {
  return policy.refusal({ origin, host, overLoopback, mayHideOrigin }) === undefined;
}

describe('listed origins', () => {
  test.each([
    ['https://chat.example', true],
    ['HTTPS://CHAT.EXAMPLE', true],
    ['https://chat.example:443', true],
    ['https://a.example', true],
    ['http://[::1]:8443', true],
    ['http://[0:0:0:0:0:0:0:1]:8443', true],
    ['http://chat.example', false],
    ['https://chat.example:444', false],
    ['https://chat.example.evil.example', false],
    ['https://xchat.example', false],
    ['https://chat.example/', false],
    ['https://user@chat.example', false],
    ['https://chat.example\\@evil.example', false],
    ['null', false],
    ['', false],
    ['file://', false],
    ['chat.example', false],
    [undefined, true],
  ])('%s: %s', (origin, expected) => {
    expect(allows(LISTED, origin, 'other.example')).toBe(expected);
  });
});

describe('the own origin, where none is listed', () => {
  const own = new OriginPolicy([]);
  test.each([
    ['https://gw.example', 'gw.example', true],
    ['https://gw.example', 'GW.example:443', true],
    ['http://gw.example', 'gw.example:80', true],
    ['https://gw.example:8080', 'gw.example:8080', true],
    ['https://gw.example:8080', 'gw.example', false],
    ['http://gw.example', 'gw.example:443', false],
    ['http://[::1]:8080', '[::1]:8080', true],
    ['https://evil.example', 'gw.example', false],
    ['null', 'null', false],
    ['https://gw.example', undefined, false],
    ['https://gw.example', 'gw.example/x', false],
    ['https://gw.example', 'a@gw.example', false],
  ])('%s at %s: %s', (origin, host, expected) => {
    expect(allows(own, origin, host)).toBe(expected);
  });

  test.each([
    ['http://localhost:8080', true],
    ['http://app.localhost:8080', true],
    ['http://127.0.0.1:8080', true],
    ['http://[::1]:8080', true],
    ['http://rebound.example:8080', false],
    ['http://127.0.0.1.evil.example:8080', false],
    ['http://localhost.evil.example:8080', false],
  ])('over loopback %s: %s', (origin, expected) => {
    expect(allows(own, origin, origin.replace('http://', ''), true)).toBe(expected);
  });
});

// A page sends no Origin with a GET to where it came from, and may have its own name resolved to 127.0.0.1.
describe('over loopback, without an origin', () => {
  test.each([
    ['rebound.example:8080', false],
    ['127.0.0.1.evil.example', false],
    ['localhost.evil.example', false],
    ['chat.example:8080', true],
    ['localhost:8080', true],
    ['app.localhost', true],
    ['127.0.0.1:8080', true],
    ['10.0.0.7:8080', true],
    ['[::1]:8080', true],
    ['gateway:8080', true],
    [undefined, true],
  ])('%s: %s', (host, expected) => {
    expect(allows(LISTED, undefined, host, true, true)).toBe(expected);
    expect(allows(LISTED, undefined, host, true, false)).toBe(true);
    expect(allows(LISTED, undefined, host, false, true)).toBe(true);
    expect(allows(new OriginPolicy(['*']), undefined, host, true, true)).toBe(true);
  });
});

it('* lets every page in, those without an origin of their own too', () => {
  const any = new OriginPolicy(['*']);
  expect(any.allowsAny).toBe(true);
  expect(allows(any, 'null')).toBe(true);
  expect(allows(any, 'https://evil.example', 'gw.example', true)).toBe(true);
});

it('a refusal names the origin and the setting, harmless in a log', () => {
  const refusal = LISTED.refusal({
    origin: 'https://evil\u0007',
    host: 'gw',
    overLoopback: false,
    mayHideOrigin: false,
  });
  expect(refusal?.code).toBe('PERMISSION_DENIED');
  expect(refusal?.message).toBe(
    'pages of origin "https://evil\\u0007" may not use this gateway: edge.origins does not list it',
  );
});
