import { describe, expect, it } from 'vitest';
import { ClientError } from '../../../src/client/client-error.js';

describe('ClientError', () => {
  it('says in JSON what it says otherwise, and nothing of its cause', () => {
    const error = new ClientError('OVERLOADED', 'too much', { retryAfterMs: 5, cause: new Error('secret') });
    expect(JSON.parse(JSON.stringify({ kind: 'disconnected', error }))).toEqual({
      kind: 'disconnected',
      error: {
        name: 'ClientError',
        code: 'OVERLOADED',
        message: 'too much',
        scope: error.scope,
        retry: 'backoff',
        retryAfterMs: 5,
      },
    });
    const gap = { fromSequence: 1, toSequence: 3, reason: 'overflow' };
    expect(JSON.parse(JSON.stringify(new ClientError('GAP', 'lost', { gap })))).toMatchObject({ gap });
  });
});
