/** Whatever is written by a gateway, or said to anybody, holds no secret: not whole, not in pieces, not encoded. */
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { runSluice } from '../helpers/command-io.js';
import { startGateway } from '../helpers/gateway.js';
import { GatewayProcess } from '../helpers/gateway-process.js';
import { SecretWorld } from '../helpers/secret-sweep-world.js';

/** What was written must speak of what was done, else nothing was searched. */
function expectSearchable(log: string, heard: readonly string[]): void {
  for (const line of [
    'streams refused',
    'a revoked client was thrown out',
    'stays in use',
    'the authorization service fails',
  ]) {
    expect(log.includes(line), line).toBe(true);
  }
  const said = heard.join('\n');
  for (const words of [
    'sluice_auth_attempts_total',
    'auth.maxTokenSize',
    'TOKEN_EXPIRED',
    'AUTH_UNAVAILABLE',
    'permission open:echo/private is missing',
    'claim "cnf"',
    'another subject',
  ]) {
    expect(said.includes(words), words).toBe(true);
  }
}

async function configOutput(argv: readonly string[]): Promise<string> {
  let output = '';
  for (const action of ['check', 'print']) {
    const { out, err } = await runSluice(['config', action, '--config', 'config/test.yaml', ...argv]);
    output += out + err;
  }
  return output;
}

describe('no secret is told', () => {
  it('by a gateway at its most talkative, nor by its commands', async () => {
    await using world = await SecretWorld.create();
    const output = [await configOutput(world.argv)];
    expect(output[0]).toContain('The configuration is right');
    {
      await using gateway = await GatewayProcess.ready(world.argv, { logLevel: 'trace' });
      const swept = {
        address: gateway.address,
        admin: `http://${gateway.admin}`,
        reload: () => {
          gateway.signal('SIGHUP');
        },
        errors: () => gateway.log.filter(({ level }) => level === 'error').length,
      };
      await world.walk(swept);
      await world.unreadableMetadata(swept);
      gateway.signal('SIGTERM');
      expect(await gateway.exit).toEqual({ code: 0, signal: null });
      output.push(JSON.stringify(gateway.log), gateway.stderr);
    }
    world.breakFiles();
    output.push(await configOutput(world.argv));
    await using failed = new GatewayProcess(world.argv, { logLevel: 'trace' });
    expect((await failed.exit).code).not.toBe(0);
    output.push(JSON.stringify(failed.log), failed.stderr);

    expectSearchable(output[1] ?? '', world.heard);
    const findings = [
      ...output.flatMap((text, n) => world.sweep.find(`output ${n}`, text)),
      ...world.sweep.find('what was heard', world.heard.join('\n')),
    ];
    expect(findings).toEqual([]);
  });

  it('to the logger of a program of its own: no field and no cause of an error holds one', async () => {
    await using world = await SecretWorld.create();
    let log: readonly object[];
    {
      await using server = await startGateway({ ...world.settings, 'server.streamHandler': 'grpc-js' });
      log = server.log;
      await world.walk({
        address: server.address,
        admin: server.admin,
        reload: () => {
          server.gateway.reload();
        },
        errors: () => server.log.filter(({ level }) => level === 'error').length,
      });
    }
    const text = inspect(log, { depth: 20, maxArrayLength: null, maxStringLength: null, showHidden: true });
    expectSearchable(text, world.heard);
    expect([
      ...world.sweep.find('the log', text),
      ...world.sweep.find('what was heard', world.heard.join('\n')),
    ]).toEqual([]);
  });
});
