import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { startGateway } from '../helpers/gateway.js';
import { JsonDocuments } from '../helpers/json-documents.js';
import { runProcess } from '../helpers/run-process.js';

const README = readFileSync('README.md', 'utf8');

/** The first fenced block of a language that holds `text`. */
function block(language: string, text: string): string {
  const blocks = [...README.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'gm'))];
  const found = blocks.map((match) => match[1] ?? '').find((body) => body.includes(text));
  if (found === undefined) throw new Error(`README.md has no ${language} block with "${text}"`);
  return found;
}

describe('README.md', () => {
  it('its conversation can be pasted', async () => {
    await using server = await startGateway();
    const script = block('sh', 'buf curl').replace('127.0.0.1:50051', server.address);
    expect(script).toContain(server.address);
    const result = await runProcess('bash', ['-c', script], { timeoutMs: 60_000 });
    expect(result.exitCode).toBe(0);
    expect(new JsonDocuments().push(result.stdout)).toMatchObject([
      { control: { welcome: { clientId: 'ann' } } },
      { sessionId: 's1', data: 'aGVsbG8=' },
      { sessionId: 's1', data: 'd29ybGQ=' },
    ]);
  });

  it('its configuration is one', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-readme-'));
    try {
      const file = join(folder, 'gateway.yaml');
      writeFileSync(file, block('yaml', 'listen'));
      const { config, sources } = loadConfig({ argv: ['--config', file] });
      expect(config.stream.throttle.messagesPerSecond).toBe(500);
      expect(sources('pool.maxConnections').kind).toBe('file');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
