import type { Action } from '../core/identity.js';
import { MAX_PERMISSIONS, parsePermission } from '../core/permission.js';
import { isPrintableId } from '../core/printable.js';
import type { CalloutAnswer } from './callout-answer.js';

/** What the service is asked: the whole of it, but for the peer, decides the answer. docs/authorization-callout.md. */
export interface CalloutQuestion {
  readonly event: 'connect' | Action;
  readonly client: { readonly id: string; readonly method: string; readonly class: string };
  readonly session?: string;
  readonly route?: string;
  readonly subject?: string;
}

/** An answer, and for how long the service wants it kept at most; undefined where it does not say. */
export interface ReadAnswer {
  readonly answer: CalloutAnswer;
  readonly keepMs: number | undefined;
}

/** The service did not answer as the contract says; the message repeats nothing of what it said. */
export class WrongAnswerError extends Error {
  override readonly name = 'WrongAnswerError';
  /** Whether it is about this one question: it says nothing about how the service answers others. */
  readonly aboutQuestion: boolean;

  constructor(message: string, aboutQuestion = false) {
    super(message);
    this.aboutQuestion = aboutQuestion;
  }
}

/** What a service says of a question that it finds wrong (RFC 9110 sections 15.5.1, 15.5.14, 15.5.21). */
const ABOUT_QUESTION: ReadonlySet<number> = new Set([400, 413, 422]);

/** Rises when a service that knows this one could misread another. */
const VERSION = 1;
/** The latest moment that a Date can be (ECMA-262 section 21.4.1.1): who says "for ever" may well mean more. */
const LATEST_MS = 8.64e15;
/** Of what a client is told; the rest is cut. */
const MAX_REASON = 200;

/** Two questions of the same key have the same answer, whoever asks. */
export function keyOf(question: CalloutQuestion): string {
  const { event, client, session, route, subject } = question;
  return JSON.stringify([event, client.id, client.method, client.class, session, route, subject]);
}

export function bodyOf(question: CalloutQuestion, node: string, peer: string): object {
  const { event, client, ...about } = question;
  return { version: VERSION, event, node, peer, client, ...about };
}

/** Reads the answer to one question; throws a WrongAnswerError. Members it does not know are a newer service's. */
export function readAnswer(status: number, json: unknown, wallNowMs: number): ReadAnswer {
  if (status === 403) return { answer: { allow: false }, keepMs: undefined };
  if (status !== 200) {
    throw new WrongAnswerError(`it answered with status ${status}`, ABOUT_QUESTION.has(status));
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw wrong('an object', 'its answer');
  const members = json as Readonly<Record<string, unknown>>;
  // Nothing stands for a member left out, null least of all: "permissions": null is somebody's empty list.
  const allow = members['allow'];
  if (typeof allow !== 'boolean') throw wrong('true or false', 'allow');
  const reason = optional(members, 'reason', 'a text', isText);
  const clientClass = optional(members, 'class', 'a name of a class', isClassName);
  const permissions = optional(
    members,
    'permissions',
    `a list of at most ${MAX_PERMISSIONS} permissions`,
    isPermissionList,
  );
  const expiresInMs = optional(members, 'expiresInMs', 'a number above 0', isPositive);
  const cacheMs = optional(members, 'cacheMs', 'a number of at least 0', isTime);
  return {
    answer: {
      allow,
      ...(reason === undefined ? {} : { reason: harmless(reason) }),
      ...(clientClass === undefined ? {} : { clientClass }),
      ...(permissions === undefined ? {} : { permissions: [...permissions] }),
      ...(expiresInMs === undefined ? {} : { expiresAtMs: Math.min(wallNowMs + expiresInMs, LATEST_MS) }),
    },
    // An answer that has run out is none.
    keepMs: earlier(cacheMs, expiresInMs),
  };
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}

function wrong(expected: string, what: string): WrongAnswerError {
  return new WrongAnswerError(`${what} is not ${expected}`);
}

function optional<T>(
  members: Readonly<Record<string, unknown>>,
  name: string,
  expected: string,
  is: (value: unknown) => value is T,
): T | undefined {
  const value = members[name];
  if (value === undefined || is(value)) return value;
  throw wrong(expected, name);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isClassName(value: unknown): value is string {
  return isText(value) && isPrintableId(value);
}

function isPermissionList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length <= MAX_PERMISSIONS && value.every(isPermission);
}

function isPermission(value: unknown): boolean {
  return isText(value) && 'permission' in parsePermission(value);
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function isPositive(value: unknown): value is number {
  return isTime(value) && value > 0;
}

/** A client's terminal and log are not the service's to write to. */
function harmless(text: string): string {
  return text.slice(0, MAX_REASON).replace(/\p{C}/gu, ' ');
}
