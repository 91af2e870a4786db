import { SluiceError } from '../core/errors.js';

/** Of bytes that are no message. In a bundle for browsers a plain Error: there nobody asks for more than the sentence. */
export function invalidMessage(sentence: string): Error {
  return new SluiceError('INVALID_MESSAGE', sentence);
}
