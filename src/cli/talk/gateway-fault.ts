import { ClientError } from '../../client/client-error.js';
import { CommandError } from '../frame/command-error.js';
import type { ExitName } from '../frame/exit-codes.js';

/** What a command ends with; every other code is `failed`. */
const EXIT: Readonly<Record<string, ExitName>> = {
  UNREACHABLE: 'unavailable',
  CONNECTION_LOST: 'unavailable',
  DRAINING: 'unavailable',
  OVERLOADED: 'unavailable',
  CONNECTION_LIMIT: 'unavailable',
  CLIENT_LIMIT: 'unavailable',
  RATE_LIMITED: 'unavailable',
  AUTH_UNAVAILABLE: 'unavailable',
  STALE: 'unavailable',
  TLS_MISMATCH: 'protocol',
  NOT_SLUICE: 'protocol',
  NEWER_PROTOCOL: 'protocol',
  NOT_SUPPORTED: 'protocol',
  PROTOCOL_VIOLATION: 'protocol',
  BAD_CERTIFICATE: 'noPermission',
  UNAUTHENTICATED: 'noPermission',
  TOKEN_EXPIRED: 'noPermission',
  PERMISSION_DENIED: 'noPermission',
};

/** What to do about it on a command line, where the message does not say. */
const HINTS: Readonly<Record<string, string>> = {
  UNREACHABLE: 'Name another address with --address, or start a gateway with `sluice serve`.',
  UNAUTHENTICATED: 'Show who you are with --token-file, SLUICE_TOKEN or --tls-cert.',
  TOKEN_EXPIRED: 'Get a fresh token for --token-file or SLUICE_TOKEN.',
  PERMISSION_DENIED: 'Ask its operator for the permission, or show another token with --token-file.',
  NEWER_PROTOCOL: 'Install a newer sluice here.',
};

/**
 * What goes wrong with a gateway, as the one sentence a command ends with.
 * Faults of Sluice itself come back as they are.
 */
export function gatewayFault(error: unknown): unknown {
  if (!(error instanceof ClientError)) return error;
  // The token is this process's own business.
  if (error.code === 'TOKEN_SOURCE' && error.cause instanceof CommandError) return error.cause;
  return new CommandError(EXIT[error.code] ?? 'failed', faultText(error), { cause: error });
}

/** For calls that check what the user gave: an address, an ID. The SDK says which it was and what is allowed. */
export function argumentFault(error: unknown): unknown {
  const isArgument = error instanceof TypeError || error instanceof RangeError;
  return isArgument ? new CommandError('usage', inOptions(error.message)) : error;
}

/** The error's sentence in the words of the command line, with what to do. */
function faultText(error: ClientError): string {
  const hint = HINTS[error.code];
  return `${sentence(inOptions(error.message))}${hint === undefined ? '' : ` ${hint}`} [${error.code}]`;
}

/** What went wrong, where the client goes on by itself. */
export function lossText({ code, message }: ClientError): string {
  return `${sentence(inOptions(message))} [${code}]`;
}

function sentence(text: string): string {
  return /[.?!]$/.test(text) ? text : `${text}.`;
}

const OPTIONS: readonly (readonly [RegExp, string])[] = [
  [/\bclientId\b/g, '--client-id'],
  // Nothing to be set here.
  [/ \(connectTimeoutMs\)/g, ''],
  [/ \(maxMessageBytes of connect\): raise that, or have/g, ': have'],
  [/(?<![.\w-])tls\.ca\b/g, '--tls-ca'],
  [/(?<![.\w-])tls\.cert\b/g, '--tls-cert'],
  [/(?<![.\w-])tls\.key\b/g, '--tls-key'],
  [/(?<![.\w-])tls\.serverName\b/g, '--tls-name'],
  [/\bleave out tls and grpcs:\/\//g, 'leave out --tls'],
  [
    /\bwrite grpcs:\/\/, or give tls with the authority to trust/g,
    'give --tls, and --tls-ca with the authority to trust',
  ],
];

/** The SDK names its options; here they are written otherwise. */
function inOptions(message: string): string {
  return OPTIONS.reduce((text, [option, flag]) => text.replaceAll(option, flag), message);
}
