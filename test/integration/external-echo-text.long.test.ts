/** What external-echo-text.test.ts does, over the handler that is not the default. */
import { describe, it } from 'vitest';
import { echoTextByBufCurl, echoTextByGrpcJs, echoTextByPython, TEXT_LINES } from '../helpers/echo-text.js';
import { requirePython } from '../helpers/external-clients.js';
import { startGateway } from '../helpers/gateway.js';

const settings = { 'server.streamHandler': 'grpc-js' };

describe(`${TEXT_LINES} lines through the grpc-js handler`, () => {
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
