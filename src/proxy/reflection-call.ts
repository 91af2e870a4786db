import type { Clock, Timer } from '../core/clock.js';
import { errorText } from '../core/error-text.js';
import { GrpcStatus } from '../core/errors.js';
import type { BackendConnector, CallEnd, ClientCall } from '../transport/client-contract.js';
import {
  decodeReflectionAnswer,
  encodeReflectionRequest,
  type ReflectionAnswer,
  type ReflectionRequest,
} from './reflection-codec.js';

/**
 * - `off`: the backend does not serve it
 * - `away`: it could not be asked, or has not answered in time
 * - `wrong`: what it answered is of no use
 */
export type ReflectionFault = 'off' | 'away' | 'wrong';

export class ReflectionError extends Error {
  override readonly name = 'ReflectionError';
  readonly fault: ReflectionFault;

  constructor(fault: ReflectionFault, message: string) {
    super(message);
    this.fault = fault;
  }
}

interface Question {
  readonly resolve: (answer: ReflectionAnswer) => void;
  readonly reject: (error: ReflectionError) => void;
}

/** A call of a backend's reflection: one question at a time. */
export class ReflectionCall {
  readonly #call: ClientCall;
  readonly #timer: Timer;
  #question: Question | undefined;
  #end: ReflectionError | undefined;

  /** `path`: one of REFLECTION_PATHS. `timeoutMs` is for all of it. */
  constructor(connector: BackendConnector, path: string, clock: Clock, timeoutMs: number) {
    this.#call = connector.call(
      path,
      {},
      {
        onBody: (body) => {
          this.#answered(body);
        },
        onWritable: () => undefined,
        onEnd: (end) => {
          this.#over(errorOf(end));
        },
      },
    );
    this.#timer = clock.setTimeout(() => {
      this.#over(new ReflectionError('away', `it has not answered within ${timeoutMs} ms`));
      this.#call.cancel();
    }, timeoutMs);
  }

  /** Rejects with a ReflectionError. */
  ask(request: ReflectionRequest): Promise<ReflectionAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#end !== undefined) {
        reject(this.#end);
        return;
      }
      this.#question = { resolve, reject };
      this.#call.send(encodeReflectionRequest(request));
    });
  }

  /** Nothing is left. Idempotent. */
  close(): void {
    this.#over(new ReflectionError('away', 'it is not asked any more'));
    this.#call.cancel();
  }

  #answered(body: Uint8Array): void {
    const question = this.#question;
    this.#question = undefined;
    try {
      // Copied: a view would hold on to whatever it came with.
      question?.resolve(decodeReflectionAnswer(body.slice()));
    } catch (error) {
      question?.reject(new ReflectionError('wrong', `its answer can not be read: ${errorText(error)}`));
    }
  }

  #over(error: ReflectionError): void {
    if (this.#end !== undefined) return;
    this.#end = error;
    this.#timer.cancel();
    this.#question?.reject(error);
    this.#question = undefined;
  }
}

function errorOf({ status, message, failure, unreadable }: CallEnd): ReflectionError {
  if (status === GrpcStatus.UNIMPLEMENTED && failure === undefined)
    return new ReflectionError('off', 'it does not serve gRPC reflection');
  if (unreadable === true) return new ReflectionError('wrong', message);
  return new ReflectionError('away', message === '' ? 'it ended the call without an answer' : message);
}
