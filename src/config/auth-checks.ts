import type { Conflict, CrossCheckContext } from './conflict.js';
import { isLocalAddress, isLoopbackHost } from './loopback.js';
import type { Config } from './schema.js';

const METHODS = 'auth.methods';
const KEY_FILE = 'auth.jwt.keyFile';
const JWKS_URL = 'auth.jwt.jwksUrl';
const ALGORITHMS = 'auth.jwt.algorithms';
const CLIENT_CA = 'server.tls.clientCaFile';
const LISTEN = 'server.listen';
const EDGE_LISTEN = 'edge.listen';

/** What the methods need, and what contradicts itself. */
export function* authConflicts(config: Config, context: CrossCheckContext): Generator<Conflict> {
  yield* methodConflicts(config);
  yield* classConflicts(config, context);
}

function* methodConflicts({ auth, server }: Config): Generator<Conflict> {
  const { methods, jwt } = auth;
  if (methods.includes('static') && auth.static.file === '') {
    yield { keys: [METHODS, 'auth.static.file'], reason: 'static needs auth.static.file, the tokens' };
  }
  if (methods.includes('jwt') && jwt.keyFile === '' && jwt.jwksUrl === '') {
    yield {
      keys: [METHODS, KEY_FILE, JWKS_URL],
      reason: `jwt needs ${KEY_FILE} or ${JWKS_URL}, the keys that verify`,
    };
  }
  if (jwt.keyFile !== '' && jwt.jwksUrl !== '') {
    yield { keys: [JWKS_URL, KEY_FILE], reason: `${KEY_FILE} is given too: only one of them can be used` };
  }
  const secret = jwt.algorithms.find((name) => name.startsWith('HS'));
  if (secret !== undefined && jwt.jwksUrl !== '') {
    yield {
      keys: [ALGORITHMS, JWKS_URL],
      reason: `${secret} verifies by a secret, which ${KEY_FILE} can hold and ${JWKS_URL} cannot`,
    };
  }
  if (methods.includes('certificate') && server.tls.clientCaFile === '') {
    yield {
      keys: [METHODS, CLIENT_CA],
      reason: `certificate needs ${CLIENT_CA}, the authorities whose certificates are believed`,
    };
  }
}

/** A class's limit that the one for all clients together never lets it reach. */
function* classConflicts({ auth, pool, session }: Config, context: CrossCheckContext): Generator<Conflict> {
  const limits = [
    ['maxConnections', 'pool.maxConnections', pool.maxConnections],
    ['maxSessions', 'session.max', session.max],
  ] as const;
  for (const [name, clientClass] of Object.entries(auth.classes)) {
    for (const [option, key, limit] of limits) {
      const value = clientClass[option];
      if (value <= limit || context.isDefault(key)) continue;
      yield {
        keys: ['auth.classes', key],
        part: { name: `${name}.${option}`, value },
        reason: `expected at most ${context.show(key)}`,
      };
    }
  }
}

/** What works, and may let in more, or fewer, than its writer thinks. */
export function* authWarnings(config: Config, context: CrossCheckContext): Generator<Conflict> {
  yield* openDoors(config, context);
  yield* looseTokens(config);
  yield* plainText(config);
  yield* idleSettings(config);
}

function* openDoors(config: Config, { show }: CrossCheckContext): Generator<Conflict> {
  const { auth, server, admin } = config;
  const { methods } = auth;
  const { certificateFile, requireClientCertificate } = server.tls;
  const doors = reachableDoors(config);
  const open = doors.filter(({ tls }) => !tls || !requireClientCertificate).map(({ key }) => key);
  if (methods.includes('anonymous') && open.length > 0) {
    yield {
      keys: [METHODS, ...open, 'server.tls.requireClientCertificate'],
      reason: `anonymous lets in everybody, and other machines can reach ${open.map(show).join(' and ')}; name other methods, or listen on 127.0.0.1`,
    };
  }
  const plain = doors.filter(({ tls }) => !tls || certificateFile === '').map(({ key }) => key);
  if ((methods.includes('static') || methods.includes('jwt')) && plain.length > 0) {
    yield {
      keys: [METHODS, ...plain, 'server.tls.certificateFile'],
      reason: `tokens come unencrypted to ${plain.map(show).join(' and ')}; name server.tls.certificateFile, or let only what encrypts for the gateway reach it`,
    };
  }
  if (admin.enabled && !isLocalAddress(admin.listen)) {
    yield {
      keys: ['admin.listen', 'admin.enabled'],
      reason:
        'other machines can reach it, and it has no access control: keep clients and strangers away from it',
    };
  }
}

