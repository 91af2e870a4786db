import type { Clock } from '../../core/clock.js';
import { errorText } from '../../core/error-text.js';
import { SluiceError } from '../../core/errors.js';
import type { Route, RouteHandler, RouteSession } from '../../session/route.js';
import { loadModule, moduleError, type ModuleSource } from '../module/load-module.js';
import { nameOf } from '../module/route-definition.js';
import { RouteWrapper } from '../route-wrapper.js';
import { type Middleware, withMiddleware } from './middleware.js';

/** How long each module may take to load, in milliseconds. */
const LOAD_TIMEOUT_MS = 30_000;

interface LoadedMiddlewareOptions {
  readonly name: string;
  /** Absolute, outermost first. */
  readonly paths: readonly string[];
  readonly clock: Clock;
}

/** A route with middleware around it that is loaded from files when the gateway starts. */
export class LoadedMiddleware extends RouteWrapper {
  protected inner: Route;
  readonly #options: LoadedMiddlewareOptions;
  #loaded = false;

  constructor(inner: Route, options: LoadedMiddlewareOptions) {
    super();
    this.inner = inner;
    this.#options = options;
  }

  override async start(): Promise<void> {
    const { name, paths, clock } = this.#options;
    const loaded: { readonly source: ModuleSource; readonly middleware: Middleware }[] = [];
    for (const path of paths) {
      const source = { setting: `routes.${name}.middleware`, path };
      const exported = await loadModule(source, { clock, timeoutMs: LOAD_TIMEOUT_MS });
      if (typeof exported !== 'function') {
        throw moduleError(
          source,
          `its default export is no middleware: it is ${nameOf(exported)}, not what defineMiddleware returns`,
        );
      }
      loaded.push({ source, middleware: exported as Middleware });
    }
    this.inner = loaded.reduceRight((inner, { source, middleware }) => {
      try {
        return withMiddleware(inner, [middleware], { name });
      } catch (error) {
        throw moduleError(source, `it can not be put around the route: ${errorText(error)}`, error);
      }
    }, this.inner);
    this.#loaded = true;
    // Theirs, which is the route's, too.
    await super.start();
  }

  open(session: RouteSession): RouteHandler {
    if (this.#loaded) return this.inner.open(session);
    throw new SluiceError(
      'ROUTE_FAILED',
      'the middleware of this route is loaded when the gateway starts, and it was not started',
    );
  }
}
