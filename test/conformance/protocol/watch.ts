import { MessageType, weightOf, type DataMessage, type Open } from '../../../src/wire/messages.js';

interface Attachment {
  opened: boolean;
  /** The last sequence received, by message or Gap. */
  position: number;
  /** The largest window stated; what was never stated is not known, and not checked. */
  largest: { messages: number; bytes: number };
  /** Received in this attachment, not acknowledged. */
  flight: { readonly sequence: number; readonly bytes: number }[];
  /** The highest ack seen. */
  acked: number;
}

function stated(value: number): number {
  return value === 0 ? Infinity : value;
}

/**
 * What must hold of everything a gateway writes, whatever a case is about:
 * sequences follow one another or a Gap says why not; no more is in flight
 * than the window allows; no ack is above what was sent; an Error comes before
 * any ack that covers it; nothing comes for a session that is not open here.
 */
export class Watch {
  readonly #attachments = new Map<string, Attachment>();
  /** The highest sequence sent, by session, over all connections of the case. */
  readonly #sent: Map<string, number>;

  constructor(sent: Map<string, number>) {
    this.#sent = sent;
  }

  /** The client writes this. */
  wrote(message: DataMessage): void {
    const { sessionId, sequence, control } = message;
    if (control?.action === 'open') this.#opens(sessionId, control);
    if (message.type === MessageType.DATA)
      this.#sent.set(sessionId, Math.max(sequence, this.#sent.get(sessionId) ?? 0));
    const attachment = this.#attachments.get(sessionId);
    if (attachment === undefined) return;
    if (message.ack > 0) attachment.flight = attachment.flight.filter((one) => one.sequence > message.ack);
    if (control?.action === 'window') {
      const { largest } = attachment;
      largest.messages = Math.max(largest.messages, control.messages);
      largest.bytes = Math.max(largest.bytes, control.bytes);
    }
  }

  /** The gateway wrote this. Returns what is wrong with it. */
  came(message: DataMessage): string | undefined {
    const { sessionId, control } = message;
    if (sessionId === '') return undefined;
    const attachment = this.#attachments.get(sessionId);
    if (message.ack > (this.#sent.get(sessionId) ?? 0) && message.type !== MessageType.HEALTH_CHECK)
      return `ack ${message.ack} is above what was ever sent`;
    if (attachment !== undefined) attachment.acked = Math.max(attachment.acked, message.ack);
    if (message.type === MessageType.DATA || message.type === MessageType.UNSPECIFIED)
      return this.#data(message, attachment);
    switch (control?.action) {
      case 'opened':
        if (control.resumeToken.length === 0) this.#attachments.delete(sessionId);
        else if (attachment === undefined) return 'Opened for what was not asked to be opened';
        else attachment.opened = true;
        return undefined;
      case 'closed':
        this.#attachments.delete(sessionId);
        return undefined;
      case 'gap':
        return this.#gap(control.fromSequence, control.toSequence, control.reason, attachment);
      case 'error':
        if (message.sequence !== 0) return 'an Error with a sequence of its own';
        if (control.sequence > 0 && control.sequence <= (attachment?.acked ?? 0))
          return `the Error of ${control.sequence} came behind an ack of ${attachment?.acked ?? 0}`;
        return undefined;
      default:
        return undefined;
    }
  }

  #opens(sessionId: string, open: Open): void {
    // The second of two: what is open stays so until the gateway says otherwise.
    if (this.#attachments.get(sessionId)?.opened === true) return;
    this.#attachments.set(sessionId, {
      opened: false,
      position: open.resume ? open.lastReceivedSequence : 0,
      largest: { messages: stated(open.windowMessages), bytes: stated(open.windowBytes) },
      flight: [],
      acked: 0,
    });
  }

  #data(message: DataMessage, attachment: Attachment | undefined): string | undefined {
    const { sequence } = message;
    if (attachment === undefined)
      return sequence === 0 ? undefined : 'sequenced DATA of a session that is not open here';
    if (!attachment.opened) return 'DATA before Opened';
    if (sequence !== attachment.position + 1)
      return `DATA ${sequence} does not follow ${attachment.position}`;
    attachment.position = sequence;
    const { flight, largest } = attachment;
    const bytes = weightOf(message);
    const inFlight = flight.reduce((sum, one) => sum + one.bytes, 0);
    if (flight.length > 0 && (flight.length >= largest.messages || inFlight + bytes > largest.bytes))
      return `DATA ${sequence} exceeds the window: ${flight.length} messages of ${inFlight} bytes are in flight`;
    flight.push({ sequence, bytes });
    return undefined;
  }

  #gap(from: number, to: number, reason: string, attachment: Attachment | undefined): string | undefined {
    if (attachment?.opened !== true) return 'a Gap of a session that is not open here';
    if (from !== attachment.position + 1) return `a Gap from ${from} does not follow ${attachment.position}`;
    if (to < from) return `a Gap that ends, at ${to}, before it begins`;
    if (reason === '') return 'a Gap without a reason';
    attachment.position = to;
    return undefined;
  }
}
