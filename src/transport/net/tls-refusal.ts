/** What OpenSSL calls a ClientHello that is none: the first bytes of an HTTP request, of HTTP/2 without TLS, of anything. */
const NOT_TLS: ReadonlySet<unknown> = new Set(['ERR_SSL_HTTP_REQUEST', 'ERR_SSL_WRONG_VERSION_NUMBER']);

/** What an operator can make of OpenSSL's own words. */
const EXPLAINED: ReadonlyMap<unknown, string> = new Map([
  ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'the client speaks no TLS version that server.tls.minVersion allows'],
]);

/** Of a client that speaks TLS and would speak something else above it, by what is spoken here. */
const NOT_OFFERED = {
  h2: 'the client does not offer HTTP/2 (ALPN h2): edge.listen is for HTTP/1.1',
  'http/1.1': 'the client does not offer HTTP/1.1 (ALPN http/1.1): server.listen is for gRPC',
} as const;

/** Why a TLS handshake failed, for a person: in our words where we have some, else OpenSSL's without its addresses. */
export function tlsFailureReason(error: Error, alpnProtocol: keyof typeof NOT_OFFERED): string {
  const { code, reason } = error as { readonly code?: unknown; readonly reason?: unknown };
  if (NOT_TLS.has(code)) return 'the client does not speak TLS';
  if (code === 'ERR_SSL_NO_APPLICATION_PROTOCOL') return NOT_OFFERED[alpnProtocol];
  const explained = EXPLAINED.get(code);
  if (explained !== undefined) return explained;
  if (typeof reason !== 'string') return error.message;
  // An alert is the client's own complaint: it does not trust the certificate, for example.
  return reason.includes('alert') ? `the client ended it: ${reason}` : reason;
}

/** OpenSSL's verdicts (`openssl verify`), as what to look at first. */
const VERDICTS: ReadonlyMap<string, string> = new Map([
  ['CERT_HAS_EXPIRED', 'it, or an authority above it, has expired'],
  ['CERT_NOT_YET_VALID', 'it, or an authority above it, is not valid yet'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'it is signed by itself'],
  ['INVALID_PURPOSE', 'its extended key usage does not allow it for clients'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'its authority is not in server.tls.clientCaFile'],
  ['UNABLE_TO_GET_ISSUER_CERT', 'its chain does not end in server.tls.clientCaFile'],
  [
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'its authority is not in server.tls.clientCaFile, or the client sends no intermediate certificates',
  ],
  [
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'its authority is not in server.tls.clientCaFile, or the client sends no intermediate certificates',
  ],
]);

/** Why a client's certificate does not hold, for a person, with OpenSSL's code to search for. */
export function certificateRefusal(code: string): string {
  const verdict = VERDICTS.get(code);
  return `client certificate refused: ${verdict === undefined ? code : `${verdict} (${code})`}`;
}
