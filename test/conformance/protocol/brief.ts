import { MessageType, type DataMessage } from '../../../src/wire/messages.js';

const SHORT_TEXT = /^[\x20-\x7e]{1,40}$/;

/** What data says: `#n` where the route numbered it, the text where it is one, else its size. */
function contentOf({ data, metadata }: DataMessage): string {
  const n = metadata?.get('n');
  if (n !== undefined) return `#${n}`;
  const text = Buffer.from(data).toString('latin1');
  return SHORT_TEXT.test(text) ? JSON.stringify(text) : `${data.byteLength} bytes`;
}

/** A message in one line, the most telling first: expectations name as much of it as they mean. */
export function brief(message: DataMessage): string {
  const { type, sequence, ack, control, more } = message;
  switch (type) {
    case MessageType.UNSPECIFIED:
    case MessageType.DATA:
      return `DATA ${sequence} ${contentOf(message)}${more ? ' more' : ''} ack ${ack}`;
    case MessageType.ACK:
      return `ACK ${ack}`;
    case MessageType.HEARTBEAT:
      return 'HEARTBEAT';
    case MessageType.HEALTH_CHECK:
      return `HEALTH_CHECK ${sequence} ack ${ack}`;
    default:
  }
  if (control === undefined) return `type ${type}`;
  switch (control.action) {
    case 'open':
      return `OPEN ${control.resume ? `resume after ${control.lastReceivedSequence}` : 'fresh'} attempt ${control.attempt}`;
    case 'opened':
      if (control.resumeToken.length === 0) return `OPENED gone ack ${ack}`;
      return `OPENED ${control.resumed ? 'resumed' : 'fresh'} received ${control.lastReceivedSequence} ack ${ack}`;
    case 'closed':
      return `CLOSED ${control.code === '' ? 'ok' : control.code} ack ${ack} "${control.reason}"`;
    case 'gap':
      return `GAP ${control.fromSequence}-${control.toSequence} ${control.reason}`;
    case 'error':
      return `ERROR ${control.sequence} ${control.code} "${control.message}"`;
    case 'window':
      return `WINDOW ${control.messages}/${control.bytes}`;
    case 'drain':
      return `DRAIN ${control.reason}`;
    default:
      return control.action.toUpperCase();
  }
}

/** Whether a line is what is meant: it begins with that, up to a word's end. "" means any. */
export function means(line: string, expected: string): boolean {
  return expected === '' || line === expected || line.startsWith(`${expected} `);
}
