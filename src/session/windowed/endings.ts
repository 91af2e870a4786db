import { SluiceError } from '../../core/errors.js';
import { weightOf, type DataMessage } from '../../wire/messages.js';
import type { Inbox, Reception } from './inbox.js';
import type { Outbox } from './outbox.js';

/** What a session ends with over a message of its client that can't be: names the value, the limit and the setting. */
export function offence(
  reception: Exclude<Reception, 'admitted' | 'duplicate'>,
  message: DataMessage,
  { received, told, inFlight, enforced }: Inbox,
): SluiceError {
  const { sequence } = message;
  switch (reception) {
    case 'INVALID_MESSAGE':
      return new SluiceError(
        'INVALID_MESSAGE',
        'data without a sequence in an opened session: its messages are numbered from 1',
      );
    case 'SEQUENCE_GAP':
      return new SluiceError(
        'SEQUENCE_GAP',
        `sequence ${sequence} came after ${received}: each follows the one before it by 1`,
      );
    case 'WINDOW_EXCEEDED':
      return new SluiceError(
        'WINDOW_EXCEEDED',
        `sequence ${sequence} of ${weightOf(message)} bytes is over the window: ${inFlight.messages} messages and ` +
          `${inFlight.bytes} bytes are in flight above ack ${told}, of ${enforced.messages} messages and ` +
          `${enforced.bytes} bytes granted (session.windowMessages, session.windowSize)`,
      );
    case 'MESSAGE_TOO_LARGE':
      return new SluiceError(
        'MESSAGE_TOO_LARGE',
        `the payload that sequence ${sequence} goes on with is larger than one of several messages may be ` +
          '(session.maxPayloadSize), or fills the window unfinished (session.windowMessages, session.windowSize)',
      );
  }
}

/** How soon a session that was closed because the gateway leaves should be opened elsewhere, in milliseconds. */
const DRAINING_RETRY_MS = 1_000;

/** What a session ends with, or an Open is refused with, when the gateway leaves. */
export function draining(): SluiceError {
  return new SluiceError('DRAINING', 'the gateway is leaving: open the session elsewhere', {
    retryAfterMs: DRAINING_RETRY_MS,
  });
}

/** What a session ends with under the policy disconnect. */
export function slowConsumer({ waiting }: Outbox): SluiceError {
  return new SluiceError(
    'SLOW_CONSUMER',
    `${waiting.messages} messages of ${waiting.bytes} bytes wait for the client already ` +
      '(session.waitingMessages, session.waitingSize), and its policy is disconnect',
  );
}
