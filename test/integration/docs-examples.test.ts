import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { connect } from '../../src/client/index.js';
import { loadConfig } from '../../src/config/load.js';
import { startGateway } from '../helpers/gateway.js';
import { JsonDocuments } from '../helpers/json-documents.js';
import { GatewayProcess } from '../helpers/gateway-process.js';
import { runProcess } from '../helpers/run-process.js';
import { StreamClient } from '../helpers/stream-client.js';

/** The first fenced block of a page, of this language, that holds `text`. */
function block(page: string, language: string, text: string): string {
  const markdown = readFileSync(page, 'utf8');
  const blocks = [...markdown.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'gm'))];
  const found = blocks.map((match) => match[1] ?? '').find((body) => body.includes(text));
  if (found === undefined) throw new Error(`${page} has no ${language} block with "${text}"`);
  return found;
}

/** A file below the repository, where its imports resolve; gone when the test is. */
function temporaryFile(name: string, content: string): Disposable & { readonly path: string } {
  mkdirSync('.cache', { recursive: true });
  const folder = mkdtempSync(join('.cache', 'docs-example-'));
  const path = join(folder, name);
  writeFileSync(path, content);
  return {
    path,
    [Symbol.dispose]() {
      rmSync(folder, { recursive: true });
    },
  };
}

/** A program as it would be in a project that has the package: here that is the source. */
const inProject = (program: string): string =>
  program.replace(`'sluice/client'`, `'${join(process.cwd(), 'src/client/index.ts')}'`);

describe('README.md', () => {
  it('its program says hello and hears it', async () => {
    await using server = await startGateway();
    const program = inProject(block('README.md', 'ts', 'sluice/client'));
    expect(program).toContain('localhost:50051');
    using file = temporaryFile('hello.ts', program.replace('localhost:50051', server.address));
    const result = await runProcess(process.execPath, ['--import', 'tsx', file.path], { timeoutMs: 60_000 });
    expect(result).toMatchObject({ exitCode: 0, stdout: 'hello\n', stderr: '' });
  });

  it('its configuration is one', () => {
    using file = temporaryFile('gateway.yaml', block('README.md', 'yaml', 'listen'));
    const { config, sources } = loadConfig({ argv: ['--config', file.path] });
    expect(config.stream.throttle.messagesPerSecond).toBe(500);
    expect(sources('pool.maxConnections').kind).toBe('file');
  });

  it('what it puts behind the gateway is a configuration too', () => {
    using file = temporaryFile('gateway.yaml', block('README.md', 'yaml', 'upstreams'));
    const { config } = loadConfig({ argv: ['--config', file.path] });
    const kinds = Object.values(config.routes).map(({ kind }) => kind);
    expect(kinds.sort()).toEqual(['echo', 'module', 'topic', 'upstream']);
    expect(config.upstreams['orders']?.addresses).toHaveLength(2);
  });
});

describe('docs/topic-calls.md', () => {
  it('its lines for the shell can be pasted', async () => {
    await using server = await startGateway({ routes: '{echo: {kind: echo}, news: {kind: topic}}' });
    const script = block('docs/topic-calls.md', 'sh', 'Publish').replaceAll(
      '127.0.0.1:50051',
      server.address,
    );
    const result = await runProcess('bash', ['-c', script], { timeoutMs: 60_000 });
    expect(result.exitCode).toBe(0);
    expect(new JsonDocuments().push(result.stdout)).toEqual([
      { sequence: expect.stringMatching(/^\d{16}$/) as string },
      { messages: '2', bytes: '2' },
    ]);
  });

  it('its listener hears what was published', async () => {
    await using server = await startGateway({ routes: '{echo: {kind: echo}, news: {kind: topic}}' });
    await using client = connect(server.address);
    await client.publish('news/world', 'hello');
    const script = block('docs/topic-calls.md', 'sh', 'Subscribe').replace('127.0.0.1:50051', server.address);
    let heard = '';
    const listening = runProcess('bash', ['-c', script], {
      timeoutMs: 60_000,
      onStdout: (text) => {
        heard += text;
      },
    });
    await expect.poll(() => heard, { timeout: 30_000 }).toContain('"aGVsbG8="');
    await server.gateway.stop();
    await listening;
  });
});

