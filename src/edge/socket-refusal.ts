import { SluiceError } from '../core/errors.js';
import { rawAnswer } from './raw-answer.js';
import { Refusal } from './refusal.js';

const RETRY_MS = 5_000;

/** What a connection too many is answered with, whatever it came to ask: written once, for all of a burst. */
export function socketRefusal(maxSockets: number): Buffer {
  const error = new SluiceError(
    'CONNECTION_LIMIT',
    `edge.maxSockets = ${maxSockets} network connections are open: try again later`,
    { retryAfterMs: RETRY_MS },
  );
  return Buffer.from(rawAnswer(new Refusal(error)));
}
