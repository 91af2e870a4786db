import { GrpcStatus } from '../../core/errors.js';
import type { CallEnd, ConnectFailure } from '../client-contract.js';
import { type ChannelTerms, GATEWAY_TERMS } from './channel-terms.js';

/** How far a connection had come. */
export type ConnectPhase =
  /** Nobody had answered. */
  | 'tcp'
  /** There was a connection, and no TLS on it yet. */
  | 'tls'
  /** Whatever TLS there is was done, and no HTTP/2 had been heard. */
  | 'http2';

export interface FailedConnect {
  readonly phase: ConnectPhase;
  readonly tls: boolean;
  /** The `code` of the error; "" where it was closed without one. */
  readonly code: string;
  /** What the error says, for what is not known here. */
  readonly detail?: string;
  /** It took longer than this. */
  readonly timeoutMs?: number;
  /** Another connection to the address has come about before. */
  readonly wasReady?: boolean;
  /** This client has a certificate to show. */
  readonly showsCertificate?: boolean;
  /** It was tried whether the other side speaks TLS. */
  readonly speaksTls?: boolean;
}

type Verdict = readonly [failure: ConnectFailure, message: string];

/** Why no connection came about, in one sentence that says what to do. */
export function connectFailure(
  address: string,
  failed: FailedConnect,
  terms: ChannelTerms = GATEWAY_TERMS,
): CallEnd {
  const [failure, message] = verdict(address, failed, terms);
  return { status: GrpcStatus.UNAVAILABLE, message, failure };
}

function verdict(address: string, failed: FailedConnect, terms: ChannelTerms): Verdict {
  const { peer, self, names } = terms;
  if (failed.timeoutMs !== undefined)
    return timedOut(address, failed.phase, failed.tls, failed.timeoutMs, terms);

  const code = failed.code.replace(ALERT, 'ALERT_');
  const known = NETWORK[code]?.(address, terms) ?? CERTIFICATE[code]?.(address, terms, detailOf(failed));
  if (failed.phase === 'tcp')
    return known ?? ['unreachable', `${address} can not be reached: ${detailOf(failed)}.`];
  if (NOT_TLS.has(code))
    return [
      'tls-mismatch',
      `${address} does not speak TLS, and ${self} does: ${names.withoutTls}, or name the ${peer}'s port with TLS.`,
    ];
  if (code === 'ERR_HTTP2_ERROR' || code === NO_ALPN)
    return [
      'not-sluice',
      `Something answers at ${address}, and not in HTTP/2: name ${names.itsAddress}, not a port for HTTP/1.1 or another protocol.`,
    ];
  if (failed.speaksTls === true)
    return ['tls-mismatch', `${address} expects TLS, and ${self} speaks none: ${names.withTls}.`];
  if (NOTHING_IN_COMMON.has(code))
    return ['tls-mismatch', `${address} and ${self} have no version of TLS, or no cipher, in common.`];
  if (known !== undefined && code !== 'ECONNRESET') return known;
  if (code.startsWith('ERR_SSL_') || code.startsWith('ALERT_'))
    return ['certificate', `The TLS handshake with ${address} failed: ${detailOf(failed)}.`];
  return closed(address, failed, terms);
}

/** The other side hung up without a word, or by a reset. */
function closed(
  address: string,
  { phase, tls, wasReady, showsCertificate }: FailedConnect,
  { peer, self, names }: ChannelTerms,
): Verdict {
  if (phase === 'tls')
    return [
      'unreachable',
      `${address} closed the connection within the TLS handshake: does it speak TLS there, and is the ${peer} behind it running?`,
    ];
  if (!tls || wasReady === true)
    return [
      'unreachable',
      `${address} closed the connection before a word was said: is the ${peer} behind it running, and has it room${names.room}?`,
    ];
  // Under TLS 1.3 a client has shaken hands before its certificate is looked at, and few servers say why they hang up.
  return [
    'certificate',
    showsCertificate === true
      ? `${address} closed the connection right after the TLS handshake: it seems not to accept ${self}'s certificate (${names.cert}). Is that signed by ${names.clientCa}, and still valid?`
      : `${address} closed the connection right after the TLS handshake: it seems to require a client certificate. Give ${names.cert} and ${names.key}.`,
  ];
}

function timedOut(
  address: string,
  phase: ConnectPhase,
  tls: boolean,
  timeoutMs: number,
  { peer, self, names }: ChannelTerms,
): Verdict {
  const waited = `within ${timeoutMs} ms`;
  if (phase === 'tcp')
    return [
      'unreachable',
      `Nothing answers at ${address} ${waited}: are host and port right, and does a firewall let ${self} through?`,
    ];
  const asked = phase === 'tls' ? 'the TLS handshake' : tls ? 'HTTP/2' : 'HTTP/2 without TLS';
  return [
    'unreachable',
    `${address} takes connections and does not answer to ${asked} ${waited}: is it ${names.grpcAddress}, and is the ${peer} well?`,
  ];
}

function detailOf({ detail, code }: FailedConnect): string {
  return detail === undefined || detail === '' ? code || 'the connection was closed' : detail;
}

