/** What a person meets who gets it wrong: a process each, one sentence, and what it ends with. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join, resolve } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { AuthFiles, claimsOf, staticTokens } from '../helpers/auth-calls.js';
import { CertificateDirectory, TestAuthority } from '../helpers/certificates.js';
import { startGateway, type Settings } from '../helpers/gateway.js';
import { runProcess, type RunResult } from '../helpers/run-process.js';
import { makeTokenKey, publicPem, signToken } from '../helpers/tokens.js';

const root = resolve(import.meta.dirname, '../..');
const FEW = randomBytes(32).toString('base64url');
const WRONG = randomBytes(32).toString('base64url');
const EXPIRED_KEY = makeTokenKey('ES256', { kid: 'k1' });
const EXPIRED = signToken(EXPIRED_KEY, {
  ...claimsOf('ann', { iss: 'https://id.example', aud: 'sluice' }),
  iat: 1_000_000,
  exp: 1_000_600,
});

function sluice(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<RunResult> {
  const program = resolve(root, 'src/main.ts');
  return runProcess(process.execPath, ['--import', 'tsx', program, ...argv], { timeoutMs: 60_000, env });
}

const certificates = new CertificateDirectory();
const files = new AuthFiles();
/** Ends what a test has started. */
const endings: (() => Promise<unknown>)[] = [];

async function gateway(settings: Settings = {}): Promise<string> {
  const started = await startGateway(settings);
  endings.push(() => started[Symbol.asyncDispose]());
  return started.address;
}

async function listen(server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  endings.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((done) => server.close(done));
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function listenGrpc(server: grpc.Server): Promise<string> {
  const port = await new Promise<number>((done, fail) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) done(bound);
      else fail(error);
    });
  });
  endings.push(async () => {
    server.forceShutdown();
  });
  return `127.0.0.1:${port}`;
}

/** An address where somebody was. */
async function nobody(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return `127.0.0.1:${port}`;
}

/** A gateway of the future. */
function newerGateway(): grpc.Server {
  const definition = loadSync(resolve(root, 'proto/sluice/v1/stream.proto'));
  const service = definition['sluice.v1.StreamService'] as grpc.ServiceDefinition;
  const server = new grpc.Server();
  const welcome = {
    type: 'MESSAGE_TYPE_CONTROL',
    control: {
      welcome: { connectionId: 'c', clientId: 'me', nodeId: 'n', protocolVersion: 2, maxMessageBytes: 65536 },
    },
  };
  const unserved = (): void => undefined;
  server.addService(service, {
    StreamData: (call: grpc.ServerDuplexStream<object, object>) => call.write(welcome),
    StreamBatches: (call: grpc.ServerDuplexStream<object, object>) => call.write({ messages: [welcome] }),
    Subscribe: unserved,
    Ingest: unserved,
    Publish: unserved,
  });
  return server;
}

beforeAll(async () => {
  const authority = await TestAuthority.create();
  const pair = await authority.issue({ name: 'localhost' });
  certificates.write('server.crt', pair.cert);
  certificates.write('server.key', pair.key);
});

afterEach(async () => {
  await Promise.all(endings.splice(0).map((end) => end()));
});

afterAll(() => {
  certificates.remove();
  files[Symbol.dispose]();
});

/** What is there; each gives its address. */
const WORLD = {
  nobody,
  plain: () => gateway(),
  tls: () =>
    gateway({
      'server.tls.certificateFile': join(certificates.path, 'server.crt'),
      'server.tls.keyFile': join(certificates.path, 'server.key'),
    }),
  static: () => {
    const few = { token: FEW, subject: 'bob', permissions: ['open:other'] };
    return gateway({
      'auth.methods': 'static',
      'auth.static.file': files.write('tokens', staticTokens(few)),
    });
  },
  jwt: () =>
    gateway({
      'auth.methods': 'jwt',
      'auth.jwt.keyFile': files.write('key.pem', publicPem(EXPIRED_KEY)),
      'auth.jwt.issuer': 'https://id.example',
      'auth.jwt.audience': 'sluice',
    }),
  http: () => listen(createHttpServer((_, response) => response.end('hello'))),
  silent: () => listen(createServer()),
  grpc: () => listenGrpc(new grpc.Server()),
  newer: () => listenGrpc(newerGateway()),
  'an unknown host': () => Promise.resolve('gateway.invalid:50051'),
  'no address': () => Promise.resolve('a b'),
} as const;

interface Case {
  readonly name: string;
  readonly at: keyof typeof WORLD;
  readonly argv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly route?: string;
  readonly code: number;
  readonly says: readonly (string | RegExp)[];
}

