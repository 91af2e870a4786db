import { dataMessage, type DataMessage, joinedData } from '../../wire/messages.js';

/**
 * One message for the pieces of a payload, for routes that want it whole: the
 * data of all, the sequence of the last (which an Error of the route names),
 * everything else from the first.
 */
export function joined(pieces: readonly DataMessage[]): DataMessage {
  const [first] = pieces;
  if (first === undefined) throw new RangeError('a payload has at least one piece');
  const sequence = pieces.at(-1)?.sequence ?? first.sequence;
  return dataMessage({ ...first, data: joinedData(pieces), sequence, more: false });
}
