/** A text of 100,000 lines through an echo and back, by clients that nobody here wrote. */
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Totals } from '../../src/metrics/totals.js';
import { bufCurl, pythonClient } from './external-clients.js';
import type { GatewayUnderTest } from './gateway.js';
import { StreamClient } from './stream-client.js';
import { textLines } from './text-file.js';

export const TEXT_LINES = 100_000;
const PYTHON_TIMEOUT_MS = 110_000;
const lines = textLines(TEXT_LINES);
const text = Buffer.concat(lines);

/** What the operator's address says of both directions: all was admitted, delivered, and nothing else. */
async function expectAccount(server: GatewayUnderTest): Promise<void> {
  const totals = (await (await fetch(`${server.admin}/totals`)).json()) as Totals;
  for (const flow of [totals.flow.up, totals.flow.down]) {
    expect(flow).toMatchObject({ admitted: TEXT_LINES, delivered: TEXT_LINES, dropped: 0, pending: 0 });
  }
  expect(totals.flow.up.admittedBytes).toBe(text.length);
  expect(totals.flow.down.admittedBytes).toBe(text.length);
}

/** As its users do: a write that returns false is waited for. */
export async function echoTextByGrpcJs(server: GatewayUnderTest): Promise<void> {
  using client = new StreamClient(server.address);
  for (const line of lines) {
    if (!client.sendData('file', line)) await once(client.call, 'drain');
  }
  client.halfClose();
  expect((await client.status).code).toBe(0);
  const back = client.data.map((message) => message.data);
  expect(back).toHaveLength(TEXT_LINES);
  expect(Buffer.concat(back).equals(text)).toBe(true);
  await expectAccount(server);
}

/** Call `requirePython` first. */
export async function echoTextByPython(server: GatewayUnderTest): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-text-'));
  try {
    const [input, output] = [join(folder, 'input.txt'), join(folder, 'output.txt')];
    await writeFile(input, text);
    const args = ['--address', server.address, '--input', input, '--output', output];
    const summary = await pythonClient('echo_file.py', args, PYTHON_TIMEOUT_MS);
    expect(summary).toMatchObject({ received: TEXT_LINES, code: 'OK' });
    expect((await readFile(output)).equals(text)).toBe(true);
    await expectAccount(server);
  } finally {
    await rm(folder, { recursive: true });
  }
}

export async function echoTextByBufCurl(server: GatewayUnderTest): Promise<void> {
  const result = await bufCurl({
    address: server.address,
    method: 'StreamData',
    headers: { 'x-client-id': 'buf' },
    lines: lines.map((line) => ({ sessionId: 'file', data: line.toString('base64') })),
  });
  expect(result.error).toBeUndefined();
  const [welcome, ...rest] = result.messages as {
    control?: { welcome?: object };
    data?: string;
    type: string;
  }[];
  expect(welcome?.control?.welcome).toMatchObject({ clientId: 'buf', nodeId: 'test' });
  const back = rest.filter((message) => message.type === 'MESSAGE_TYPE_DATA');
  expect(Buffer.concat(back.map(({ data }) => Buffer.from(data ?? '', 'base64'))).equals(text)).toBe(true);
  await expectAccount(server);
}