const CASES: readonly Case[] = [
  {
    name: 'nobody there',
    at: 'nobody',
    code: 69,
    says: ['connection refused', 'sluice serve', '--address', 'UNREACHABLE'],
  },
  {
    name: 'an unknown host',
    at: 'an unknown host',
    code: 69,
    says: ['gateway.invalid:50051', /unknown|looked up/],
  },
  { name: 'no address', at: 'no address', code: 64, says: ['--address', '"a b"', 'sluice help send'] },
  {
    name: 'TLS to plaintext',
    at: 'plain',
    argv: ['--tls'],
    code: 76,
    says: ['does not speak TLS', 'leave out --tls', 'TLS_MISMATCH'],
  },
  {
    name: 'plaintext to TLS',
    at: 'tls',
    code: 76,
    says: ['expects TLS', '--tls', '--tls-ca', 'TLS_MISMATCH'],
  },
  {
    name: 'an unknown authority',
    at: 'tls',
    argv: ['--tls'],
    code: 77,
    says: ['not trusted here', '--tls-ca', 'BAD_CERTIFICATE'],
  },
  { name: 'no token', at: 'static', code: 77, says: ['--token-file', 'UNAUTHENTICATED'] },
  {
    name: 'a wrong token',
    at: 'static',
    env: { SLUICE_TOKEN: WRONG },
    code: 77,
    says: ['the token is not known', '--token-file', 'UNAUTHENTICATED'],
  },
  {
    name: 'an expired token',
    at: 'jwt',
    env: { SLUICE_TOKEN: EXPIRED },
    code: 77,
    says: ['expired', '--token-file'],
  },
  {
    name: 'no permission',
    at: 'static',
    env: { SLUICE_TOKEN: FEW },
    code: 77,
    says: ['permission open:echo is missing', 'PERMISSION_DENIED'],
  },
  { name: 'no such route', at: 'plain', route: 'ehco', code: 1, says: ['"ehco"', 'UNKNOWN_ROUTE'] },
  {
    name: 'a newer protocol',
    at: 'newer',
    code: 76,
    says: ['2', 'Install a newer sluice here', 'NEWER_PROTOCOL'],
  },
  {
    name: 'an HTTP/1.1 server',
    at: 'http',
    code: 76,
    says: ['not in HTTP/2', 'server.listen', 'NOT_SLUICE'],
  },
  { name: 'another gRPC server', at: 'grpc', code: 76, says: ['NOT_SLUICE'] },
  {
    name: 'a server that says nothing',
    at: 'silent',
    code: 69,
    says: [/within \d+ ms/, '--address', 'UNREACHABLE'],
  },
  {
    name: 'a token that is none',
    at: 'plain',
    env: { SLUICE_TOKEN: 'two words' },
    code: 64,
    says: ['SLUICE_TOKEN: expected a token', 'without spaces'],
  },
  {
    name: 'a client ID that is none',
    at: 'plain',
    argv: ['--client-id', 'ä'],
    code: 64,
    says: ['--client-id is', '1 to 128 printable'],
  },
  {
    name: 'a token file that is not there',
    at: 'plain',
    argv: ['--token-file', '/nonexistent'],
    code: 66,
    says: ['--token-file', 'there is no such file'],
  },
  {
    name: 'a certificate without its key',
    at: 'tls',
    argv: ['--tls-cert', 'x'],
    code: 64,
    says: ['--tls-key is missing'],
  },
];

describe('one clear sentence, and an exit code', () => {
  test.each(CASES)('$name', async ({ at: where, argv = [], env = {}, route = 'echo', code, says }) => {
    const address = await WORLD[where]();
    const result = await sluice(['send', route, '--data', 'x', '--address', address, ...argv], env);
    expect(result.stdout).toBe('');
    expect(result.stderr).toMatch(/^sluice send: [^\n]+\n$/);
    for (const words of says)
      expect(result.stderr).toMatch(words instanceof RegExp ? words : new RegExp(escaped(words)));
    for (const secret of [FEW, WRONG, EXPIRED, 'two words']) expect(result.stderr).not.toContain(secret);
    expect(result.exitCode).toBe(code);
  });

  test.each(['tail', 'chat', 'ping', 'bench'])('%s says the same', async (command) => {
    const result = await sluice([command, '--address', await nobody()]);
    expect(result.stderr).toMatch(new RegExp(`^sluice ${command}: Nothing answers at [^\n]+\n$`));
    expect(result).toMatchObject({ stdout: '', exitCode: 69 });
  });

  test('the first of several addresses that answers is taken', async () => {
    const addresses = `${await nobody()},${await gateway()}`;
    const result = await sluice(['send', 'echo', '--data', 'x', '--address', addresses]);
    expect(result).toMatchObject({ stdout: 'x\n', exitCode: 0 });
  });
});

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
