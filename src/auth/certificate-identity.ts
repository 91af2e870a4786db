import type { ClientCertificate } from '../core/credentials.js';
import { SluiceError } from '../core/errors.js';
import { isPrintableId, quoted } from '../core/printable.js';
import type { Caller } from './client-classes.js';

export interface CertificateIdentityOptions {
  /** What of the certificate names its holder. */
  readonly identity: 'spiffe' | 'dns' | 'commonName';
  /** The only trust domain whose SPIFFE IDs are taken; "" = all. */
  readonly trustDomain: string;
}

const MAX_ID_LENGTH = 128;
/** The SPIFFE ID standard, section 2: a trust domain of 1 to 255 of these, no user, port, query or fragment. */
const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/;
const PATH_SEGMENT = /^[A-Za-z0-9._-]+$/;
const SPIFFE = 'spiffe://';
/** RFC 1035 section 2.3.1, with underscores, which names of services have. No wildcard: it names nobody. */
const DNS_LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/**
 * Who holds a client certificate, whose chain and dates TLS has checked. Throws
 * UNAUTHENTICATED saying what it lacks, TOKEN_EXPIRED when it has run out since.
 */
export function certificateCaller(
  certificate: ClientCertificate,
  options: CertificateIdentityOptions,
  wallNowMs: number,
): Caller {
  const { expiresAtMs } = certificate;
  if (expiresAtMs <= wallNowMs) {
    const when = new Date(expiresAtMs).toISOString();
    throw new SluiceError('TOKEN_EXPIRED', `the client certificate expired at ${when}`);
  }
  const clientId = nameOf(certificate, options);
  if (!isPrintableId(clientId)) {
    throw refused(
      `names ${quoted(clientId)}, which is not 1 to ${MAX_ID_LENGTH} printable characters, as a client ID has to be`,
    );
  }
  return {
    clientId,
    method: 'certificate',
    clientClass: undefined,
    permissions: undefined,
    issuedAtMs: undefined,
    expiresAtMs,
  };
}

function nameOf(certificate: ClientCertificate, options: CertificateIdentityOptions): string {
  switch (options.identity) {
    case 'spiffe':
      return spiffeId(certificate.uris, options.trustDomain);
    case 'dns':
      return dnsName(certificate.dnsNames);
    case 'commonName':
      if (certificate.commonName === '') throw refused('has no common name');
      return certificate.commonName;
  }
}

/** X.509-SVID, section 2: one URI and no more, or nobody could say which one is meant. */
function spiffeId(uris: readonly string[], trustDomain: string): string {
  const [uri, ...others] = uris;
  if (uri?.startsWith(SPIFFE) !== true && others.length === 0) throw refused('has no SPIFFE ID');
  if (uri === undefined || others.length > 0) {
    throw refused(`has ${uris.length} URIs, and a SPIFFE ID has to be the only one`);
  }
  const [domain = '', ...segments] = uri.slice(SPIFFE.length).split('/');
  const isWhole =
    TRUST_DOMAIN.test(domain) &&
    segments.length > 0 &&
    segments.every((segment) => PATH_SEGMENT.test(segment) && segment !== '.' && segment !== '..');
  if (!isWhole) {
    throw refused(
      `has ${quoted(uri)}, which is no SPIFFE ID of a workload: spiffe://, a trust domain in lower case and a path`,
    );
  }
  if (trustDomain !== '' && domain !== trustDomain) {
    throw refused(
      `is of the trust domain ${quoted(domain)}, which is not the one of auth.certificate.trustDomain`,
    );
  }
  return uri;
}

function dnsName(names: readonly string[]): string {
  const [name, ...others] = names;
  if (name === undefined) throw refused('has no DNS name');
  if (others.length > 0) throw refused(`has ${names.length} DNS names, and it has to be one`);
  // RFC 4343: they differ in case only for the eye.
  const lower = name.toLowerCase();
  if (lower.includes('*'))
    throw refused(`has the DNS name ${quoted(name)}, and a name with a wildcard is nobody's`);
  if (!lower.split('.').every((label) => DNS_LABEL.test(label))) {
    throw refused(`has the DNS name ${quoted(name)}, which is none`);
  }
  return lower;
}

function refused(reason: string): SluiceError {
  return new SluiceError('UNAUTHENTICATED', `the client certificate ${reason}`);
}
