import type { RetryAdvice } from '../../core/errors.js';
import type { Size } from '../../flow/window.js';
import { type Closed, WireRetryAdvice, type WireError } from '../../wire/messages.js';
import { ClientError } from '../client-error.js';
import type { GapNotice } from '../message.js';
import type { DropReason } from '../options.js';
import type { OutgoingPayload } from './outgoing-payload.js';

/** By number; what is not named leaves it to the catalogue. */
const RETRY: Readonly<Record<number, RetryAdvice>> = {
  [WireRetryAdvice.NOW]: 'now',
  [WireRetryAdvice.BACKOFF]: 'backoff',
  [WireRetryAdvice.NEVER]: 'never',
};

/** What the gateway has closed the session with. */
export function closedError(id: string, { code, reason, retry, retryAfterMs }: Closed): ClientError {
  const advice = RETRY[retry];
  return new ClientError(code, reason === '' ? `the gateway closed session "${id}": ${code}` : reason, {
    scope: 'session',
    ...(advice !== undefined && { retry: advice }),
    ...(retryAfterMs > 0 && { retryAfterMs }),
  });
}

/** How the route failed on one message. */
export function failureError({ code, message, sequence, retryAfterMs }: WireError): ClientError {
  return new ClientError(
    code,
    message === '' ? `the route failed on message ${sequence}: ${code}` : message,
    {
      scope: 'message',
      ...(retryAfterMs > 0 && { retryAfterMs }),
    },
  );
}

export function moreFailures(count: number): ClientError {
  return new ClientError('ROUTE_FAILED', `${count} more sends failed: give onFailure to be told of each`, {
    scope: 'message',
  });
}

export function gapError(gap: GapNotice): ClientError {
  const { fromSequence, toSequence, reason } = gap;
  const which =
    fromSequence === toSequence ? `message ${fromSequence}` : `messages ${fromSequence} to ${toSequence}`;
  return new ClientError('GAP', `${which} will not come: ${reason}; read on, or give onGap`, { gap });
}

export function violation(id: string, how: string): ClientError {
  return new ClientError('PROTOCOL_VIOLATION', `the gateway broke the protocol in session "${id}": ${how}`);
}

export function resetError(id: string): ClientError {
  return new ClientError(
    'RESET',
    `the gateway no longer has session "${id}": it was away too long, or the gateway started anew; with onReset it goes on`,
  );
}

/** For sends, once the session has ended without an error. */
export function endedError(id: string): ClientError {
  return new ClientError('CLOSED', `session "${id}" has ended: nothing more can be sent`);
}

export function closingError(id: string): ClientError {
  return new ClientError('CLOSED', `session "${id}" is closing: nothing more can be sent`);
}

export function givenUpError(id: string): ClientError {
  return new ClientError('CLOSED', `session "${id}" was given up`);
}

export function fullError(id: string, waiting: Size, bound: Size): ClientError {
  return new ClientError(
    'BUFFER_FULL',
    `${waiting.messages} sends of ${waiting.bytes} bytes wait in session "${id}" already (buffer: ${bound.messages} ` +
      `messages, ${bound.bytes} bytes): await each, or give another buffer.overflow`,
  );
}

export function droppedError(id: string, reason: DropReason): ClientError {
  return new ClientError(
    'DROPPED',
    reason === 'expired'
      ? `the message outlived its time to live in session "${id}"`
      : `the buffer of session "${id}" was full: its policy has dropped the message`,
  );
}

/** For a piece whose payload was begun, and is no more. */
export function restDroppedError(id: string): ClientError {
  return new ClientError(
    'DROPPED',
    `the payload of this piece was dropped, refused or lost to a reset in session "${id}"`,
  );
}

export function tooLargeError(
  { bytes, pieces }: OutgoingPayload,
  { window, maxMessageBytes }: { readonly window: Size; readonly maxMessageBytes: number },
): ClientError {
  const limits =
    pieces === 1
      ? `its key and metadata alone exceed the gateway's largest message, ${maxMessageBytes} bytes (server.maxMessageSize)`
      : `in pieces of at most ${maxMessageBytes} bytes (server.maxMessageSize) it is ${pieces} messages, and its ` +
        `window is ${window.messages} messages and ${window.bytes} bytes (session.windowMessages, session.windowSize)`;
  return new ClientError('MESSAGE_TOO_LARGE', `a payload of ${bytes} bytes can't be sent: ${limits}`, {
    scope: 'message',
  });
}
