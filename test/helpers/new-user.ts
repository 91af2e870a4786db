/** What whoever installs the package does first. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import { manifest, type Project } from './packed-package.js';

/** Ways in which a project's TypeScript may be set up. */
export const COMPILERS = {
  'NodeNext, exactOptionalPropertyTypes': { module: 'NodeNext', exactOptionalPropertyTypes: true },
  NodeNext: { module: 'NodeNext' },
  'bundler, exactOptionalPropertyTypes': {
    ...{ module: 'ESNext', moduleResolution: 'bundler', exactOptionalPropertyTypes: true },
  },
  bundler: { module: 'ESNext', moduleResolution: 'bundler' },
} as const;

/** `sluice serve` of the project, and its address. */
async function serve(project: Project): Promise<AsyncDisposable & { readonly address: string }> {
  const args = [
    'serve',
    '--server.listen',
    '127.0.0.1:0',
    '--edge.listen',
    '127.0.0.1:0',
    '--admin.listen',
    '127.0.0.1:0',
  ];
  const child = spawn(process.execPath, [project.sluice, ...args], {
    cwd: project.folder,
    env: { ...process.env, SLUICE_LOG_FORMAT: 'json' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  let address = '';
  for await (const line of createInterface(child.stdout)) {
    const said = JSON.parse(line) as { readonly msg: string; readonly grpc?: readonly string[] };
    if (said.msg !== 'gateway ready') continue;
    address = said.grpc?.[0] ?? '';
    break;
  }
  child.stdout.resume();
  return {
    address,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
    },
  };
}

/** The first program of docs/sdk.md, with this address. */
async function firstProgram(address: string): Promise<string> {
  const page = await readFile(join(import.meta.dirname, '../../docs/sdk.md'), 'utf8');
  const program = /^```ts\n([^`]*from 'sluice\/client'[\s\S]*?)^```$/m.exec(page)?.[1] ?? '';
  const changed = program.replace('localhost:50051', address);
  expect(changed).toContain(address);
  return changed;
}

/** Every entry, with what types alone can have, as a user may write it: a route, and its test without a network. */
const EVERY_ENTRY = `
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { defineMiddleware, defineRoute, Gateway, type GatewayOptions, type ModuleSession, type Pushed, type Route } from 'sluice';
import { ClientError, connect, type Client, type ConnectOptions, type Message, type OpenOptions, type Session } from 'sluice/client';
import { FakeClock, memoryGateway } from 'sluice/testing';
import manifest from 'sluice/package.json' with { type: 'json' };

const upper: Route = {
  kind: 'upper',
  open: (session) => ({ handle: ({ data }) => session.send({ data: Buffer.from(Buffer.from(data).toString().toUpperCase()) }) }),
};
// As in a module of its own: the state is what open returns, everything is typed by itself.
const counted = defineRoute({
  open: (session) => ({ from: session.clientId, count: 0, signal: session.signal }),
  async *message({ text, signal }, session, state) {
    if (signal.aborted) return;
    state.count += 1;
    yield text.toUpperCase();
    yield { data: state.from, metadata: { count: String(state.count) }, ttlMs: 1_000 };
    session.logger.debug({ route: session.context.routeName }, 'said twice');
  },
  close: ({ count }) => console.log('closed after', count.toFixed()),
});
// Without open there is no state; what is returned is sent.
const bare = defineRoute({ message: (message) => message });
const slow = defineRoute({ open: async ({ subject }: ModuleSession) => subject.length, message: ({ text }, _session, length) => text.repeat(length) });
export const wrong = (): void => {
  // @ts-expect-error a number can't be sent
  defineRoute({ message: () => 5 });
  // @ts-expect-error there is no such property
  defineRoute({ message: () => undefined, onMessage: () => undefined });
};
const timed = defineMiddleware({ message: async ({ data }, session, next) => (data.length > session.subject.length ? next() : undefined) });
export const every: Record<string, Route> = { counted, bare, slow };
export const options: GatewayOptions['middleware'] = [timed, (route, { name }) => (name === 'x' ? route : { ...route, kind: 'y' })];
export const push = (gateway: Gateway): Promise<Pushed> => gateway.client('ann').send('hello', { route: 'counted' });

const opening: OpenOptions = {
  window: { messages: 8 },
  onGap: ({ fromSequence, toSequence, reason }) => console.log(toSequence - fromSequence, reason.length),
  onReset: ({ error, resend }) => (error.code === 'RESET' ? resend() : undefined),
};
async function talk(client: Client, signal?: AbortSignal): Promise<readonly Message[]> {
  await using session: Session = await client.open('upper', signal === undefined ? opening : { ...opening, signal });
  await session.send(new Uint8Array([97]), { key: 'a', metadata: { b: 'c' } });
  await session.sendAndWait('b');
  await pipeline(Readable.from(['c', 'd']), session.writable());
  session.end();
  const messages: Message[] = [];
  for await (const message of session) messages.push(message);
  return messages;
}
await using gateway = memoryGateway({ routes: { upper } });
await using inside = gateway.connect();
console.log((await talk(inside)).map(({ text }) => text).join(''));

const connecting: ConnectOptions = { token: async (signal) => (signal.aborted ? '' : 'secret'), clientId: 'ann' };
await using outside = connect(['localhost:1', 'localhost:2'], connecting);
console.log(manifest.version, outside.state, new ClientError('CLOSED', 'over').retry, new FakeClock().activeTimers);
export const start = (options: GatewayOptions): Promise<void> => new Gateway(options).start();
`;

/** In JavaScript that every supported Node.js takes as it is. */
const PLAIN = (address: string): string => `
import { connect } from 'sluice/client';
const client = connect('${address}');
const session = await client.open('echo');
await session.send('hello');
for await (const message of session) {
  console.log(message.text);
  break;
}
await session.close();
await client.close();
`;

const REQUIRED = (address: string): string => `
const { connect } = require('sluice/client');
connect('${address}').ping().then((ms) => { console.log(ms >= 0); process.exit(); });
`;

const STUBS = `
import { readdirSync } from 'node:fs';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
const definition = loadSync('sluice/v1/stream.proto', { includeDirs: ['node_modules/sluice/proto'] });
console.log(Object.keys(grpc.loadPackageDefinition(definition).sluice.v1.StreamService.service).join());
`;

/** Imports, types, command, gateway, client, protos; everything but the ways to compile that are left to others. */
export async function tryAsNewUser(
  project: Project,
  compilers: readonly (keyof typeof COMPILERS)[],
): Promise<void> {
  const run = async (...args: readonly string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await project.node(...args);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    return stdout;
  };
  expect(await run(project.sluice, '--version')).toBe(`${manifest.version}\n`);

  await using gateway = await serve(project);
  await project.write('plain.js', PLAIN(gateway.address));
  expect(await run('plain.js')).toBe('hello\n');
  await project.write('required.cjs', REQUIRED(gateway.address));
  expect(await run('required.cjs')).toBe('true\n');
  await project.write('stubs.js', STUBS);
  expect(await run('stubs.js')).toContain('StreamData');

  await project.write('first.ts', await firstProgram(gateway.address));
  await project.write('every.ts', EVERY_ENTRY);
  for (const compiler of compilers) {
    const said = await project.compile(['first.ts', 'every.ts'], COMPILERS[compiler]);
    expect({ compiler, said }).toEqual({ compiler, said: '' });
    expect(await run('build/first.js')).toBe('hello\n');
    expect(await run('build/every.js')).toBe(`ABCD\n${manifest.version} idle never 0\n`);
  }
}
