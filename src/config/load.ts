import type { Conflict, CrossCheckContext } from './conflict.js';
import { crossChecks, crossWarnings } from './cross-checks.js';
import { LayeredValues } from './layered-values.js';
import { ConfigError, type ConfigMistake, type Source } from './mistake.js';
import { Names } from './names.js';
import { type Config, schema } from './schema.js';
import { type Children, type NamedSetting, settingsOf, type Values } from './setting.js';
import { CONFIG_VARIABLE, readEnvironment } from './sources/environment.js';
import { readConfigFile } from './sources/file.js';
import { readFlags } from './sources/flags.js';

export interface LoadOptions {
  /** What follows the program's and the command's name. Default: none. */
  readonly argv?: readonly string[];
  /** Default: none, not the process's own. */
  readonly env?: NodeJS.ProcessEnv;
}

/** A configuration and where each of its values comes from. */
export interface Loaded<C> {
  readonly config: C;
  /** Throws for a key that the schema does not have. */
  readonly sources: (key: string) => Source;
  readonly settings: readonly NamedSetting[];
  /** The file that was read, as it was named. */
  readonly file: string | undefined;
  /** What is allowed and used, but perhaps not meant. */
  readonly warnings: readonly ConfigMistake[];
}
export type LoadedConfig = Loaded<Config>;

/**
 * Reads the gateway's configuration: defaults, then a file, then the
 * environment, then flags, each over the one before it. Throws a ConfigError
 * that holds every mistake of every source, also of values that a later source
 * replaces.
 */
export function loadConfig(options: LoadOptions = {}): LoadedConfig {
  return loadSettings(schema, { mistakes: crossChecks, warnings: crossWarnings }, options);
}

type Check<C> = (config: Values<C>, context: CrossCheckContext) => Iterable<Conflict>;

/** The same for any schema, with the checks of its whole. */
export function loadSettings<C extends Children>(
  children: C,
  checks: { readonly mistakes?: Check<C>; readonly warnings?: Check<C> },
  { argv = [], env = {} }: LoadOptions,
): Loaded<Values<C>> {
  const settings = settingsOf(children);
  const names = new Names(settings);
  const flags = readFlags(argv, names);
  const file = flags.configPath ?? (env[CONFIG_VARIABLE] === '' ? undefined : env[CONFIG_VARIABLE]);
  const fromFile = file === undefined ? { found: [], mistakes: [] } : readConfigFile(file, names);

  const values = new LayeredValues(children);
  const mistakes: ConfigMistake[] = [];
  for (const layer of [fromFile, readEnvironment(env, names), flags]) {
    const ofLayer = [...layer.mistakes, ...layer.found.flatMap((found) => values.take(found))];
    mistakes.push(...ofLayer.sort((a, b) => lineOf(a) - lineOf(b)));
  }
  const config = values.build() as Values<C>;
  const conflictsOf = (check: Check<C> = () => []): ConfigMistake[] =>
    values.conflicts((context) => check(config, context));
  mistakes.push(...conflictsOf(checks.mistakes));
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  const warnings = conflictsOf(checks.warnings);
  return { config, settings, file, warnings, sources: (key) => values.sourceOf(key) };
}

function lineOf({ source }: ConfigMistake): number {
  return source.kind === 'file' ? (source.line ?? 0) : 0;
}
