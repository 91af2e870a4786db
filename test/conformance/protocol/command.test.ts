import { describe, expect, test } from 'vitest';
import { SystemClock } from '../../../src/core/clock.js';
import { echoRoute } from '../../../src/routes/echo.js';
import { startGateway } from '../../helpers/gateway.js';
import { conformance } from './command.js';
import { routes } from './in-process.js';

async function run(...argv: readonly string[]) {
  const said: string[] = [];
  const complained: string[] = [];
  const code = await conformance(
    argv,
    (line) => said.push(line),
    (line) => complained.push(line),
  );
  return { code, said, complained };
}

describe('npm run conformance', () => {
  test('plays the cases that are meant, says one line for each, and a sum: 0', async () => {
    const clock = new SystemClock();
    await using under = await startGateway({ 'server.drainGrace': '200ms' }, routes(clock), clock);
    const { code, said } = await run(
      '--target',
      under.address,
      '--only',
      'takeover:',
      '--method',
      'StreamData',
    );
    expect(said.filter((line) => line.startsWith('ok '))).toHaveLength(5);
    expect(said.at(-1)).toContain('5 passed, 0 failed, 0 skipped');
    expect(code).toBe(0);
  });

  test('says what differs where a gateway does not keep to it: 1', async () => {
    await using under = await startGateway({ 'server.drainGrace': '200ms' });
    const { code, said } = await run(
      ...['--target', under.address, '--route', 'echo', '--whole-route', 'echo', '--method', 'StreamBatches'],
      ...['--only', 'is an Error that names', '--patience', '0.5'],
    );
    expect(said.find((line) => line.startsWith('FAIL'))).toContain("A route's failure");
    expect(code).toBe(1);
  });

  test('skips, by name, what needs a route that is not there, or more time', async () => {
    const clock = new SystemClock();
    const { conformance: route = echoRoute() } = routes(clock);
    await using under = await startGateway({ 'server.drainGrace': '200ms' }, { mine: route }, clock);
    const argv = ['--target', under.address, '--route', 'mine', '--method', 'StreamData', '--max-wait', '0'];
    const { code, said } = await run(...argv, '--only', 'whole gets them whole');
    expect(said.find((line) => line.startsWith('skip'))).toContain('"mine-whole"');
    expect(code).toBe(0);
    const later = await run(...argv, '--only', 'stays away for longer');
    expect(later.said.find((line) => line.startsWith('skip'))).toMatch(/wait \d+ ms/);
  });

  test('says why it can not begin: 2', async () => {
    expect(await run('--target', '127.0.0.1:1')).toMatchObject({
      code: 2,
      complained: ['conformance: nothing listens at http://127.0.0.1:1'],
    });
    expect((await run()).complained[0]).toContain('--target');
    expect((await run('--target', 'nowhere')).complained[0]).toContain('"nowhere" is no HOST:PORT');
    expect((await run('--target', '127.0.0.1:1', '--method', 'Talk')).complained[0]).toContain('"Talk"');
    expect((await run('--patience', 'long', '--list')).complained[0]).toContain('"long"');
    expect((await run('--wrong')).complained[0]).toContain('--wrong');
    await using under = await startGateway();
    const { code, complained } = await run('--target', under.address, '--route', 'nobody');
    expect(complained[0]).toContain('no route "nobody"');
    expect(code).toBe(2);
  });

  test('lists the cases, and helps', async () => {
    const { said } = await run('--list', '--only', 'drain');
    expect(said.length).toBeGreaterThan(5);
    expect((await run('--help')).said.join('\n')).toContain('Exit code');
    expect((await run('--list', '--only', 'no such case')).code).toBe(2);
  });
});
