/** Clients that nobody here wrote: a text of 100,000 lines there and back, a schema by reflection, an error they can read. */
import { describe, expect, it } from 'vitest';
import { echoTextByBufCurl, echoTextByGrpcJs, echoTextByPython, TEXT_LINES } from '../helpers/echo-text.js';
import { bufCurl, requirePython } from '../helpers/external-clients.js';
import { startGateway } from '../helpers/gateway.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';

// Each client over the default handler; the other handler's turn is in the long test.
describe(`${TEXT_LINES} lines come back byte for byte, in order`, () => {
  it('from plain grpc-js', async () => {
    await using server = await startGateway();
    await echoTextByGrpcJs(server);
  });

  it("from Python's grpcio", async (context) => {
    await requirePython(context);
    await using server = await startGateway();
    await echoTextByPython(server);
  });

  it('from buf curl', async () => {
    await using server = await startGateway();
    await echoTextByBufCurl(server);
  });
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
