import type { Clock } from '../../core/clock.js';
import { isPromise } from '../../core/is-promise.js';
import { type Outgoing, routeMessage } from '../../session/outgoing-message.js';
import type { RouteSession } from '../../session/route.js';
import { nameOf } from './route-definition.js';

/** After so many that were taken at once the gateway's other work has its turn. */
const IN_A_ROW = 64;

type AnyIterator = Iterator<Outgoing, unknown> | AsyncIterator<Outgoing, unknown>;

export interface ReplySpec {
  readonly session: RouteSession;
  readonly clock: Clock;
  /** Whether the session has ended, or the message was given up: then nothing is sent any more. */
  readonly over: () => boolean;
  /** Its generators are closed when the session ends; each is here while it runs. */
  readonly running: Set<() => void>;
}

/**
 * Sends what a handler gave back: nothing, one, or several, each when the one
 * before it was taken. Throws a TypeError for what can't be sent.
 */
export function sendReply(reply: unknown, spec: ReplySpec): void | Promise<void> {
  if (reply === undefined || spec.over()) {
    if (isIterator(reply)) void quietReturn(reply);
    return undefined;
  }
  if (isOutgoing(reply)) return spec.session.send(routeMessage(reply));
  if (isPromise(reply)) return Promise.resolve(reply).then((value) => sendReply(value, spec));
  const iterator = iteratorOf(reply);
  if (iterator !== undefined) return sendAll(iterator, spec);
  throw new TypeError(
    `message returned ${nameOf(reply)}: return nothing, text, bytes, an object with data or metadata, a list or a generator of them`,
  );
}

async function sendAll(iterator: AnyIterator, { session, clock, over, running }: ReplySpec): Promise<void> {
  const stop = (): void => void quietReturn(iterator);
  running.add(stop);
  let inARow = 0;
  let ended = false;
  try {
    while (!over()) {
      const step = iterator.next();
      const { done, value } = isPromise(step) ? await step : step;
      ended = done === true;
      if (over()) return;
      if (ended) {
        if (value === undefined) return;
        throw new TypeError(`a generator returned ${nameOf(value)}: what it is to send it has to yield`);
      }
      const taken = session.send(routeMessage(value as Outgoing));
      inARow = taken === undefined ? inARow + 1 : 0;
      if (taken !== undefined) await taken;
      else if (inARow >= IN_A_ROW) {
        inARow = 0;
        await new Promise<void>((resolve) => {
          clock.setImmediate(resolve);
        });
      }
    }
  } catch (error) {
    // The session ended while it waited: nobody is left to be told.
    if (!over()) throw error;
  } finally {
    running.delete(stop);
    if (!ended) stop();
  }
}

/** Runs the generator's `finally`. It may be busy, and may fail there: the message has its outcome already. */
async function quietReturn(iterator: AnyIterator): Promise<void> {
  try {
    await iterator.return?.();
  } catch {
    // Of what is over.
  }
}

function isOutgoing(reply: unknown): reply is Outgoing {
  if (typeof reply === 'string' || reply instanceof Uint8Array) return true;
  return typeof reply === 'object' && reply !== null && ('data' in reply || 'metadata' in reply);
}

/** Of lists, generators and what is async iterable. Not of a Set or a Map, which a method gives back by the way. */
function iteratorOf(reply: unknown): AnyIterator | undefined {
  if (Array.isArray(reply)) return (reply as readonly Outgoing[]).values();
  if (typeof reply !== 'object' || reply === null) return undefined;
  if (Symbol.asyncIterator in reply) return (reply as AsyncIterable<Outgoing>)[Symbol.asyncIterator]();
  return isIterator(reply) ? reply : undefined;
}

function isIterator(reply: unknown): reply is AnyIterator {
  return typeof reply === 'object' && reply !== null && 'next' in reply && typeof reply.next === 'function';
}
