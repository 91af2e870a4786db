/**
 * The gateway as built, with the routes that a benchmark needs besides echo. Flags, environment and the rest are
 * the gateway's own.
 */
import type * as sluice from '../../src/index.js';
import { benchRoutes } from './routes.js';

// Types of the source, code of the build: what is measured is what is shipped.
const built = new URL('../../dist/index.js', import.meta.url).href;
const { runGateway } = (await import(built)) as typeof sluice;

process.exitCode = await runGateway({ routes: benchRoutes() });
