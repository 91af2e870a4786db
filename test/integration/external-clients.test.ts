/** The helpers that drive foreign clients, tried on a plain grpc-js echo server: what fails later is the gateway. */
import { readFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bufCurl, pythonClient, requirePython } from '../helpers/external-clients.js';

interface Message {
  readonly sessionId: string;
  readonly data: Buffer;
}

function echo(call: grpc.ServerDuplexStream<Message, Message>): void {
  call.on('data', (message: Message) => {
    if (message.sessionId === 'refused') {
      call.emit('error', { code: grpc.status.RESOURCE_EXHAUSTED, details: 'no room for this one' });
      return;
    }
    if (!call.write(message)) {
      call.pause();
      call.once('drain', () => call.resume());
    }
  });
  call.on('end', () => {
    call.end();
  });
}

let server: grpc.Server;
let address: string;

beforeAll(async () => {
  const definition = loadSync('sluice/v1/stream.proto', { includeDirs: ['proto'] });
  server = new grpc.Server();
  server.addService(definition['sluice.v1.StreamService'] as unknown as grpc.ServiceDefinition, {
    StreamData: echo,
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  address = `127.0.0.1:${String(port)}`;
});

afterAll(() => {
  server.forceShutdown();
});

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('bufCurl', () => {
  it('sends every line and returns every message', async () => {
    const lines = Array.from({ length: 50 }, (_, i) => ({
      sessionId: 'a',
      data: base64(`line "${String(i)}" {`),
      metadata: { brace: '}"\\' },
    }));
    const result = await bufCurl({ address, method: 'StreamData', lines });
    expect(result.error).toBeUndefined();
    expect(result.messages).toEqual(lines);
  });

  it('holds a conversation: the next line waits for the answer to the last', async () => {
    const answers: unknown[] = [];
    let answered: () => void = () => undefined;
    async function* talk(): AsyncGenerator<object> {
      for (const text of ['one', 'two', 'three']) {
        const answer = new Promise<void>((resolve) => (answered = resolve));
        yield { sessionId: 'talk', data: base64(text) };
        await answer;
      }
    }
    const result = await bufCurl({
      address,
      method: 'StreamData',
      lines: talk(),
      onMessage: (message) => {
        answers.push(message);
        answered();
      },
    });
    expect(result.error).toBeUndefined();
    expect(answers).toHaveLength(3);
  });

  it('returns the status that ended the call', async () => {
    const result = await bufCurl({ address, method: 'StreamData', lines: [{ sessionId: 'refused' }] });
    expect(result.error).toMatchObject({ code: 'resource_exhausted', message: 'no room for this one' });
    const missing = await bufCurl({ address, method: 'Publish', lines: [{}] });
    expect(missing.error?.code).toBe('unimplemented');
  });
});

describe('pythonClient', () => {
  it('sends a file line by line; it comes back byte for byte', async (context) => {
    await requirePython(context);
    const folder = await mkdtemp(join(tmpdir(), 'sluice-echo-'));
    context.onTestFinished(() => rm(folder, { recursive: true }));
    const input = join(folder, 'input.txt');
    const output = join(folder, 'output.txt');
    // Real text: empty lines, long ones, and more than ASCII.
    const text = (await readFile('node_modules/typescript/lib/lib.dom.d.ts', 'utf8'))
      .split('\n')
      .slice(0, 2_000);
    await writeFile(input, [...text, 'naïve – 流 – 🚰', '', 'no newline at the end'].join('\n'));

    const summary = await pythonClient('echo_file.py', [
      '--address',
      address,
      '--input',
      input,
      '--output',
      output,
    ]);

    expect(summary).toEqual({
      sent: 2_003,
      received: 2_003,
      otherTypes: {},
      code: 'OK',
      details: expect.any(String),
    });
    expect(await readFile(output)).toEqual(await readFile(input));
  });
});