/** What a plaintext server's answer to a ClientHello looks like to OpenSSL. */
const NOT_TLS: ReadonlySet<string> = new Set([
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_HTTP_REQUEST',
  'ERR_SSL_RECORD_LAYER_FAILURE',
  'EPROTO',
]);
const NOTHING_IN_COMMON: ReadonlySet<string> = new Set([
  'ALERT_PROTOCOL_VERSION',
  'ALERT_HANDSHAKE_FAILURE',
  'ALERT_INSUFFICIENT_SECURITY',
  'ERR_SSL_UNSUPPORTED_PROTOCOL',
]);
/** The name OpenSSL gives to an alert begins with what it thinks its version is, and changes with its own. */
const ALERT = /^ERR_SSL_.+?_ALERT_/;
/** The other side speaks TLS, and no HTTP/2 in it (RFC 7301). */
export const NO_ALPN = 'ALERT_NO_APPLICATION_PROTOCOL';

const unreachable =
  (says: (address: string, terms: ChannelTerms) => string) =>
  (address: string, terms: ChannelTerms): Verdict => ['unreachable', says(address, terms)];

const NETWORK: Readonly<Record<string, (address: string, terms: ChannelTerms) => Verdict>> = {
  ECONNREFUSED: unreachable(
    (address, { peer, names }) =>
      `Nothing answers at ${address} (connection refused): is the ${peer} running, and does ${names.listens} this address?`,
  ),
  ENOTFOUND: unreachable((address) => `The host of ${address} is unknown: is its name spelled right?`),
  EAI_AGAIN: unreachable(
    (address) => `The host of ${address} could not be looked up now: is there a network, and a name server?`,
  ),
  EHOSTUNREACH: unreachable((address) => `No route leads to ${address}: is the network there?`),
  ENETUNREACH: unreachable((address) => `No route leads to ${address}: is the network there?`),
  ETIMEDOUT: unreachable(
    (address, { self }) =>
      `Nothing answers at ${address} in time: are host and port right, and does a firewall let ${self} through?`,
  ),
  ENOENT: unreachable(
    (address, { peer, names }) =>
      `There is no socket at ${address}: is the ${peer} running, and does ${names.listens} this path?`,
  ),
  EACCES: unreachable((address) => `This user may not connect to ${address}.`),
  EPERM: unreachable((address) => `This user may not connect to ${address}.`),
  ENOTSOCK: unreachable((address) => `${address} is a file, and no socket.`),
  ECONNRESET: unreachable(
    (address, { peer, names }) =>
      `${address} broke the connection off: is the ${peer} behind it running, and has it room${names.room}?`,
  ),
  EMFILE: unreachable(
    (address) =>
      `This process has too many files open to connect to ${address}: raise its limit (ulimit -n).`,
  ),
};

type CertificateVerdict = (address: string, terms: ChannelTerms, detail: string) => Verdict;

const certificate =
  (says: (address: string, terms: ChannelTerms) => string): CertificateVerdict =>
  (address, terms) => ['certificate', says(address, terms)];

const unknownAuthority = certificate(
  (address, { names }) =>
    `The certificate of ${address} is signed by an authority that is not trusted here: give that authority's certificate as ${names.ca}.`,
);
const ownRefused = certificate(
  (address, { self, names }) =>
    `${address} does not accept ${self}'s certificate (${names.cert}): is it signed by ${names.clientCa}, and still valid?`,
);
const ownRequired = certificate(
  (address, { names }) => `${address} requires a client certificate: give ${names.cert} and ${names.key}.`,
);

/** By the code of OpenSSL, or of Node. */
const CERTIFICATE: Readonly<Record<string, CertificateVerdict>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  CERT_UNTRUSTED: unknownAuthority,
  CERT_HAS_EXPIRED: certificate(
    (address) =>
      `The certificate of ${address} has expired: renew it there (and see that the clock here is right).`,
  ),
  CERT_NOT_YET_VALID: certificate(
    (address) => `The certificate of ${address} is not valid yet: is the clock right, there and here?`,
  ),
  CERT_REVOKED: certificate((address) => `The certificate of ${address} has been revoked.`),
  INVALID_PURPOSE: certificate(
    (address) => `The certificate of ${address} is not one for servers (extended key usage).`,
  ),
  ERR_TLS_CERT_ALTNAME_INVALID: (address, { peer, names }, detail) => [
    'certificate',
    `The certificate of ${address} is for another name: ${detail} Name the ${peer} as its certificate does, or give that name as ${names.serverName}.`,
  ],
  ALERT_CERTIFICATE_REQUIRED: ownRequired,
  ALERT_UNKNOWN_CA: ownRefused,
  ALERT_BAD_CERTIFICATE: ownRefused,
  ALERT_CERTIFICATE_EXPIRED: ownRefused,
  ALERT_CERTIFICATE_REVOKED: ownRefused,
  ALERT_CERTIFICATE_UNKNOWN: ownRefused,
  ALERT_UNSUPPORTED_CERTIFICATE: ownRefused,
  ALERT_ACCESS_DENIED: ownRefused,
  ALERT_DECRYPT_ERROR: ownRefused,
};
