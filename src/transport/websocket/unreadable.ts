import { SluiceError } from '../../core/errors.js';
import { tooLarge } from '../stream-errors.js';

/** Why what comes can't be read, and the code its Close bears (RFC 6455 section 7.4.1). */
export interface Unreadable {
  readonly error: SluiceError;
  readonly closeCode: number;
}

const PROTOCOL_ERROR = 1002;
const UNSUPPORTED_DATA = 1003;
const NOT_UTF8 = 1007;
const POLICY = 1008;

/** What the library found wrong. */
export function unreadableFrame(error: Error, maxMessageBytes: number): Unreadable {
  switch ('code' in error ? error.code : undefined) {
    case 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH':
    case 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH':
      return refused(tooLarge(`more than ${maxMessageBytes}`, maxMessageBytes));
    case 'WS_ERR_INVALID_UTF8':
      return invalid('text that came is not UTF-8', NOT_UTF8);
    case 'WS_ERR_TOO_MANY_BUFFERED_PARTS':
      return inTooManyPieces();
    default:
      return invalid(`what came is not spoken as RFC 6455 has it: ${error.message}`, PROTOCOL_ERROR);
  }
}

/** A message whose frames, or what comes between them, are more than is held for one. */
export function inTooManyPieces(): Unreadable {
  return invalid('a message came in more pieces than are held for one', POLICY);
}

/** A binary message where text is spoken, or the other way around. */
export function wrongKind(subprotocol: string, isBinary: boolean): Unreadable {
  const came = isBinary ? 'a binary message came' : 'a text message came';
  return invalid(`${came}, which ${subprotocol} has none of`, UNSUPPORTED_DATA);
}

/** Something came behind the half-close. */
export function spokeOn(): Unreadable {
  return refused(
    new SluiceError('INVALID_MESSAGE', 'A message came after the one that said that there would be none.'),
  );
}

/** What the catalogue has a close code for. */
export function refused(error: SluiceError): Unreadable {
  return { error, closeCode: error.entry.webSocketClose };
}

function invalid(problem: string, closeCode: number): Unreadable {
  return { error: new SluiceError('INVALID_MESSAGE', `The message can not be read: ${problem}.`), closeCode };
}