describe('docs/http.md', () => {
  it('its lines for curl can be pasted', async () => {
    await using server = await startGateway({
      'edge.enabled': true,
      routes: '{echo: {kind: echo}, news: {kind: topic}}',
    });
    const here = (word: string): string =>
      block('docs/http.md', 'sh', word).replaceAll('http://127.0.0.1:8080', server.edge);
    let heard = '';
    const following = runProcess('bash', ['-c', here('curl -N')], {
      timeoutMs: 60_000,
      onStdout: (text) => {
        heard += text;
      },
    });
    await expect.poll(() => heard, { timeout: 30_000 }).toMatch(/^id: \d+$/m);
    const script = here('idempotency-key');
    for (const duplicate of [false, true]) {
      const { stdout } = await runProcess('bash', ['-c', script], { timeoutMs: 60_000 });
      expect(JSON.parse(stdout)).toMatchObject({ subscribers: 1, duplicate });
    }
    await expect.poll(() => heard).toContain('data: hello\n\n');
    await server.gateway.stop();
    await following;
  });
});

describe('docs/clients.md', () => {
  it('its conversation can be pasted', async () => {
    await using server = await startGateway();
    const script = block('docs/clients.md', 'sh', 'buf curl').replace('127.0.0.1:50051', server.address);
    expect(script).toContain(server.address);
    const result = await runProcess('bash', ['-c', script], { timeoutMs: 60_000 });
    expect(result.exitCode).toBe(0);
    expect(new JsonDocuments().push(result.stdout)).toMatchObject([
      { control: { welcome: { clientId: 'ann' } } },
      { sessionId: 's1', data: 'aGVsbG8=' },
      { sessionId: 's1', data: 'd29ybGQ=' },
    ]);
  });

  it('its client in Node.js says hello and hears it', async () => {
    await using server = await startGateway();
    const program = block('docs/clients.md', 'js', 'grpc-js').replace('localhost:50051', server.address);
    expect(program).toContain(server.address);
    using file = temporaryFile('client.mjs', program);
    const result = await runProcess(process.execPath, [file.path], { timeoutMs: 60_000 });
    expect(result).toMatchObject({ exitCode: 0, stdout: 'hello\n' });
  });
});

describe('docs/routes.md', () => {
  it('its program is a gateway with its route', async () => {
    const program = block('docs/routes.md', 'ts', 'runGateway').replace("'sluice'", "'../../src/index.js'");
    using file = temporaryFile('main.ts', program);
    const gateway = await GatewayProcess.ready([], { program: file.path });
    try {
      using client = new StreamClient(gateway.address);
      client.sendData('s', 'quiet');
      await client.untilData(1);
      expect(client.data[0]?.data.toString()).toBe('QUIET');
    } finally {
      gateway.signal('SIGTERM');
    }
    expect(await gateway.exit).toEqual({ code: 0, signal: null });
  });
});

describe('docs/module-routes.md', () => {
  it('its first module is a route, its middleware goes around it, its other configuration is one', async () => {
    const page = 'docs/module-routes.md';
    const inProject = (text: string): string =>
      block(page, 'js', text).replace("'sluice'", "'../../src/index.js'");
    using module = temporaryFile('shout.js', inProject('defineRoute'));
    const folder = dirname(module.path);
    writeFileSync(join(folder, 'audit.js'), inProject('defineMiddleware'));
    const config = join(folder, 'gateway.yaml');
    const yaml = block(page, 'yaml', 'shout').replace('path:', 'middleware: [./audit.js]\n    path:');
    writeFileSync(
      config,
      `${yaml}server: { listen: ['127.0.0.1:0'] }\nadmin: { enabled: false }\nedge: { enabled: false }\n`,
    );
    const gateway = await GatewayProcess.ready([], { config });
    try {
      using client = new StreamClient(gateway.address, { metadata: { 'x-client-id': 'ann' } });
      client.sendData('s', 'hello');
      await client.untilData(1);
      expect(client.data[0]?.data.toString()).toBe('ann said HELLO');
    } finally {
      gateway.signal('SIGTERM');
    }
    expect(await gateway.exit).toEqual({ code: 0, signal: null });
    expect(gateway.log.some(({ msg }) => /^ann 5 [\d.]+$/.test(msg ?? ''))).toBe(true);

    writeFileSync(config, `${block(page, 'yaml', 'deadLetter')}  echo: { kind: echo }\n`);
    const { routes } = loadConfig({ argv: ['--config', config] }).config;
    expect(routes['orders']).toMatchObject({ retries: 3, deadLetter: 'failed/orders', timeout: 5_000 });
  });
});
