import { expectWhole } from '../option-checks.js';
import { onAbort } from '../../core/on-abort.js';
import { randomId } from '../random-id.js';
import { linkAbort } from '../../core/signals.js';
import { decodePublishResponse, encodePublishRequest } from '../../wire/topic-codec.js';
import { callError, unreadable } from './call-error.js';
import type { CallHost, CallPlace } from './call-host.js';
import { ClientError } from '../client-error.js';
import type { Payload } from '../message.js';
import { bytesOf, metadataOf } from '../../wire/sendable.js';
import { sleep } from '../../core/sleep.js';
import { checkTopic } from './topic-checks.js';

export interface PublishOptions {
  /** For conflation and partitioning. Default "". */
  readonly key?: string;
  /** At most 64 entries. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Not worth delivering later than this, in milliseconds. Default: always worth it. */
  readonly ttlMs?: number;
  /** Publishing again with the same one has no second effect. Default: made up, so that a lost answer can be asked for again. */
  readonly idempotencyKey?: string;
  /** For how long it is tried in all, in milliseconds. Default the client's `openTimeoutMs`; 0: once. */
  readonly timeoutMs?: number;
  /** Ends the trying. Whether the message was published is not known then. */
  readonly signal?: AbortSignal;
}

/** The message is in the topic. */
export interface Published {
  /** Its number there. */
  readonly sequence: number;
  /** How many subscribers it went to. */
  readonly subscribers: number;
  /** It was there already, by its idempotency key: nothing was published, the sequence is that of the first time. */
  readonly duplicate: boolean;
}

/**
 * Publishes, and tries again as long as that helps: with the same idempotency key, so that it happens once.
 * @internal
 */
export async function publish(
  host: CallHost,
  topic: string,
  data: Payload,
  options: PublishOptions = {},
): Promise<Published> {
  const { key = '', ttlMs = 0, timeoutMs = host.patienceMs } = options;
  checkTopic(topic);
  expectWhole('ttlMs', ttlMs, 0, Number.MAX_SAFE_INTEGER);
  expectWhole('timeoutMs', timeoutMs, 0, Number.MAX_SAFE_INTEGER);
  const body = encodePublishRequest({
    topic,
    data: bytesOf(data),
    key,
    metadata: options.metadata && metadataOf(options.metadata),
    idempotencyKey: options.idempotencyKey ?? randomId(),
    ttlMs,
  });
  options.signal?.throwIfAborted();
  const work = linkAbort(host.closing, options.signal);
  const limitMs = timeoutMs || host.connectTimeoutMs;
  const deadline = host.clock.now() + timeoutMs;
  let last: ClientError | undefined;
  // 0 asks for one attempt, and that has to end some time, too.
  const timer = host.clock.setTimeout(() => {
    work.abort(last ?? noAnswer(limitMs));
  }, limitMs);
  try {
    for (let failures = 0; ; failures += 1) {
      try {
        return await attempt(host, body, work.signal);
      } catch (error) {
        if (work.signal.aborted || !(error instanceof ClientError) || error.retry === 'never') throw error;
        last = error;
        const waitMs = host.waitMs(failures, error);
        if (host.clock.now() + waitMs >= deadline) throw error;
        await sleep(waitMs, host.clock, work.signal);
      }
    }
  } finally {
    timer.cancel();
    work.unlink();
  }
}

async function attempt(host: CallHost, body: Uint8Array, signal: AbortSignal): Promise<Published> {
  const place = await host.place(signal);
  signal.throwIfAborted();
  const answer = await call(host, place, body, signal);
  try {
    return decodePublishResponse(answer);
  } catch (error) {
    throw unreadable(place, 'Publish', error);
  }
}

/** The bytes of the one answer. */
function call(host: CallHost, place: CallPlace, body: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    let answer: Uint8Array | undefined;
    const running = place.connector.call('Publish', place.metadata, {
      onBody: (bytes) => {
        answer ??= bytes;
      },
      onWritable: () => undefined,
      onEnd: (end) => {
        detach();
        if (signal.aborted) return;
        if (end.status !== 0) reject(callError(host, place, 'Publish', end));
        else if (answer === undefined) reject(unreadable(place, 'Publish', 'there is none.'));
        else resolve(answer);
      },
    });
    const detach = onAbort(signal, () => {
      reject(signal.reason as Error);
      running.cancel();
    });
    running.send(body);
    running.halfClose();
  });
}

function noAnswer(limitMs: number): ClientError {
  return new ClientError('UNREACHABLE', `No gateway has answered within ${limitMs} ms.`);
}
