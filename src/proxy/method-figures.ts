import { GrpcStatus } from '../core/errors.js';
import type { MethodCounters } from './call-terms.js';

/** What the calls of one method are doing, and have done. */
export class MethodFigures implements MethodCounters {
  /** `package.Service/Method`. */
  readonly method: string;
  messagesUp = 0;
  messagesDown = 0;
  bytesUp = 0;
  bytesDown = 0;
  pausesUp = 0;
  pausesDown = 0;
  retries = 0;
  /** Under way now. */
  open = 0;
  /** Those that ended, by the name of their status. */
  readonly ended = new Map<string, number>();
  /** When it was last said that a backend does not have it, in Clock.now(). */
  missingToldAtMs = -Infinity;

  constructor(method: string) {
    this.method = method;
  }

  finished(status: number): void {
    const name = statusName(status);
    this.open -= 1;
    this.ended.set(name, (this.ended.get(name) ?? 0) + 1);
  }
}

const NAMES = new Map(Object.entries(GrpcStatus).map(([name, code]) => [code as number, name]));

/** One that gRPC does not know counts as UNKNOWN, as its clients take it. */
export function statusName(status: number): string {
  return NAMES.get(status) ?? 'UNKNOWN';
}

/** What methods are not known beforehand are counted under by their names, over all proxies; the rest is one. */
const MAX_UNKNOWN = 256;
export const OTHERS = 'other';

/** So that clients can't make up labels without end. */
export class UnknownMethods {
  #left = MAX_UNKNOWN;

  /** The label for one more. */
  admit(method: string): string {
    if (this.#left === 0) return OTHERS;
    this.#left -= 1;
    return method;
  }
}
