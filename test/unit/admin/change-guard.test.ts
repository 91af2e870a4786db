import { describe, expect, it } from 'vitest';
import { whyNoChange } from '../../../src/admin/change-guard.js';

function asked(headers: Record<string, string>, hosts: readonly string[] = ['127.0.0.1:9464']) {
  return whyNoChange({ headers, headersDistinct: { host: [...hosts] } }, 'Admin.internal');
}

describe('whyNoChange', () => {
  it.each([
    '127.0.0.1',
    '127.0.0.1:9464',
    '10.1.2.3:80',
    '[::1]:9464',
    '[fe80::1]',
    'localhost',
    'LOCALHOST:9464',
    'admin.internal:9464',
  ])('takes a change under %s', (host) => {
    expect(asked({}, [host])).toBeUndefined();
  });

  it.each([
    'evil.example',
    'evil.example:9464',
    'localhost.evil.example',
    'evil.localhost',
    '127.0.0.1.evil.example:9464',
    '127.0.0.1:9464:1',
    '127.0.0.1@evil.example',
    '127.1',
    '::1',
    '[127.0.0.1]',
    '[localhost]',
    '[::1]evil',
    'localhost:123456',
    'xadmin.internal',
    '',
  ])('takes none under "%s", which a foreign page may be shown under', (host) => {
    expect(asked({}, [host])).toMatch(/^Host is /);
  });

  it('takes none under two names, or under none', () => {
    expect(asked({}, ['127.0.0.1', 'evil.example'])).toMatch(/^Host is "127\.0\.0\.1, evil\.example"/);
    expect(asked({}, [])).toMatch(/^Host is missing/);
    expect(whyNoChange({ headers: {}, headersDistinct: {} }, 'localhost')).toMatch(/missing/);
  });

  it.each([
    ['origin', 'https://evil.example'],
    ['origin', 'http://127.0.0.1:9464'],
    ['origin', 'null'],
    ['origin', ''],
    ['sec-fetch-site', 'cross-site'],
    ['sec-fetch-site', 'same-site'],
    ['sec-fetch-site', 'same-origin'],
    ['sec-fetch-site', 'none'],
  ])('takes none from a browser, which says %s: %s', (name, value) => {
    expect(asked({ [name]: value })).toBe(
      `Nothing is changed for a browser: the request has the header ${name}.`,
    );
  });

  it('says back of a host what is harmless in a terminal', () => {
    expect(asked({}, ['\u001b[2J'])).not.toContain('\u001b');
  });
});
