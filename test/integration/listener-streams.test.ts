import { connect } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { StreamAcceptor } from '../../src/transport/contract.js';
import { CertificateDirectory, TestAuthority } from '../helpers/certificates.js';
import { bufCurl } from '../helpers/external-clients.js';
import { healthClient, startServer } from '../helpers/grpc-server.js';

/** Sends back what comes; the end of the client's messages is the end of the call. */
const echo: StreamAcceptor = (stream) => ({
  room: 16,
  onMessages: (messages) => {
    stream.send([...messages]);
  },
  onHalfClose: () => {
    stream.end();
  },
  onInvalid: (error) => {
    stream.end(error);
  },
  onWritten: () => {},
  onClose: () => {},
});

describe.each(['direct', 'grpc-js'] as const)('streamHandler %s', (streamHandler) => {
  it('carries a conversation with buf curl over TCP and TLS', async (context) => {
    const directory = new CertificateDirectory();
    context.onTestFinished(() => {
      directory.remove();
    });
    const authority = await TestAuthority.create();
    const pair = await authority.issue({ name: 'server' });
    const tls = {
      certificateFile: directory.write('server.pem', pair.cert),
      keyFile: directory.write('server.key', pair.key),
      reloadIntervalMs: 0,
    };
    const caFile = directory.write('ca.pem', authority.cert);
    const plain = await startServer(context, { streamHandler, accept: echo, reflection: true });
    const secure = await startServer(context, { streamHandler, accept: echo, reflection: true, tls });
    const lines = [{ sessionId: 's', data: 'AQI=' }, { data: 'Aw==' }];
    for (const address of [
      { address: plain.target },
      { address: `localhost:${String(secure.port)}`, caFile },
    ]) {
      const result = await bufCurl({ ...address, method: 'StreamData', lines, schema: 'reflection' });
      expect(result.error).toBeUndefined();
      expect(result.messages).toMatchObject(lines);
    }
    expect([...plain.log.lines, ...secure.log.lines]).toEqual([]);
  });
});

it('outlives sockets that are reset at any moment, with TLS and without', async (context) => {
  const directory = new CertificateDirectory();
  context.onTestFinished(() => {
    directory.remove();
  });
  const authority = await TestAuthority.create();
  const pair = await authority.issue({ name: 'server' });
  const tls = {
    certificateFile: directory.write('server.pem', pair.cert),
    keyFile: directory.write('server.key', pair.key),
    reloadIntervalMs: 0,
  };
  for (const settings of [{}, { tls }]) {
    const { server, port, target, metrics } = await startServer(context, { ...settings, maxSockets: 1_000 });
    const bytes = [
      Buffer.alloc(0),
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      Buffer.from([22, 3, 1, 0, 9, 1]),
    ];
    const sockets = Array.from({ length: 150 }, (_, n) => {
      const socket = connect({ port, host: '127.0.0.1' });
      socket.on('error', () => {});
      socket.once('connect', () => {
        socket.write(bytes[n % bytes.length]!);
        if (n % 2 === 0) socket.resetAndDestroy();
        else setImmediate(() => socket.resetAndDestroy());
      });
      return once(socket, 'close');
    });
    await Promise.all(sockets);
    await expect.poll(() => [metrics.socketsAccepted > 0, server.socketCount]).toEqual([true, 0]);
    if (!('tls' in settings)) {
      expect(await healthClient(context, target).check()).toEqual({ status: 'NOT_SERVING' });
    }
  }
});
