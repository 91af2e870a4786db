import * as grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect } from '../../src/client/index.js';
import { CertificateDirectory, TestAuthority } from '../helpers/certificates.js';
import { type GatewayUnderTest, startGateway } from '../helpers/gateway.js';
import { accepts, SessionBackend } from '../helpers/session-backend.js';
import { upstreamSettings } from '../helpers/upstream-settings.js';

const directory = new CertificateDirectory();
let authority: TestAuthority;
let files: { readonly caFile: string; readonly certificateFile: string; readonly keyFile: string };

beforeAll(async () => {
  authority = await TestAuthority.create();
  const own = await authority.issue({ name: 'gateway' });
  files = {
    caFile: directory.write('ca.pem', authority.cert),
    certificateFile: directory.write('gateway.pem', own.cert),
    keyFile: directory.write('gateway.key', own.key),
  };
});
afterAll(() => {
  directory.remove();
});

/** A backend that asks for a certificate. */
async function securedBackend(): Promise<SessionBackend> {
  const { cert, key } = await authority.issue({ name: 'backend' });
  const pair = { cert_chain: Buffer.from(cert), private_key: Buffer.from(key) };
  const credentials = grpc.ServerCredentials.createSsl(Buffer.from(authority.cert), [pair], true);
  return SessionBackend.start(accepts, { credentials });
}

const reasonOf = (under: GatewayUnderTest): unknown =>
  under.log.find(({ message }) => message === 'a backend takes no new sessions')?.fields;

test('backends with TLS: with the authority and the certificate that they ask for', async () => {
  await using backend = await securedBackend();
  await using under = await startGateway(upstreamSettings([`grpcs://${backend.address}`], files));
  await using client = connect(under.address);
  const session = await client.open('up');
  await session.sendAndWait('one');
  expect(backend.last.texts).toEqual(['one']);
});

test.each([
  ['an authority that is not trusted', {}, "not trusted here: give that authority's certificate as caFile"],
  ['a certificate that it lacks', { caFile: '' }, 'certificate'],
])('%s is told in the log', async (_, own, reason) => {
  await using backend = await securedBackend();
  const settings = 'caFile' in own ? { caFile: files.caFile } : {};
  await using under = await startGateway(upstreamSettings([`grpcs://${backend.address}`], settings));
  while (reasonOf(under) === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(reasonOf(under)).toMatchObject({ state: 'unreachable', reason: expect.stringContaining(reason) });
});

test.each([
  [{ caFile: '/none/ca.pem' }, 'upstreams.it.caFile: "/none/ca.pem" can\'t be read'],
  [{ caFile: 'package.json' }, "upstreams.it: caFile can't be used: it is not PEM."],
])('a file that can not be used stops the start: %j', async (own, expected) => {
  await expect(startGateway(upstreamSettings(['grpcs://127.0.0.1:1'], own))).rejects.toThrow(expected);
});
