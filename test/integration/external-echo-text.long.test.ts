/** What external-echo-text.test.ts does, by every client and over both handlers. */
import { describe, it } from 'vitest';
import { echoTextByBufCurl, echoTextByGrpcJs, echoTextByPython, TEXT_LINES } from '../helpers/echo-text.js';
import { requirePython } from '../helpers/external-clients.js';
import { startGateway } from '../helpers/gateway.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';

describe.each(STREAM_HANDLERS)(`${TEXT_LINES} lines through the %s handler`, (streamHandler) => {
  const settings = { 'server.streamHandler': streamHandler };

  it('from plain grpc-js', async () => {
    await using server = await startGateway(settings);
    await echoTextByGrpcJs(server);
  });

  it("from Python's grpcio", async (context) => {
    await requirePython(context);
    await using server = await startGateway(settings);
    await echoTextByPython(server);
  });

  it('from buf curl', async () => {
    await using server = await startGateway(settings);
    await echoTextByBufCurl(server);
  });
});
