/** What a caller shows, unverified but for the certificate's chain, which TLS has checked. */
export interface Credentials {
  /** Of `authorization: Bearer …` or `Authenticate`. A secret: never in a log, an error, a label. */
  readonly token: string | undefined;
  readonly certificate: ClientCertificate | undefined;
  /** Who they say they are: `x-client-id`. */
  readonly claimedId: string | undefined;
  /** Where from: `host:port`, or "unix". */
  readonly peer: string;
}

/** A client certificate that TLS has verified: signed by a configured authority, within its dates. */
export interface ClientCertificate {
  /** CN of the subject; "" where it has none. */
  readonly commonName: string;
  /** Subject alternative names (RFC 5280 section 4.2.1.6), as they stand. */
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
  /** Unix milliseconds. */
  readonly expiresAtMs: number;
  /** SHA-256 of the DER encoding, base64url: what RFC 8705 calls x5t#S256. */
  readonly thumbprint: string;
}
