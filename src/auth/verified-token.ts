/** What a token says that holds: signed by a key that is trusted, of the right issuer, for us, within its time. */
export interface VerifiedToken {
  /** 1 to 128 printable characters. */
  readonly subject: string;
  /** As the token says; undefined where it says nothing. Whether there is such a class is not yet known. */
  readonly clientClass: string | undefined;
  /** Instead of those of the class; undefined where the token says nothing. Each is of the form of a permission. */
  readonly permissions: readonly string[] | undefined;
  /** Unix milliseconds, of a granularity of a second; undefined where the token does not say. */
  readonly issuedAtMs: number | undefined;
  /** Unix milliseconds. */
  readonly expiresAtMs: number;
  /** The only client certificate it may be shown with (RFC 8705 section 3.1, x5t#S256), base64url. */
  readonly thumbprint: string | undefined;
}
