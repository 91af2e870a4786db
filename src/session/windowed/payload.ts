import { dataMessage, type DataMessage } from '../../wire/messages.js';

/**
 * One message for the pieces of a payload, for routes that want it whole: the
 * data of all, the sequence of the last (which an Error of the route names),
 * everything else from the first.
 */
export function joined(pieces: readonly DataMessage[]): DataMessage {
  const [first] = pieces;
  if (first === undefined) throw new RangeError('a payload has at least one piece');
  let length = 0;
  for (const { data } of pieces) length += data.byteLength;
  const data = new Uint8Array(length);
  let offset = 0;
  for (const piece of pieces) {
    data.set(piece.data, offset);
    offset += piece.data.byteLength;
  }
  const sequence = pieces.at(-1)?.sequence ?? first.sequence;
  return dataMessage({ ...first, data, sequence, more: false });
}
