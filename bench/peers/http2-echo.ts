/**
 * A yardstick: bytes of any gRPC call echoed by bare node:http2, piped, without looking at them.
 */
import { createSecureServer, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';

import { announce, HOST, tlsFromFlags } from './peer.js';

const tls = tlsFromFlags();
const server = tls === undefined ? createServer() : createSecureServer(tls);
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
server.listen(0, HOST, () => {
  announce((server.address() as AddressInfo).port);
});
