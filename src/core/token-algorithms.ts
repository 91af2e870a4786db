/** The signatures of tokens that can be checked (RFC 7518 section 3.1, RFC 8037, RFC 9864). There is no "none". */
export const TOKEN_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
  'HS256',
  'HS384',
  'HS512',
] as const;
export type TokenAlgorithm = (typeof TOKEN_ALGORITHMS)[number];
