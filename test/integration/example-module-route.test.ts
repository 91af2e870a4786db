/** examples/module-route, as its README says: a gateway with its configuration, and the client. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { connect } from '../../src/client/index.js';
import { GatewayProcess } from '../helpers/gateway-process.js';

const EXAMPLE = 'examples/module-route';

/** Its files as they would be in a project that has the package: here that is the source. */
function project(): Disposable & { readonly config: string } {
  mkdirSync('.cache', { recursive: true });
  const folder = resolve(mkdtempSync(join('.cache', 'module-route-')));
  for (const name of ['dice.mjs', 'gateway.yaml']) {
    const content = readFileSync(join(EXAMPLE, name), 'utf8');
    writeFileSync(join(folder, name), content.replace(`'sluice'`, `'${resolve('src/index.ts')}'`));
  }
  return {
    config: join(folder, 'gateway.yaml'),
    [Symbol.dispose]() {
      rmSync(folder, { recursive: true });
    },
  };
}

it('examples/module-route rolls dice, refuses what are none, and says what was rolled', async () => {
  using files = project();
  const listen = [
    '--server.listen',
    '127.0.0.1:0',
    '--admin.listen',
    '127.0.0.1:0',
    '--edge.enabled',
    'false',
  ];
  await using gateway = await GatewayProcess.ready(listen, { config: files.config });
  await using client = connect(gateway.address);
  const session = await client.open('dice');
  const roll = async (dice: string, count: number): Promise<string[]> => {
    await session.sendAndWait(dice);
    const rolled: string[] = [];
    while (rolled.length < count) rolled.push((await session.receive())?.text ?? 'the end');
    return rolled;
  };
  expect(await roll('2d1', 2)).toEqual(['1: 1', '2: 1']);
  for (const wrong of ['two dice', '21d6']) {
    await expect(session.sendAndWait(wrong)).rejects.toMatchObject({
      code: 'INVALID_MESSAGE',
      message: `"${wrong}": send 1d6 to 20d6`,
    });
  }
  expect(await roll('1d6', 1)).toEqual([expect.stringMatching(/^3: [1-6]$/)]);
  await session.close();
  expect(await gateway.line('a player has left')).toMatchObject({ route: 'dice', rolled: 3 });
});
