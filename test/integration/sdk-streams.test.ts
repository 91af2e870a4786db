import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connect } from '../../src/client/index.js';
import { FaultProxy } from '../helpers/fault-proxy.js';
import { startGateway } from '../helpers/gateway.js';
import { TopicServer } from '../helpers/topic-server.js';

const FILE_BYTES = 3_000_000;

let folder = '';
let input = '';
let content = Buffer.alloc(0);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-streams-'));
  input = join(folder, 'input');
  content = Buffer.alloc(FILE_BYTES);
  for (let at = 0, hash = createHash('sha256').digest(); at < FILE_BYTES; at += hash.length) {
    hash = createHash('sha256').update(hash).digest();
    hash.copy(content, at);
  }
  await writeFile(input, content);
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

it('a file goes through an echo and comes back, over a network that breaks', async () => {
  await using gateway = await startGateway();
  await using proxy = await FaultProxy.start(gateway.address, { cuts: 12, meanBytes: 300_000 });
  await using client = connect(proxy.address, { backoff: { firstMs: 1, maxMs: 20 } });
  await using session = await client.open('echo');
  const output = join(folder, 'output');
  await Promise.all([
    pipeline(createReadStream(input), session.writable()),
    pipeline(session.readable(), createWriteStream(output)),
  ]);
  expect(content.equals(await readFile(output))).toBe(true);
  expect(proxy.cuts).toBeGreaterThan(5);
});

it('chunks larger than a message are divided, and come back whole', async () => {
  await using gateway = await startGateway({ 'server.maxMessageSize': '64KiB' });
  await using client = connect(gateway.address);
  await using session = await client.open('echo');
  const chunks = Array.from({ length: 5 }, (_, n) => content.subarray(n * 300_000, (n + 1) * 300_000));
  const received: Uint8Array[] = [];
  await Promise.all([
    pipeline(Readable.from(chunks), session.writable()),
    (async () => {
      for await (const message of session) received.push(message.data);
    })(),
  ]);
  expect(received.map(({ byteLength }) => byteLength)).toEqual(chunks.map(({ byteLength }) => byteLength));
  expect(Buffer.concat(received).equals(Buffer.concat(chunks))).toBe(true);
});

it('web streams of the platform go in and out', async () => {
  await using gateway = await startGateway();
  await using client = connect(gateway.address);
  await using session = await client.open('echo');
  const response = new Response(content);
  if (response.body === null) throw new Error('a response with a body has one');
  const [back] = await Promise.all([
    new Response(session.webReadable()).arrayBuffer(),
    response.body.pipeTo(session.webWritable()),
  ]);
  expect(Buffer.from(back).equals(content)).toBe(true);
});

it('the client publishes, subscribes and ingests with its token and its name', async () => {
  await using server = await TopicServer.start();
  await using client = connect(server.address, {
    token: () => 'secret',
    clientId: 'ann',
    metadata: { 'x-more': '1' },
  });
  await using news = client.subscribe('news/world', { history: 1 });
  await client.publish('news/world', 'hello');
  expect((await news.receive())?.text).toBe('hello');
  await using upload = client.ingest('sums');
  await upload.send('40');
  await upload.send('2');
  expect((await upload.finish()).aggregates.get('sum')).toBe(42);
  expect(server.metadata).toHaveLength(3);
  for (const metadata of server.metadata) {
    expect(metadata.getMap()).toMatchObject({
      authorization: 'Bearer secret',
      'x-client-id': 'ann',
      'x-more': '1',
    });
  }
  const waiting = news.receive();
  await client.close();
  await expect(waiting).rejects.toMatchObject({ code: 'CLOSED', message: 'The client was closed.' });
  await expect(client.publish('news/world', 'late')).rejects.toMatchObject({ code: 'CLOSED' });
  await expect(client.subscribe('news/world').receive()).rejects.toMatchObject({ code: 'CLOSED' });
});

it('a route without topics, and a route that there is not, are told of', async () => {
  await using gateway = await startGateway();
  await using client = connect(gateway.address);
  await expect(client.publish('echo/b', 'x')).rejects.toMatchObject({ code: 'INVALID_MESSAGE' });
  await expect(client.subscribe('echo/b').receive()).rejects.toMatchObject({ code: 'INVALID_MESSAGE' });
  await expect(client.publish('a/b', 'x')).rejects.toMatchObject({ code: 'UNKNOWN_ROUTE' });
  await using upload = client.ingest('a');
  await expect(upload.finish()).rejects.toMatchObject({ code: 'UNKNOWN_ROUTE' });
});
