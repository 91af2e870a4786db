import { createHash, type X509Certificate } from 'node:crypto';

import type { ClientCertificate } from '../../core/credentials.js';
import { derContent, type DerElement, derElements, DerError, DerTag } from './der.js';

/** id-at-commonName, 2.5.4.3 (RFC 5280 appendix A.1). */
const COMMON_NAME = Buffer.from([0x55, 0x04, 0x03]);
/** id-ce-subjectAltName, 2.5.29.17 (RFC 5280 section 4.2.1.6). */
const SUBJECT_ALT_NAME = Buffer.from([0x55, 0x1d, 0x11]);
/** Context tags of TBSCertificate (section 4.1): the version in front, the extensions at the end. */
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
/** Context tags of GeneralName (section 4.2.1.6): IA5String, implicitly tagged. */
const DNS_NAME = 0x82;
const URI = 0x86;
/** Of a TBSCertificate without its version: serial number, algorithm, issuer, validity, subject. */
const SUBJECT_INDEX = 4;

/**
 * What a certificate says of its holder. The names are read from the encoding
 * itself: Node's text forms join several names by commas, and what is quoted in
 * them has been got wrong before (CVE-2021-44531 to 44533).
 *
 * - `commonName` is "" too where there are several, which RFC 9525 leaves
 *   without a meaning, or where it is neither UTF-8 nor ASCII.
 * - `dnsNames` and `uris` stand as they are, one character a byte, whatever the
 *   authority let in: control characters are for the reader to refuse.
 *
 * Throws where it can't be read.
 */
export function readClientCertificate(
  certificate: Pick<X509Certificate, 'raw' | 'validTo'>,
): ClientCertificate {
  const expiresAtMs = Date.parse(certificate.validTo);
  if (Number.isNaN(expiresAtMs)) throw new Error('its end of validity is no date');
  const [tbs] = derElements(derContent(certificate.raw, DerTag.SEQUENCE));
  if (tbs?.tag !== DerTag.SEQUENCE) throw new DerError('no content');
  const fields = derElements(tbs.content).filter(({ tag }) => tag !== VERSION);
  const subject = fields[SUBJECT_INDEX];
  if (subject?.tag !== DerTag.SEQUENCE) throw new DerError('no subject');
  const names = alternativeNames(fields.find(({ tag }) => tag === EXTENSIONS));
  return {
    commonName: commonName(subject.content),
    dnsNames: textOf(names, DNS_NAME),
    uris: textOf(names, URI),
    expiresAtMs,
    thumbprint: createHash('sha256').update(certificate.raw).digest('base64url'),
  };
}

/** Of a Name (RFC 5280 section 4.1.2.4): a sequence of sets of attributes. */
function commonName(name: Buffer): string {
  const found: DerElement[] = [];
  for (const set of derElements(name)) {
    for (const attribute of derElements(set.content)) {
      const [type, value] = derElements(attribute.content);
      if (value !== undefined && isIdentifier(type, COMMON_NAME)) found.push(value);
    }
  }
  const [only] = found;
  return only === undefined || found.length > 1 ? '' : directoryString(only);
}

/** The forms that RFC 5280 section 4.1.2.4 lets new certificates use, and IA5String, which some do. */
function directoryString({ tag, content }: DerElement): string {
  switch (tag) {
    case DerTag.UTF8_STRING:
    case DerTag.PRINTABLE_STRING:
    case DerTag.IA5_STRING:
      try {
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
      } catch {
        return '';
      }
    default:
      return '';
  }
}

/** The GeneralNames of the one extension that holds them; none without it. */
function alternativeNames(extensions: DerElement | undefined): DerElement[] {
  if (extensions === undefined) return [];
  let names: DerElement[] | undefined;
  for (const extension of derElements(derContent(extensions.content, DerTag.SEQUENCE))) {
    const parts = derElements(extension.content);
    const value = parts.at(-1);
    if (!isIdentifier(parts[0], SUBJECT_ALT_NAME)) continue;
    if (value?.tag !== DerTag.OCTET_STRING) throw new DerError('names of another kind');
    // Whoever takes the first and whoever takes the last would see two different holders.
    if (names !== undefined) throw new DerError('its names twice');
    names = derElements(derContent(value.content, DerTag.SEQUENCE));
  }
  return names ?? [];
}

function textOf(names: readonly DerElement[], tag: number): string[] {
  return names.filter((name) => name.tag === tag).map(({ content }) => content.toString('latin1'));
}

function isIdentifier(element: DerElement | undefined, identifier: Buffer): boolean {
  return element?.tag === DerTag.OBJECT_IDENTIFIER && element.content.equals(identifier);
}
