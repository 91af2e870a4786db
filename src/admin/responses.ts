/** What a request is answered with. */
export interface AdminResponse {
  readonly status: number;
  /** Without a body: "". */
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const STATUS = {
  BAD_REQUEST: 400,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  CONFLICT: 409,
  TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  INTERNAL: 500,
} as const;
export type AdminErrorCode = keyof typeof STATUS;

/** Done, and nothing to say of it (RFC 9110 section 15.3.5). */
export const NO_CONTENT: AdminResponse = { status: 204, contentType: '', body: '' };

/** Indented, with a newline at the end: people read it in a terminal, and programs don't mind. */
export function json(value: unknown, status = 200): AdminResponse {
  const body = `${JSON.stringify(value, null, 2)}\n`;
  return { status, contentType: 'application/json; charset=utf-8', body };
}

export function errorResponse(
  code: AdminErrorCode,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): AdminResponse {
  return { ...json({ error: { code, message } }, STATUS[code]), headers };
}
