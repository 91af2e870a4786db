/** What tests of who is calling share: the files a gateway reads, the tokens clients show, and what comes of it. */
import { createHash } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { SystemClock } from '../../src/core/clock.js';
import type { ErrorCode } from '../../src/core/errors.js';
import { detailsOf } from './call-status.js';
import { StreamClient, type ClientOptions } from './stream-client.js';

/** A folder for the files of one test. */
export class AuthFiles implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'sluice-auth-'));

  /** Where a file of this name is, or would be. */
  path(name: string): string {
    return join(this.#folder, name);
  }

  /** As deployments do it: whole, and moved into place. Returns its path. */
  write(name: string, content: string): string {
    const path = this.path(name);
    writeFileSync(`${path}.new`, content, { mode: 0o600 });
    renameSync(`${path}.new`, path);
    return path;
  }

  remove(name: string): void {
    rmSync(this.path(name));
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }
}

/** Time as it is, but for the calendar, which the test turns. */
export class Calendar extends SystemClock {
  wallMs = Date.now();

  override wallNow(): number {
    return this.wallMs;
  }
}

/** The claims of a token that holds for an hour. */
export function claimsOf(subject: string, more: object = {}): Readonly<Record<string, unknown>> {
  const now = Math.floor(Date.now() / 1_000);
  return { sub: subject, iat: now, exp: now + 3_600, ...more };
}

export interface StaticToken {
  readonly token: string;
  readonly subject: string;
  readonly permissions?: readonly string[];
  readonly class?: string;
  readonly expires?: string;
}

/** What `auth.static.file` holds for these. */
export function staticTokens(...tokens: readonly StaticToken[]): string {
  return JSON.stringify({
    tokens: tokens.map(({ token, ...entry }) => ({
      sha256: createHash('sha256').update(token).digest('hex'),
      ...entry,
    })),
  });
}

export function bearer(token: string): { readonly authorization: string } {
  return { authorization: `Bearer ${token}` };
}

/** Who a call is welcomed as. */
export async function welcomedAs(client: StreamClient): Promise<unknown> {
  await client.until(() => client.controls('welcome').length > 0);
  return client.controls('welcome').at(-1)?.control?.['welcome']?.['clientId'];
}

/** Who a client with this token is; it leaves again. */
export async function whoIs(
  address: string,
  token: string | undefined,
  options: ClientOptions = {},
): Promise<unknown> {
  const metadata = { ...options.metadata, ...(token === undefined ? {} : bearer(token)) };
  using client = new StreamClient(address, { ...options, metadata });
  const name = await welcomedAs(client);
  // It is let in, and served.
  client.sendData('s', 'a word');
  await client.untilData(1);
  client.halfClose();
  await client.status;
  return name;
}

export interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly message: string;
  readonly retryAfterMs: number | undefined;
}

/** How a call ends that the gateway ends, as a foreign client reads it. */
export async function endOf(client: StreamClient): Promise<Refusal> {
  const status = await client.status;
  const { reason = '', domain, retryAfterMs } = detailsOf(status);
  expect(domain).toBe('sluice');
  return { status: status.code, reason, message: status.details, retryAfterMs };
}

/** How somebody with this token is turned away, who has to be. */
export async function refusalOf(
  address: string,
  token: string | undefined,
  options: ClientOptions = {},
): Promise<Refusal> {
  const metadata = { ...options.metadata, ...(token === undefined ? {} : bearer(token)) };
  using client = new StreamClient(address, { ...options, metadata });
  const end = await endOf(client);
  expect(client.controls('welcome')).toEqual([]);
  return end;
}

/** Who a client with this token is welcomed as, or the code it is turned away with. */
export async function outcomeOf(address: string, token: string): Promise<unknown> {
  using client = new StreamClient(address, { metadata: bearer(token) });
  return await welcomedAs(client).catch(async () => (await endOf(client)).reason);
}

/** As `refusalOf`, and with this code. */
export async function expectRefused(
  address: string,
  token: string | undefined,
  reason: ErrorCode,
  options: ClientOptions = {},
): Promise<string> {
  const refusal = await refusalOf(address, token, options);
  expect(refusal).toMatchObject({ reason });
  return refusal.message;
}

/** The answers to the Opens of a session so far: what was opened, and the codes of what was closed. */
export function answersOf(client: StreamClient, sessionId: string): readonly string[] {
  return client.received.flatMap(({ sessionId: id, control }) => {
    if (id !== sessionId) return [];
    if (control?.action === 'opened') return [control['opened']?.['resumed'] === true ? 'resumed' : 'opened'];
    return control?.action === 'closed' ? [String(control['closed']?.['code'])] : [];
  });
}

/** Sends an Open and waits for what comes of it: `opened`, `resumed`, or the code it is closed with. */
export async function open(client: StreamClient, sessionId: string, fields: object): Promise<string> {
  const before = answersOf(client, sessionId).length;
  client.send({ type: 'MESSAGE_TYPE_CONTROL', sessionId, control: { open: fields } });
  await client.until(() => answersOf(client, sessionId).length > before);
  return answersOf(client, sessionId)[before] ?? '';
}

/** Brings a fresh token within the stream. */
export function authenticate(client: StreamClient, token: string): void {
  client.send({ type: 'MESSAGE_TYPE_CONTROL', control: { authenticate: { token } } });
}
