import { ALL_OVERFLOWS } from '../../session/overflow.js';
import type { Outgoing } from '../../session/outgoing-message.js';
import type { Overflow } from '../../session/route.js';
import type { Middleware } from '../middleware/middleware.js';
import type { ModuleSession, RouteContext } from './module-session.js';
import type { ReceivedMessage } from './received-message.js';

/** Sent one by one, each when the one before it was taken. */
export type Replies = AsyncIterable<Outgoing> | Iterator<Outgoing, unknown> | readonly Outgoing[];

/** What `message` may give back: nothing, what is to be sent, or several of it. */
// eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- a function that returns nothing is one, too
export type Reply = void | Outgoing | Replies;

/** A route, as a module says it. Only `message` is required. */
export interface RouteDefinition<State = undefined> {
  /** Payloads of several messages come as one. Default false: piece by piece. */
  readonly wantsWhole?: boolean;
  /** Sessions keep their recent messages (`session.recent`). Default false. */
  readonly wantsRecent?: boolean;
  /** What happens to messages that a client does not take. Default `block`: `send` waits. */
  readonly overflow?: Overflow;
  /** What a client may choose instead. Default: anything where `overflow` is `block`, else nothing else. */
  readonly allowedOverflow?: readonly Overflow[];
  /** Messages come without waiting for those before them; accepted in order all the same. Default false. */
  readonly pipelined?: boolean;
  /** Around this route, within that of the configuration; the first is outermost. */
  readonly middleware?: readonly Middleware[];
  /** Before the gateway listens: open what all sessions share. A failure stops the start. */
  start?(context: RouteContext): void | Promise<void>;
  /** When all sessions have ended: close it again. */
  stop?(context: RouteContext): void;
  /**
   * A session opens: what it returns is the session's state. Throw to refuse
   * it. Messages wait for a promise; where that is rejected, the session ends.
   */
  open?(session: ModuleSession): State | Promise<State>;
  /**
   * One message, in order; the next comes when this one is done with. What it
   * returns, or yields, is sent. A throw fails this message alone.
   */
  message(message: ReceivedMessage, session: ModuleSession, state: State): Reply | Promise<Reply>;
  /** Of an upload by Ingest, when all of it is handled: at most 64 numbers by name, for its summary. */
  aggregates?(
    state: State,
    session: ModuleSession,
  ): ReadonlyMap<string, number> | Readonly<Record<string, number>>;
  /** The session has ended, for whatever reason. Called once, where `open` had succeeded. */
  close?(state: State, session: ModuleSession): void | Promise<void>;
}

const FLAGS = ['wantsWhole', 'wantsRecent', 'pipelined'] as const;
const FUNCTIONS = ['start', 'stop', 'open', 'aggregates', 'close'] as const;
const KNOWN: readonly string[] = [
  ...FLAGS,
  ...FUNCTIONS,
  ...['message', 'overflow', 'allowedOverflow', 'middleware'],
];

/** What is wrong with what should be a definition, as the end of a sentence; undefined where nothing is. */
export function faultOfDefinition(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) {
    return `it is ${nameOf(value)}, not what defineRoute returns`;
  }
  const given = value as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(given)) {
    if (!KNOWN.includes(name)) return `${name} is no property of a route: it has ${KNOWN.join(', ')}`;
  }
  if (typeof given['message'] !== 'function') return `message is ${nameOf(given['message'])}, not a function`;
  for (const name of FUNCTIONS) {
    if (given[name] !== undefined && typeof given[name] !== 'function') {
      return `${name} is ${nameOf(given[name])}, not a function`;
    }
  }
  for (const name of FLAGS) {
    if (given[name] !== undefined && typeof given[name] !== 'boolean') {
      return `${name} is ${nameOf(given[name])}, not true or false`;
    }
  }
  const { overflow, allowedOverflow, middleware } = given;
  if (overflow !== undefined && !isOverflow(overflow)) {
    return `overflow is ${nameOf(overflow)}, not one of ${ALL_OVERFLOWS.join(', ')}`;
  }
  if (
    allowedOverflow !== undefined &&
    !(Array.isArray(allowedOverflow) && allowedOverflow.every(isOverflow))
  ) {
    return `allowedOverflow is ${nameOf(allowedOverflow)}, not a list of some of ${ALL_OVERFLOWS.join(', ')}`;
  }
  if (middleware === undefined) return undefined;
  if (!Array.isArray(middleware)) return `middleware is ${nameOf(middleware)}, not a list`;
  const wrong: unknown = middleware.find((each) => typeof each !== 'function');
  return wrong === undefined
    ? undefined
    : `middleware holds ${nameOf(wrong)}, not what defineMiddleware returns`;
}

function isOverflow(value: unknown): value is Overflow {
  return ALL_OVERFLOWS.some((each) => each === value);
}

/** For a message: what it is, and where that is short, which. */
export function nameOf(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40));
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'function') return 'a function';
  return typeof value === 'number' || typeof value === 'boolean'
    ? `the ${typeof value} ${value}`
    : typeof value;
}
