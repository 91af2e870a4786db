import { describe, expect, test } from 'vitest';
import { loadConfig, type LoadedConfig } from '../../../src/config/load.js';
import { ConfigError, showMistake } from '../../../src/config/mistake.js';
import type { Config } from '../../../src/config/schema.js';

// Of the section auth: its defaults, what contradicts itself, what is warned of.

const load = (line: string): LoadedConfig => loadConfig({ argv: line.split(' ').filter(Boolean) });

function mistakes(line: string): string[] {
  try {
    load(line);
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes.map(showMistake);
    throw error;
  }
  return [];
}

const warnings = (line: string): string[] => load(line).warnings.map(showMistake);

const LOCAL = '--server.listen 127.0.0.1:1 --edge.listen 127.0.0.1:2';
const STATIC = '--auth.methods static --auth.static.file t';
const KEYS = '--auth.jwt.keyFile k';
const JWT = `--auth.methods jwt ${KEYS}`;
const SURE = '--auth.jwt.issuer me --auth.jwt.audience you';
const TLS = '--server.tls.certificateFile c --server.tls.keyFile k';
const CA = `${TLS} --server.tls.clientCaFile a`;
const CERTIFICATE = `--auth.methods certificate ${CA}`;

test('the defaults', () => {
  expect(load('').config.auth).toEqual({
    methods: ['anonymous'],
    maxTokenSize: 8_192,
    maxTokenLifetime: 86_400_000,
    expiryNotice: 60_000,
    expiryGrace: 30_000,
    identifyTimeout: 10_000,
    maxUnidentified: 1_000,
    reloadInterval: 60_000,
    classes: {
      default: {
        permissions: ['*'],
        maxConnections: 0,
        maxSessions: 0,
        messagesPerSecond: 0,
        bytesPerSecond: 0,
      },
    },
    failures: { burst: 20, perSecond: 1, maxAddresses: 10_000 },
    static: { file: '' },
    jwt: {
      keyFile: '',
      jwksUrl: '',
      algorithms: ['RS256', 'ES256', 'EdDSA'],
      issuer: '',
      audience: [],
      clockTolerance: 30_000,
      subjectClaim: 'sub',
      classClaim: '',
      permissionsClaim: '',
      jwksMaxAge: 600_000,
      jwksCooldown: 30_000,
      jwksTimeout: 5_000,
    },
    certificate: { identity: 'spiffe', trustDomain: '' },
    revocation: { file: '', max: 100_000 },
    callout: {
      url: '',
      timeout: 2_000,
      cache: 10_000,
      maxCached: 10_000,
      maxConcurrent: 64,
      maxWaiting: 1_024,
      secretFile: '',
      failOpen: false,
      breakerFailures: 5,
      breakerPause: 5_000,
    },
  } satisfies Config['auth']);
});

describe('contradictions', () => {
  test.each([
    ['--auth.methods static', 'auth.methods = ["static"] (--auth.methods): static needs auth.static.file,'],
    [
      '--auth.methods jwt',
      'auth.methods = ["jwt"] (--auth.methods): jwt needs auth.jwt.keyFile or auth.jwt.jwksUrl,',
    ],
    [
      `${JWT} --auth.jwt.jwksUrl https://a/b`,
      'auth.jwt.jwksUrl = "https://a/b" (--auth.jwt.jwksUrl): auth.jwt.keyFile is given too: only one',
    ],
    [
      `--auth.methods jwt --auth.jwt.jwksUrl https://a/b --auth.jwt.algorithms RS256,HS512`,
      'auth.jwt.algorithms = ["RS256", "HS512"] (--auth.jwt.algorithms): HS512 verifies by a secret, which auth.jwt.keyFile can hold',
    ],
    [
      `--auth.methods certificate,anonymous ${TLS}`,
      'auth.methods = ["certificate", "anonymous"] (--auth.methods): certificate needs server.tls.clientCaFile,',
    ],
    ['--auth.methods []', 'auth.methods = [] (--auth.methods): expected a list of some of static, jwt,'],
    ['--auth.methods none', 'auth.methods = "none" (--auth.methods): expected one of static, jwt,'],
    [
      '--auth.jwt.algorithms none',
      'auth.jwt.algorithms = "none" (--auth.jwt.algorithms): expected one of RS256,',
    ],
    [
      '--auth.jwt.subjectClaim=',
      'auth.jwt.subjectClaim = "" (--auth.jwt.subjectClaim): expected the name of a claim',
    ],
    [
      '--auth.jwt.clockTolerance 301s',
      'expected a duration such as 500ms, 25s, 2m or 1h, from 1ms to 5m, or 0 (none)',
    ],
    ['--auth.expiryGrace 61m', 'from 1ms to 1h, or 0 (no waiting)'],
    [
      '--auth.expiryNotice 2m --auth.maxTokenLifetime 1m',
      'auth.expiryNotice = "2m" (--auth.expiryNotice): expected at most auth.maxTokenLifetime = "1m"',
    ],
    [
      '--auth.callout.timeout 5s --auth.identifyTimeout 3s',
      'auth.callout.timeout = "5s" (--auth.callout.timeout): expected at most auth.identifyTimeout = "3s"',
    ],
    [
      '--auth.classes {"big":{"maxConnections":300,"maxSessions":9}} --pool.maxConnections 200',
      'auth.classes.big.maxConnections = "300" (--auth.classes): expected at most pool.maxConnections = "200"',
    ],
    [
      '--auth.classes {"big":{"maxSessions":3000}} --session.max 2000 --session.maxDetached 2000',
      'auth.classes.big.maxSessions = "3000" (--auth.classes): expected at most session.max = "2000"',
    ],
  ])('%s', (line, expected) => {
    expect(mistakes(line)).toEqual([expect.stringContaining(expected)]);
  });

  test.each([
    STATIC,
    JWT,
    `${JWT} --auth.jwt.algorithms HS256,RS256`,
    '--auth.methods jwt --auth.jwt.jwksUrl https://a/b',
    CERTIFICATE,
    `${CA} --server.tls.requireClientCertificate true`,
    '--auth.maxTokenLifetime 10s',
    '--auth.identifyTimeout 1s',
    '--auth.classes {"big":{"maxConnections":6000}}',
    '--auth.expiryNotice 0 --auth.expiryGrace 0 --auth.reloadInterval 0 --auth.callout.cache 0 --auth.failures.perSecond 0',
  ])('none: %s', (line) => {
    expect(mistakes(line)).toEqual([]);
  });
});

