import { expect, test } from 'vitest';
import { socketRefusal } from '../../../src/edge/socket-refusal.js';

test('it is a whole answer of HTTP, with the error and when to come again', () => {
  const [head = '', body = ''] = socketRefusal(7).toString().split('\r\n\r\n');
  expect(head.split('\r\n')).toEqual(
    expect.arrayContaining([
      'HTTP/1.1 503 Service Unavailable',
      'connection: close',
      'retry-after: 5',
      `content-length: ${Buffer.byteLength(body)}`,
    ]),
  );
  expect(JSON.parse(body)).toMatchObject({
    error: {
      code: 'CONNECTION_LIMIT',
      retryAfterMs: 5_000,
      message: expect.stringContaining('= 7 ') as string,
    },
  });
});
