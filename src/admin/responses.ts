/** What a request is answered with. */
export interface AdminResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type AdminErrorCode = 'BAD_REQUEST' | 'NOT_FOUND' | 'METHOD_NOT_ALLOWED' | 'INTERNAL';

const STATUS: Readonly<Record<AdminErrorCode, number>> = {
  BAD_REQUEST: 400,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  INTERNAL: 500,
};

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