describe('warnings', () => {
  const anonymous =
    /^auth\.methods = .*: anonymous lets in everybody, and other machines can reach server\.listen = /;
  const plain = /^auth\.methods = .*: tokens come unencrypted to server\.listen = /;
  const anyIssuer = /^auth\.jwt\.issuer = "" \(default\): any token that its keys verify is taken/;
  const clientCa =
    /^server\.tls\.clientCaFile = "a" .*: a certificate is neither needed nor says who is calling/;
  test.each([
    ['', [anonymous]],
    ['--server.listen [::1]:1,[::]:2', [anonymous]],
    [`--auth.methods static,anonymous --auth.static.file t ${TLS}`, [anonymous]],
    [CA, [anonymous, clientCa]],
    [
      '--server.listen 127.0.0.1:1',
      [/other machines can reach edge\.listen = \["0\.0\.0\.0:8080"\] \(default\); name/],
    ],
    ['', [/can reach server\.listen = .* and edge\.listen = /]],
    [
      `--auth.methods static --auth.static.file t ${TLS} --edge.tls false`,
      [/: tokens come unencrypted to edge\.listen = /],
    ],
    [STATIC, [plain]],
    [`${JWT} ${SURE}`, [plain]],
    [`${JWT} ${LOCAL} --auth.jwt.audience a`, [anyIssuer]],
    [`${JWT} ${LOCAL}`, [anyIssuer, /^auth\.jwt\.audience = \[\] \(default\): any token is taken, whomever/]],
    [
      `${JWT} ${LOCAL} --auth.jwt.issuer me`,
      [
        /^auth\.jwt\.audience = \[\] \(default\): any token of that issuer is taken, whomever it was made for$/,
      ],
    ],
    [
      `--auth.methods jwt ${SURE} ${LOCAL} --auth.jwt.jwksUrl http://keys.example/set`,
      [/^auth\.jwt\.jwksUrl = "http:\/\/keys\.example\/set" .*: it is not encrypted: .*; use https$/],
    ],
    [
      `${LOCAL} --auth.callout.url http://10.0.0.1/?k=v`,
      [/^auth\.callout\.url = "http:\/\/10\.0\.0\.1\/\?\[hidden\]" .*not encrypted/],
    ],
    [`${LOCAL} --admin.listen 0.0.0.0:1`, [/^admin\.listen = "0\.0\.0\.0:1" .*it has no access control/]],
    [
      `${LOCAL} --auth.static.file t`,
      [/^auth\.static\.file = "t" .*: it is not used: auth\.methods does not have static$/],
    ],
    [`${LOCAL} ${KEYS}`, [/^auth\.jwt\.keyFile = "k" .*does not have jwt$/]],
    [`${LOCAL} --auth.jwt.jwksUrl https://a`, [/^auth\.jwt\.jwksUrl = .*does not have jwt$/]],
    [
      `${LOCAL} --auth.certificate.trustDomain a.b`,
      [/^auth\.certificate\.trustDomain = "a\.b" .*does not have certificate$/],
    ],
    [
      `${CERTIFICATE} --auth.certificate.trustDomain a --auth.certificate.identity dns`,
      [/^auth\.certificate\.trustDomain = "a" .*: it is not used: auth\.certificate\.identity is dns$/],
    ],
    [`${LOCAL} ${CA}`, [clientCa]],
    [
      `${LOCAL} --auth.callout.secretFile s`,
      [/^auth\.callout\.secretFile = "s" .*not used without auth\.callout\.url$/],
    ],
    [
      `${CERTIFICATE} --auth.classes {"gold":{}}`,
      [
        /^auth\.classes = .*: there is no class default, so clients of the method certificate may do nothing$/,
      ],
    ],
  ])('%s', (line, expected) => {
    expect(warnings(line)).toEqual(expected.map((pattern) => expect.stringMatching(pattern) as string));
  });

  test.each([
    LOCAL,
    '--server.listen unix:/tmp/s,127.1.2.3:1,[::1]:1,localhost:1 --edge.enabled false',
    `${CA} --server.tls.requireClientCertificate true`,
    CERTIFICATE,
    `${STATIC} ${TLS}`,
    `${STATIC} ${LOCAL} --auth.classes {"gold":{}}`,
    `${JWT} ${SURE} ${TLS}`,
    `${LOCAL} --auth.callout.url http://127.0.0.1:1/x --admin.listen [::1]:1`,
    `--auth.methods jwt ${SURE} ${LOCAL} --auth.jwt.jwksUrl http://[::1]:80/set`,
    `${LOCAL} --admin.listen 0.0.0.0:1 --admin.enabled false`,
    `${LOCAL} --auth.classes {"gold":{}} --auth.callout.url https://a`,
  ])('none: %s', (line) => {
    expect(warnings(line)).toEqual([]);
  });
});