/** Where clients on other machines can come in, and whether TLS is spoken there if there is a certificate. */
function reachableDoors({ server, edge }: Config): { readonly key: string; readonly tls: boolean }[] {
  const doors = [{ key: LISTEN, listen: server.listen, tls: true }];
  if (edge.enabled) doors.push({ key: EDGE_LISTEN, listen: edge.listen, tls: edge.tls });
  return doors.filter(({ listen }) => !listen.every(isLocalAddress));
}

function* looseTokens({ auth }: Config): Generator<Conflict> {
  const { methods, jwt } = auth;
  if (!methods.includes('jwt')) return;
  if (jwt.issuer === '') {
    yield { keys: ['auth.jwt.issuer'], reason: 'any token that its keys verify is taken, whoever made it' };
  }
  if (jwt.audience.length === 0) {
    yield {
      keys: ['auth.jwt.audience'],
      reason: `any token ${jwt.issuer === '' ? '' : 'of that issuer '}is taken, whomever it was made for`,
    };
  }
}

function* plainText({ auth }: Config): Generator<Conflict> {
  const addresses = [
    [JWKS_URL, auth.jwt.jwksUrl, 'whoever is in between can put keys of their own there'],
    ['auth.callout.url', auth.callout.url, 'whoever is in between can read the questions and answer them'],
  ] as const;
  for (const [key, url, danger] of addresses) {
    if (!url.startsWith('http:') || isLoopbackHost(new URL(url).hostname)) continue;
    yield { keys: [key], reason: `it is not encrypted: ${danger}; use https` };
  }
}

/** What is given and has no effect. */
function* idleSettings({ auth, server }: Config): Generator<Conflict> {
  const { methods, jwt, callout, certificate, classes } = auth;
  const given = [
    ['auth.static.file', auth.static.file, 'static'],
    [KEY_FILE, jwt.keyFile, 'jwt'],
    [JWKS_URL, jwt.jwksUrl, 'jwt'],
    ['auth.certificate.trustDomain', certificate.trustDomain, 'certificate'],
  ] as const;
  for (const [key, value, method] of given) {
    if (value === '' || methods.includes(method)) continue;
    yield { keys: [key, METHODS], reason: `it is not used: ${METHODS} does not have ${method}` };
  }
  if (
    methods.includes('certificate') &&
    certificate.trustDomain !== '' &&
    certificate.identity !== 'spiffe'
  ) {
    yield {
      keys: ['auth.certificate.trustDomain', 'auth.certificate.identity'],
      reason: `it is not used: auth.certificate.identity is ${certificate.identity}`,
    };
  }
  if (
    server.tls.clientCaFile !== '' &&
    !server.tls.requireClientCertificate &&
    !methods.includes('certificate')
  ) {
    yield {
      keys: [CLIENT_CA, METHODS, 'server.tls.requireClientCertificate'],
      reason: `a certificate is neither needed nor says who is calling; add certificate to ${METHODS}, or set server.tls.requireClientCertificate`,
    };
  }
  if (callout.secretFile !== '' && callout.url === '') {
    yield {
      keys: ['auth.callout.secretFile', 'auth.callout.url'],
      reason: 'it is not used without auth.callout.url',
    };
  }
  const classless = methods.find((method) => method === 'anonymous' || method === 'certificate');
  if (classless !== undefined && !Object.hasOwn(classes, 'default') && callout.url === '') {
    yield {
      keys: ['auth.classes', METHODS, 'auth.callout.url'],
      reason: `there is no class default, so clients of the method ${classless} may do nothing`,
    };
  }
}
