import { boundLogger } from '../../core/bound-logger.js';
import type { Clock } from '../../core/clock.js';
import { SluiceError } from '../../core/errors.js';
import { errorText } from '../../core/error-text.js';
import type { Logger } from '../../core/logger.js';
import { StartError } from '../../core/start-error.js';
import type { Route, RouteHandler, RouteSession } from '../../session/route.js';
import { RouteWrapper } from '../route-wrapper.js';
import { defineRoute } from './define-route.js';
import { inTime, loadModule, moduleError, type ModuleSource } from './load-module.js';
import { faultOfDefinition, type RouteDefinition } from './route-definition.js';

export interface ModuleRouteOptions {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** How long the module may take to load, and its `start`, each in milliseconds. */
  readonly loadTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A route whose code is loaded from a file when the gateway starts. */
export class ModuleRoute extends RouteWrapper {
  readonly #options: ModuleRouteOptions;
  #route: Route | undefined;

  constructor(options: ModuleRouteOptions) {
    super();
    this.#options = options;
  }

  override get kind(): string {
    return 'module';
  }

  override async start(): Promise<void> {
    const { name, path, options, loadTimeoutMs, clock } = this.#options;
    const source: ModuleSource = { setting: `routes.${name}.path`, path };
    const limits = { clock, timeoutMs: loadTimeoutMs };
    const definition = definitionOf(await loadModule(source, limits), source);
    const logger = boundLogger(this.#options.logger, { route: name });
    const route = defineRoute(definition).within({ routeName: name, options, logger, clock });
    this.#route = route;
    try {
      await inTime(route.start?.() ?? Promise.resolve(), 'its start has not finished', source, limits);
    } catch (error) {
      if (error instanceof StartError) throw error;
      throw moduleError(source, `its start failed: ${errorText(error)}`, error);
    }
  }

  override stop(): void {
    this.#route?.stop?.();
  }

  open(session: RouteSession): RouteHandler {
    return this.inner.open(session);
  }

  protected get inner(): Route {
    return this.#route ?? NOT_LOADED;
  }
}

const NOT_LOADED: Route = {
  kind: 'module',
  open() {
    throw new SluiceError(
      'ROUTE_FAILED',
      'the module of this route is loaded when the gateway starts, and it was not started',
    );
  },
};

/** What `defineRoute` was given: this copy of it or another's; or the bare object, where nothing could be imported. */
function definitionOf(exported: unknown, source: ModuleSource): RouteDefinition<unknown> {
  const given =
    typeof exported === 'object' && exported !== null && 'definition' in exported
      ? exported.definition
      : exported;
  let fault: string | undefined;
  try {
    fault = faultOfDefinition(given);
  } catch (error) {
    throw moduleError(source, `its default export can not be read: ${errorText(error)}`, error);
  }
  if (fault !== undefined) throw moduleError(source, `its default export is no route: ${fault}`);
  return given as RouteDefinition<unknown>;
}
