/** The SDK as browsers have it, over the package ws, with a whole gateway. */
import { expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { connect as connectGrpc } from '../../src/client/index.js';
import { type Client, connect, type ConnectOptions } from '../../src/client/web.js';
import { AuthFiles, staticTokens } from '../helpers/auth-calls.js';
import { FaultProxy } from '../helpers/fault-proxy.js';
import { type GatewayUnderTest, type Settings, startGateway } from '../helpers/gateway.js';

const ROUTES = '{"board":{"kind":"topic"},"echo":{"kind":"echo"}}';

function start(settings: Settings = {}): Promise<GatewayUnderTest> {
  return startGateway({ 'edge.enabled': true, routes: ROUTES, ...settings });
}

function client(gateway: { readonly edge: string }, options: ConnectOptions = {}): Client {
  return connect(gateway.edge, { WebSocket, ...options });
}

it.each([true, false])('opens, sends, receives and closes; batches: %s', async (batches) => {
  await using gateway = await start();
  await using web = client(gateway, { clientId: 'ann', batches });
  const session = await web.open('echo');
  for (let n = 1; n <= 1_000; n += 1) await session.send(String(n));
  session.end();
  const echoed: string[] = [];
  for await (const { text } of session) echoed.push(text);
  expect(echoed).toEqual(Array.from({ length: 1_000 }, (_, index) => String(index + 1)));
  expect((await session.closed).error).toBeUndefined();
  expect(web.clientId).toBe('ann');
  expect(await web.ping()).toBeGreaterThan(0);
});

it('publishes, follows and uploads', async () => {
  await using gateway = await start();
  await using web = client(gateway);
  const followed = web.subscribe('board/news', { history: 10 });
  const first = await web.publish('board/news', 'one');
  expect(await web.publish('board/news', 'two')).toMatchObject({ sequence: first.sequence + 1 });
  expect((await followed.receive())?.text).toBe('one');
  expect((await followed.receive())?.text).toBe('two');
  await followed.close();
  const upload = web.ingest('echo');
  for (let n = 0; n < 100; n += 1) await upload.send('x');
  expect(await upload.finish()).toMatchObject({ messages: 100, bytes: 100 });
});

it('resumes its sessions over a cut, with nothing lost or seen twice', async () => {
  await using gateway = await start();
  await using network = await FaultProxy.start(new URL(gateway.edge).host);
  await using web = client({ edge: `ws://${network.address}` }, { backoff: { firstMs: 1, maxMs: 20 } });
  const session = await web.open('echo');
  const echoed: number[] = [];
  for (let n = 1; n <= 60; n += 1) {
    await session.send(String(n));
    if (n % 20 === 0) network.cutAll('reset');
  }
  while (echoed.length < 60) echoed.push(Number((await session.receive())?.text));
  expect(echoed).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
});

it('talks with a client of the other door', async () => {
  await using gateway = await start();
  await using web = client(gateway, { clientId: 'web' });
  await using grpc = connectGrpc(gateway.address, { clientId: 'grpc' });
  const near = await web.open('board', { subject: 'room' });
  const far = await grpc.open('board', { subject: 'room' });
  await near.send('from the page');
  await far.send('from gRPC');
  const heard = async (session: typeof near) => [
    (await session.receive())?.text,
    (await session.receive())?.text,
  ];
  const [here, there] = await Promise.all([heard(near), heard(far)]);
  expect(here.toSorted()).toEqual(['from gRPC', 'from the page']);
  expect(there).toEqual(here);
});

it('tells an honest reset across a restart of the gateway', async () => {
  const gateway = await start();
  const host = new URL(gateway.edge).host;
  await using network = await FaultProxy.start(host);
  await using web = client({ edge: `ws://${network.address}` }, { backoff: { firstMs: 1, maxMs: 20 } });
  const resets: string[] = [];
  const session = await web.open('echo', { onReset: ({ error }) => resets.push(error.code) });
  await session.sendAndWait('before');
  expect((await session.receive())?.text).toBe('before');
  network.cutAll('reset');
  await gateway[Symbol.asyncDispose]();
  await using anew = await start({ 'edge.listen': host });
  expect(anew.gateway.sessions).toBeLessThan(2);
  await session.sendAndWait('after');
  expect((await session.receive())?.text).toBe('after');
  expect(resets).toHaveLength(1);
});

it('shows its token among the subprotocols, and is told why it is refused', async () => {
  using files = new AuthFiles();
  const token = 'the-token-of-ann-which-is-long-enough';
  const file = files.write('tokens.json', staticTokens({ token, subject: 'ann' }));
  await using gateway = await start({ 'auth.methods': 'static', 'auth.static.file': file });
  await using ann = client(gateway, { token });
  await ann.open('echo');
  expect(ann.clientId).toBe('ann');
  await using nobody = client(gateway, { token: 'wrong', openTimeoutMs: 5_000 });
  await expect(nobody.open('echo')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
});

it('finds nobody where nobody is, and says what the platform says', async () => {
  await using web = connect('ws://127.0.0.1:1', { WebSocket, openTimeoutMs: 0 });
  await expect(web.open('echo')).rejects.toMatchObject({
    code: 'UNREACHABLE',
    message: expect.stringContaining('ECONNREFUSED') as string,
  });
});

it('takes no options that a page can not show', () => {
  expect(() => connect('ws://host', { WebSocket, metadata: { traceparent: 'x' } })).toThrow(
    "metadata.traceparent can't be shown",
  );
  expect(() => connect('ws://host', { WebSocket, tls: {} } as ConnectOptions)).toThrow(
    'There is no option tls',
  );
  expect(() => connect([], { WebSocket })).toThrow('There is no address');
});
