import { statSync } from 'node:fs';
import type { Config } from './config/schema.js';
import type { Logger } from './core/logger.js';
import { SystemClock } from './core/clock.js';
import { StartError } from './core/start-error.js';
import { calloutOf, classesOf, revocationsOf, staticTokensOf, tokenKeysOf } from './gateway-auth-parts.js';
import { grpcServerSettings } from './gateway-settings.js';
import { protoFileChecks } from './gateway-proxies.js';
import { upstreamDial } from './gateway-upstreams.js';
import { AuthCounts } from './metrics/auth-counts.js';
import { readTlsMaterial } from './transport/net/tls-files.js';

/** What was found, each one line for a person, without its end. */
export interface FilesCheck {
  /** A start is refused for any of them. */
  readonly faults: readonly string[];
  /** Allowed, but perhaps not meant. */
  readonly warnings: readonly string[];
}

/** Reads the files that a configuration names, as a start would, and tells of all that is wrong with them. */
export function checkFiles(config: Config): FilesCheck {
  const faults: string[] = [];
  const warnings: string[] = [];
  const options = {
    config,
    clock: new SystemClock(),
    logger: warningsOnly((line) => warnings.push(line)),
    counts: new AuthCounts(),
    onRevoked: nothing,
  };
  const { tls } = grpcServerSettings(config);
  for (const read of [
    () => {
      if (tls !== undefined) readTlsMaterial(tls);
    },
    // Each of these reads its file as it is built.
    () => staticTokensOf(options, classesOf(config))?.stop(),
    () => tokenKeysOf(options)?.stop(),
    () => {
      revocationsOf(options).stop();
    },
    () => calloutOf(options)?.close(),
    ...Object.entries(config.upstreams).map(([name, upstream]) => () => {
      upstreamDial(`upstreams.${name}`, upstream, options.clock);
    }),
    ...protoFileChecks(config.proxies),
    ...moduleFilesOf(config).map((file) => () => {
      mustBeThere(file);
    }),
  ]) {
    try {
      read();
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      faults.push(error.message);
    }
  }
  return { faults, warnings };
}

interface ModuleFile {
  readonly setting: string;
  readonly path: string;
}

/** The modules of routes. They are not loaded: that would run them. */
function moduleFilesOf({ routes }: Config): readonly ModuleFile[] {
  return Object.entries(routes).flatMap(([name, route]) => [
    ...(route.kind === 'module' ? [{ setting: `routes.${name}.path`, path: route.path }] : []),
    ...route.middleware.map((path) => ({ setting: `routes.${name}.middleware`, path })),
  ]);
}

function mustBeThere({ setting, path }: ModuleFile): void {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) return;
  throw new StartError(setting, `${setting} = ${JSON.stringify(path)}: there is no such file.`);
}

/** The log of the parts: faults are thrown, and that all is well needs no words. */
function warningsOnly(tell: (line: string) => void): Logger {
  const warn = (fields: { readonly setting?: string; readonly file?: string }, message: string): void => {
    const { setting, file } = fields;
    const subject = [setting, file === undefined ? undefined : JSON.stringify(file)];
    const about = subject.filter((part) => part !== undefined).join(' = ');
    tell(about === '' ? message : `${about}: ${message}`);
  };
  return { debug: nothing, info: nothing, warn, error: nothing };
}

function nothing(): void {
  // Nobody is connected, and nobody reads along.
}
