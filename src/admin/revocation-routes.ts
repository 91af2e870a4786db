import type { Logger } from '../core/logger.js';
import { isPrintableId, quoted } from '../core/printable.js';
import type { AdminRequest } from './admin-request.js';
import type { RevocationSnapshot, Revocations } from './admin-sources.js';
import { checkQuery, page } from './list-page.js';
import { errorResponse, json, NO_CONTENT, type AdminResponse } from './responses.js';

const MAX_BODY_BYTES = 4 * 1024;
const PARAMETERS = ['limit', 'after'];
const MEMBERS = ['subject', 'reason'];
/** For the log: up to 200 printable characters. */
const REASON = /^[^\p{C}]{1,200}$/u;

interface Asked {
  readonly subject: string;
  readonly reason: string | undefined;
}

export function listRevocations(query: URLSearchParams, revocations: Revocations): AdminResponse {
  const mistake = checkQuery(query, PARAMETERS);
  if (mistake !== undefined) return errorResponse('BAD_REQUEST', mistake);
  return page(
    'revocations',
    query,
    revocations.list(),
    ({ subject }) => subject,
    (revocation) => revocation,
  );
}

export function oneRevocation(subject: string, revocations: Revocations): AdminResponse {
  const found = find(subject, revocations);
  return found === undefined ? notRevoked(subject) : json(found);
}

/** Throws a subject out: `{ "subject": "alice", "reason": "lost her laptop" }`, the reason for the log alone. */
export async function revoke(
  request: AdminRequest,
  revocations: Revocations,
  logger: Pick<Logger, 'warn'>,
): Promise<AdminResponse> {
  if (!isJson(request.contentType)) {
    return errorResponse('UNSUPPORTED_MEDIA_TYPE', 'content-type has to be application/json.');
  }
  const outcome = await request.body.read(MAX_BODY_BYTES);
  if (outcome.kind === 'too-large') {
    return errorResponse('TOO_LARGE', `The body is larger than ${MAX_BODY_BYTES} bytes.`);
  }
  if (outcome.kind === 'gone') return errorResponse('BAD_REQUEST', 'The body broke off.');
  const asked = parse(outcome.bytes);
  if (typeof asked === 'string') return errorResponse('BAD_REQUEST', asked);
  const { subject, reason } = asked;
  const revoked = revocations.revoke(subject, reason);
  if ('refused' in revoked) return errorResponse('CONFLICT', revoked.refused);
  const { connectionsEnded, sessionsEnded, callsEnded, until } = revoked;
  logger.warn(
    { subject, reason, operator: request.peer, connectionsEnded, sessionsEnded, callsEnded, until },
    'a subject was revoked',
  );
  return json({ subject, connectionsEnded, sessionsEnded, callsEnded, until });
}

/** Takes back what `revoke` did. */
export function pardon(
  subject: string,
  request: AdminRequest,
  revocations: Revocations,
  logger: Pick<Logger, 'warn'>,
): AdminResponse {
  if (request.body.present) return errorResponse('BAD_REQUEST', 'DELETE takes no body.');
  const pardoned = revocations.pardon(subject);
  if (pardoned) logger.warn({ subject, operator: request.peer }, 'a revocation was taken back');
  // Whoever asked must not believe that the subject is let in again.
  if (find(subject, revocations) !== undefined) {
    return errorResponse(
      'CONFLICT',
      `${quoted(subject)} stands in the file of revocations: it is let in again when it is taken out there.`,
    );
  }
  return pardoned ? NO_CONTENT : notRevoked(subject);
}

/** Where there are two, that of the file: it holds longer. */
function find(subject: string, revocations: Revocations): RevocationSnapshot | undefined {
  let found: RevocationSnapshot | undefined;
  for (const revocation of revocations.list()) {
    if (revocation.subject === subject && found?.source !== 'file') found = revocation;
  }
  return found;
}

function notRevoked(subject: string): AdminResponse {
  return errorResponse('NOT_FOUND', `${quoted(subject)} is not revoked.`);
}

/** With or without parameters, of which JSON has none that mean anything (RFC 8259 section 11). */
function isJson(contentType: string | undefined): boolean {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase() === 'application/json';
}

/** What the body asks for, or what is wrong with it. */
function parse(bytes: Buffer): Asked | string {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return 'The body is not JSON.';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return 'The body has to be a JSON object with the member subject, and reason if there is one.';
  }
  const unknown = Object.keys(value).find((name) => !MEMBERS.includes(name));
  if (unknown !== undefined) return `Unknown member ${quoted(unknown)}: subject and reason are known.`;
  const { subject, reason } = value as { readonly subject?: unknown; readonly reason?: unknown };
  if (typeof subject !== 'string' || !isPrintableId(subject)) {
    return 'subject has to be a string of 1 to 128 printable characters.';
  }
  if (reason !== undefined && (typeof reason !== 'string' || !REASON.test(reason))) {
    return 'reason has to be a string of 1 to 200 printable characters.';
  }
  return { subject, reason };
}
