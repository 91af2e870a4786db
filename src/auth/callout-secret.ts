/** A bearer token's characters (RFC 6750 section 2.1, b64token): others have no place in a header. */
const TOKEN = /^[A-Za-z0-9\-._~+/]{1,4096}=*$/;

/** Reads what is shown to the authorization service: the file's only line. Quotes nothing of it. */
export function parseCalloutSecret(text: string): string {
  const secret = text.trim();
  if (secret === '') throw new Error('is empty');
  if (!TOKEN.test(secret)) {
    throw new Error(
      'is not one line of at most 4096 letters, digits and -._~+/, with = at the end only (RFC 6750 section 2.1)',
    );
  }
  return secret;
}
