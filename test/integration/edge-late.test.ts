/** Requests of the HTTP edge that do not come in time, or are none: who is told, and of whom the operator hears. */
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { dataMessage } from '../../src/wire/messages.js';
import { serveEdge } from '../helpers/edge-server.js';
import { RawHttp } from '../helpers/edge-world.js';

const ABOUT = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';
const FOLLOW = 'GET /v1/topics/news/x HTTP/1.1\r\nhost: x\r\n\r\n';
const PUBLISH = 'POST /v1/topics/news/x HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi';
const HALF = 'GET /v1/openapi.json HTTP/1.1\r\nhost: x\r\n';

/** Its socket has none before it is connected, and none when it is closed. */
async function portOf({ socket }: RawHttp): Promise<number | undefined> {
  await once(socket, 'connect');
  return socket.localPort;
}

it('who has asked for nothing is not refused; 408 answers the request that is late, and no other', async () => {
  const refused: string[] = [];
  await using serving = await serveEdge({
    headersTimeoutMs: 3_000,
    requestTimeoutMs: 3_000,
    onRefused: ({ code }, peer) => refused.push(`${code} ${peer}`),
  });
  const open = (text: string): RawHttp => new RawHttp(serving.base).say(text);
  await using silent = open('');
  await using half = open(HALF);
  await using afterAnswer = open(`${ABOUT}${HALF}`);
  await using behindWaiting = open(`${PUBLISH}${HALF}`);
  await using behindBegun = open(FOLLOW);
  const late = [half, afterAnswer, behindWaiting, behindBegun];
  const ports = await Promise.all(late.map(portOf));
  await expect.poll(() => serving.streams.length).toBe(2);
  const following = serving.streams.find(({ method }) => method === 'Subscribe');
  following?.send([dataMessage({ data: Buffer.from('news'), sequence: 1 })]);
  await behindBegun.heard(/data: news\n/);
  behindBegun.say(HALF);

  const told = /^HTTP\/1\.1 408 Request Timeout\r\n(?:(?!HTTP\/)[^])*"RECEIVE_TIMEOUT"/;
  expect(await silent.closed).toMatch(told);
  expect(await half.closed).toMatch(told);
  expect(await afterAnswer.closed).not.toMatch(/^HTTP\/1\.1 408 /);
  expect(await behindWaiting.closed).toBe('');
  expect(await behindBegun.closed).toMatch(/^HTTP\/1\.1 200 OK\r\n(?:(?!HTTP\/)[^])*$/);
  expect(refused.sort()).toEqual(ports.map((port) => `RECEIVE_TIMEOUT 127.0.0.1:${port ?? 0}`).sort());
});

it('what is no request gets no answer that would be taken for the one to a request before it', async () => {
  const refused: unknown[] = [];
  await using serving = await serveEdge({ onRefused: (error) => refused.push(error) });
  await using publishing = new RawHttp(serving.base);
  publishing.say(`${PUBLISH}this is none\r\n\r\n`);
  expect(await publishing.closed).toBe('');
  expect(serving.streams).toHaveLength(1);
  expect(refused).toEqual([]);
});
