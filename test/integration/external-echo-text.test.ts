/** Clients that nobody here wrote: a text of 100,000 lines there and back, a schema by reflection, an error they can read. */
import { describe, expect, it } from 'vitest';
import { echoTextByGrpcJs, TEXT_LINES } from '../helpers/echo-text.js';
import { bufCurl } from '../helpers/external-clients.js';
import { startGateway } from '../helpers/gateway.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';

// Over the default handler; the other clients and the other handler have their turn in the long test.
it(`${TEXT_LINES} lines come back byte for byte, in order, from plain grpc-js`, async () => {
  await using server = await startGateway();
  await echoTextByGrpcJs(server);
});

describe('buf curl', () => {
  it.each(STREAM_HANDLERS)(
    'holds a conversation with no schema but what reflection tells it: %s',
    async (streamHandler) => {
      await using server = await startGateway({ 'server.streamHandler': streamHandler });
      const result = await bufCurl({
        address: server.address,
        method: 'StreamData',
        schema: 'reflection',
        lines: [{ sessionId: 'a', data: Buffer.from('hello').toString('base64'), key: 'k' }],
      });
      expect(result.error).toBeUndefined();
      expect(result.messages.at(-1)).toMatchObject({
        sessionId: 'a',
        data: Buffer.from('hello').toString('base64'),
        key: 'k',
      });
    },
  );

  it.each(STREAM_HANDLERS)('is told what was wrong, in details it can read: %s', async (streamHandler) => {
    await using server = await startGateway({ 'server.streamHandler': streamHandler });
    const result = await bufCurl({
      address: server.address,
      method: 'StreamData',
      headers: { 'x-route': 'nowhere' },
      lines: [],
    });
    expect(result.error).toMatchObject({ code: 'not_found', message: expect.stringContaining('"nowhere"') });
    expect(JSON.stringify(result.error?.details)).toContain('google.rpc.ErrorInfo');
  });
});
