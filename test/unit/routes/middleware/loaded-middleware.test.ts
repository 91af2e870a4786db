import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { echoRoute } from '../../../../src/routes/echo.js';
import { LoadedMiddleware } from '../../../../src/routes/middleware/loaded-middleware.js';
import { type Middleware, withMiddleware } from '../../../../src/routes/middleware/middleware.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-middleware-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

test.each([
  [
    'nothing',
    'export default () => {};',
    'middleware of route "mine" gave back nothing, not a route: an object with a method open',
  ],
  ['throws', 'export default () => { throw new Error("no luck"); };', 'no luck'],
])('what can not be put around its route stops the start, which names it: %s', async (name, code, says) => {
  const path = join(folder, `${name}.mjs`);
  writeFileSync(path, code);
  const route = new LoadedMiddleware(echoRoute(), { name: 'mine', paths: [path], clock: new FakeClock() });
  await expect(route.start()).rejects.toMatchObject({
    name: 'StartError',
    message: `routes.mine.middleware = "${path}": it can not be put around the route: ${says}.`,
  });
  // What was started is stopped, all the same.
  route.stop();
});

test('what forgets to give a route back is told so', () => {
  const forgetful = (() => undefined) as unknown as Middleware;
  expect(() => withMiddleware(echoRoute(), [forgetful], { name: 'mine' })).toThrow(
    'middleware of route "mine" gave back nothing',
  );
});
