import { gunzip, inflate } from 'node:zlib';
import { SluiceError } from '../../core/errors.js';
import { tooLarge } from '../stream-errors.js';

/**
 * Inflates one message off the main thread and gives it to `done`; stops as
 * soon as it is larger than `maxMessageBytes`. gRPC's "deflate" is the zlib
 * format (RFC 1950).
 */
export function inflateMessage(
  encoding: 'gzip' | 'deflate',
  compressed: Uint8Array,
  maxMessageBytes: number,
  done: (result: Buffer | SluiceError) => void,
): void {
  const run = encoding === 'gzip' ? gunzip : inflate;
  run(compressed, { maxOutputLength: maxMessageBytes }, (error, message) => {
    if (error === null) done(message);
    else done(refusal(error, encoding, maxMessageBytes));
  });
}

function refusal(error: NodeJS.ErrnoException, encoding: string, maxMessageBytes: number): SluiceError {
  if (error.code === 'ERR_BUFFER_TOO_LARGE') {
    return tooLarge(`more than ${maxMessageBytes}`, maxMessageBytes, 'An inflated message');
  }
  return new SluiceError(
    'INVALID_MESSAGE',
    `A message can not be inflated as ${encoding}: ${error.message}.`,
  );
}
