/** With a grpc-js in which connections can't be told apart, a certificate would pass for none. */
import { expect, it, vi } from 'vitest';
import { StartError } from '../../src/core/start-error.js';
import { GrpcServer } from '../../src/transport/grpc/grpc-server.js';
import { CertificateDirectory, TestAuthority } from '../helpers/certificates.js';
import { LogCollector, serverOptions } from '../helpers/grpc-server.js';

vi.mock('../../src/transport/grpc/http2-server.js', () => ({ findHttp2Server: () => undefined }));

it('asks for no certificates that streams could not know of: it does not start', async (context) => {
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
  const asking = new GrpcServer(
    serverOptions({ tls: { ...tls, clientCaFile: directory.write('clients.pem', authority.cert) } }),
  );
  const error: unknown = await asking.start(() => expect.unreachable()).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(StartError);
  expect(error).toMatchObject({ setting: 'server.tls.clientCaFile' });
  expect(asking.addresses).toEqual([]);

  const logger = new LogCollector();
  const plain = new GrpcServer(serverOptions({ tls, logger }));
  await plain.start(() => expect.unreachable());
  expect(logger.count('HTTP/2 limits are off')).toBe(1);
  await plain.destroy();
});
