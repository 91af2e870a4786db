/** The package as a new user gets it: `npm install` of the tarball, with everything it needs, from the registry. */
import { expect, it } from 'vitest';
import { COMPILERS, tryAsNewUser } from '../helpers/new-user.js';
import { manifest, PackedPackage } from '../helpers/packed-package.js';

it('installs into an empty project and works there, however its TypeScript is set up', async () => {
  await using packed = await PackedPackage.make();
  const project = await packed.install();
  await tryAsNewUser(project, Object.keys(COMPILERS) as (keyof typeof COMPILERS)[]);
  const npx = await project.run('npx', '--no-install', 'sluice', '--version');
  expect(npx).toMatchObject({ exitCode: 0, stdout: `${manifest.version}\n` });
}, 600_000);
