/**
 * The ceiling: bytes of any gRPC call echoed by bare node:http2, without looking at them. What a server on
 * Node can reach that does nothing at all.
 */
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';

const server = createServer();
server.on('stream', (stream) => {
  stream.on('error', () => {
    // A client that leaves in the middle is no failure of the peer.
  });
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => {
    stream.sendTrailers({ 'grpc-status': '0' });
  });
  stream.pipe(stream);
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ msg: 'gateway ready', grpc: [`127.0.0.1:${String(port)}`] })}\n`);
});
