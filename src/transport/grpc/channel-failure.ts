import { GrpcStatus } from '../../core/errors.js';
import type { CallEnd, ConnectFailure } from '../client-contract.js';

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
export function connectFailure(address: string, failed: FailedConnect): CallEnd {
  const [failure, message] = verdict(address, failed);
  return { status: GrpcStatus.UNAVAILABLE, message, failure };
}

function verdict(address: string, failed: FailedConnect): Verdict {
  if (failed.timeoutMs !== undefined) return timedOut(address, failed.phase, failed.tls, failed.timeoutMs);

  const code = failed.code.replace(ALERT, 'ALERT_');
  const known = NETWORK[code]?.(address) ?? CERTIFICATE[code]?.(address, detailOf(failed));
  if (failed.phase === 'tcp')
    return known ?? ['unreachable', `${address} can not be reached: ${detailOf(failed)}.`];
  if (NOT_TLS.has(code))
    return [
      'tls-mismatch',
      `${address} does not speak TLS, and this client does: leave out tls and grpcs://, or name the gateway's port with TLS.`,
    ];
  if (code === 'ERR_HTTP2_ERROR' || code === NO_ALPN)
    return [
      'not-sluice',
      `Something answers at ${address}, and not in HTTP/2: name the gateway's gRPC address (server.listen), not a port for HTTP/1.1 or another protocol.`,
    ];
  if (failed.speaksTls === true)
    return [
      'tls-mismatch',
      `${address} expects TLS, and this client speaks none: write grpcs://, or give tls with the authority to trust.`,
    ];
  if (NOTHING_IN_COMMON.has(code))
    return ['tls-mismatch', `${address} and this client have no version of TLS, or no cipher, in common.`];
  if (known !== undefined && code !== 'ECONNRESET') return known;
  if (code.startsWith('ERR_SSL_') || code.startsWith('ALERT_'))
    return ['certificate', `The TLS handshake with ${address} failed: ${detailOf(failed)}.`];
  return closed(address, failed);
}

/** The other side hung up without a word, or by a reset. */
function closed(address: string, { phase, tls, wasReady, showsCertificate }: FailedConnect): Verdict {
  if (phase === 'tls')
    return [
      'unreachable',
      `${address} closed the connection within the TLS handshake: does it speak TLS there, and is the gateway behind it running?`,
    ];
  if (!tls || wasReady === true)
    return [
      'unreachable',
      `${address} closed the connection before a word was said: is the gateway behind it running, and has it room (server.maxSockets)?`,
    ];
  // Under TLS 1.3 a client has shaken hands before its certificate is looked at, and few servers say why they hang up.
  return [
    'certificate',
    showsCertificate === true
      ? `${address} closed the connection right after the TLS handshake: it seems not to accept this client's certificate (tls.cert). Is that signed by an authority of server.tls.clientCaFile, and still valid?`
      : `${address} closed the connection right after the TLS handshake: it seems to require a client certificate. Give tls.cert and tls.key.`,
  ];
}

function timedOut(address: string, phase: ConnectPhase, tls: boolean, timeoutMs: number): Verdict {
  const waited = `within ${timeoutMs} ms`;
  if (phase === 'tcp')
    return [
      'unreachable',
      `Nothing answers at ${address} ${waited}: are host and port right, and does a firewall let this client through?`,
    ];
  const asked = phase === 'tls' ? 'the TLS handshake' : tls ? 'HTTP/2' : 'HTTP/2 without TLS';
  return [
    'unreachable',
    `${address} takes connections and does not answer to ${asked} ${waited}: is it the gateway's gRPC address, and is the gateway well?`,
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
  (says: (address: string) => string) =>
  (address: string): Verdict => ['unreachable', says(address)];

const NETWORK: Readonly<Record<string, (address: string) => Verdict>> = {
  ECONNREFUSED: unreachable(
    (address) =>
      `Nothing answers at ${address} (connection refused): is the gateway running, and does server.listen name this address?`,
  ),
  ENOTFOUND: unreachable((address) => `The host of ${address} is unknown: is its name spelled right?`),
  EAI_AGAIN: unreachable(
    (address) => `The host of ${address} could not be looked up now: is there a network, and a name server?`,
  ),
  EHOSTUNREACH: unreachable((address) => `No route leads to ${address}: is the network there?`),
  ENETUNREACH: unreachable((address) => `No route leads to ${address}: is the network there?`),
  ETIMEDOUT: unreachable(
    (address) =>
      `Nothing answers at ${address} in time: are host and port right, and does a firewall let this client through?`,
  ),
  ENOENT: unreachable(
    (address) =>
      `There is no socket at ${address}: is the gateway running, and does server.listen name this path?`,
  ),
  EACCES: unreachable((address) => `This user may not connect to ${address}.`),
  EPERM: unreachable((address) => `This user may not connect to ${address}.`),
  ENOTSOCK: unreachable((address) => `${address} is a file, and no socket.`),
  ECONNRESET: unreachable(
    (address) =>
      `${address} broke the connection off: is the gateway behind it running, and has it room (server.maxSockets)?`,
  ),
  EMFILE: unreachable(
    (address) =>
      `This process has too many files open to connect to ${address}: raise its limit (ulimit -n).`,
  ),
};

type CertificateVerdict = (address: string, detail: string) => Verdict;

const certificate =
  (says: (address: string) => string): CertificateVerdict =>
  (address) => ['certificate', says(address)];

const unknownAuthority = certificate(
  (address) =>
    `The certificate of ${address} is signed by an authority that is not trusted here: give that authority's certificate as tls.ca.`,
);
const ownRefused = certificate(
  (address) =>
    `${address} does not accept this client's certificate (tls.cert): is it signed by an authority of server.tls.clientCaFile, and still valid?`,
);
const ownRequired = certificate(
  (address) => `${address} requires a client certificate: give tls.cert and tls.key.`,
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
  ERR_TLS_CERT_ALTNAME_INVALID: (address, detail) => [
    'certificate',
    `The certificate of ${address} is for another name: ${detail} Name the gateway as its certificate does, or give that name as tls.serverName.`,
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
