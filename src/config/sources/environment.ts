import type { ConfigMistake } from '../mistake.js';
import type { Names } from '../names.js';
import { rawFromLine } from './line.js';
import { didYouMean, type Findings, type Found } from './found.js';

/** Names the configuration file; not a key itself. */
export const CONFIG_VARIABLE = 'SLUICE_CONFIG';

/** What the other commands read, which a gateway started from the same shell has no use for. */
export const COMMAND_VARIABLES = ['SLUICE_ADDRESS', 'SLUICE_TOKEN', 'SLUICE_ADMIN'] as const;
export type CommandVariable = (typeof COMMAND_VARIABLES)[number];

/** Not keys of the configuration. */
const OTHERS: readonly string[] = [CONFIG_VARIABLE, ...COMMAND_VARIABLES];

/**
 * Kubernetes gives every container variables for each service of its
 * namespace, named after the service: a service "sluice" must not stop its
 * own gateway (Kubernetes documentation, "Accessing the Service").
 */
const SERVICE_LINK =
  /^SLUICE_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_\w+)?)$/;
const SERVICE_LINK_PORT = /^SLUICE_(?:\w+_)?PORT$/;

/** Reads the variables that begin with SLUICE_; but for a few, there is no other use for such a name. */
export function readEnvironment(env: NodeJS.ProcessEnv, names: Names): Findings {
  const found: Found[] = [];
  const mistakes: ConfigMistake[] = [];
  for (const [name, text] of Object.entries(env)) {
    if (text === undefined || !name.startsWith('SLUICE_') || OTHERS.includes(name)) continue;
    const named = names.byEnv(name);
    const source = { kind: 'environment', name } as const;
    if (named !== undefined) found.push({ named, raw: rawFromLine(text), source });
    else if (!isServiceLink(name, text)) {
      const reason = didYouMean('there is no such variable', names.nearestEnv(name));
      mistakes.push({ key: name, source, reason });
    }
  }
  return { found, mistakes };
}

function isServiceLink(name: string, text: string): boolean {
  return SERVICE_LINK.test(name) || (SERVICE_LINK_PORT.test(name) && /^(tcp|udp|sctp):\/\//.test(text));
}
