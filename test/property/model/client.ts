import {
  controlMessage,
  dataMessage,
  MessageType,
  weightOf,
  type Control,
  type DataMessage,
  type Open,
  type Opened,
} from '../../../src/wire/messages.js';
import { changed, fits, largest, sizeOf, type Size } from './window.js';

/** What the application of the client is told; checked against what the route did. */
export interface ClientEvents {
  sent(subject: string, sequence: number, data: Uint8Array, more: boolean): void;
  /** The fate of one message is known: its ack, or its Error, has come. */
  settled(subject: string, sequence: number, accepted: boolean): void;
  received(subject: string, sequence: number, data: Uint8Array): void;
  gap(subject: string, from: number, to: number, reason: string): void;
  consumed(subject: string, through: number): void;
  /** `code` of Closed, or GONE for an Opened with no token. */
  over(subject: string, code: string): void;
}

interface Sent {
  readonly sequence: number;
  readonly message: DataMessage;
  readonly bytes: number;
}

/** `opening` knows no answer yet; `lost` may be resumed; of `over` nothing is left on this side. */
export type ClientPhase = 'opening' | 'open' | 'lost' | 'over';

export const GONE = 'GONE';
/** The end of a session whose gateway takes no connections any more. */
export const REFUSED = 'REFUSED';

/** The client's side of one session, from its first Open to its end: an honest client in full. */
export class ModelClient {
  readonly subject: string;
  readonly #token: Uint8Array;
  readonly #floor: Size;
  readonly #events: ClientEvents;
  #attempt = 0;
  #resuming = false;
  #answered = false;
  phase: ClientPhase = 'lost';
  /** The connection of the newest Open; what others bring is ignored. */
  connection: number | undefined;
  #write: (message: DataMessage) => void = () => undefined;

  /** Unacknowledged, ascending; those above `#sentUp` are not sent in this attachment. */
  #unacked: Sent[] = [];
  #sentUp = 0;
  #lastUp = 0;
  #failed = new Set<number>();
  #window: Size = { messages: 0, bytes: 0 };

  #position = 0;
  #consumed = 0;
  /** The last ack written; it may be lost, so each Opened is answered with it anew. */
  #told = 0;
  /** Received, not consumed: messages, and Gaps by their ends. */
  #inbox: { readonly sequence: number; readonly gap: boolean }[] = [];
  /** Received messages above the last ack sent, to see that the gateway keeps to the window. */
  #unackedDown: { readonly sequence: number; readonly bytes: number }[] = [];
  #downWindow: Size;
  #downLargest: Size;

  #paused = false;
  #closing = false;
  #closeSent = false;

  constructor(subject: string, token: Uint8Array, floor: Size, downWindow: Size, events: ClientEvents) {
    this.subject = subject;
    this.#token = token;
    this.#floor = floor;
    this.#downWindow = this.#downLargest = downWindow;
    this.#events = events;
  }

  get unacked(): number {
    return this.#unacked.length;
  }

  /** Whether its first Open may still be under way: only the answer to an Open with the same token tells. */
  get inDoubt(): boolean {
    return this.phase !== 'over' && !this.#answered;
  }

  /** Sends the Open that fits what is known, over `connection`. */
  attach(connection: number, write: (message: DataMessage) => void): void {
    this.connection = connection;
    this.#write = write;
    this.phase = 'opening';
    this.#resuming = this.#attempt > 0;
    this.#attempt += 1;
    this.#closeSent = false;
    this.#downLargest = this.#downWindow;
    this.#sentUp = this.#resuming ? this.#lastUp : 0;
    if (!this.#resuming) this.#window = this.#floor;
    const control: Open = {
      action: 'open',
      route: 'model',
      subject: this.subject,
      resumeToken: this.#token,
      lastReceivedSequence: this.#position,
      windowMessages: this.#downWindow.messages,
      windowBytes: this.#downWindow.bytes,
      overflow: 0,
      history: 0,
      afterSequence: 0,
      resume: this.#resuming,
      attempt: this.#attempt,
    };
    this.#control(control);
    this.#flush();
  }

  lose(connection: number): void {
    if (this.connection !== connection || this.phase === 'over') return;
    this.phase = 'lost';
    this.connection = undefined;
  }

  /** Its connection was refused: whatever it asked for, here it is over. */
  refuse(connection: number): void {
    if (this.connection === connection && this.phase !== 'over') this.#over(REFUSED);
  }

  send(pieces: readonly DataMessage[]): void {
    if (this.phase === 'over' || this.#closing) return;
    for (const piece of pieces) {
      this.#lastUp += 1;
      const message = { ...piece, sequence: this.#lastUp };
      this.#unacked.push({ sequence: this.#lastUp, message, bytes: weightOf(message) });
      this.#events.sent(this.subject, this.#lastUp, message.data, message.more);
    }
    this.#flush();
  }

  close(): void {
    if (this.phase === 'over') return;
    this.#closing = true;
    this.#flush();
  }

  pause(paused: boolean): void {
    this.#paused = paused;
    if (this.phase === 'open') this.#control(paused ? { action: 'pause', reason: '' } : { action: 'resume' });
  }

  changeWindow(change: Size): void {
    this.#downWindow = changed(this.#downWindow, change);
    if (this.phase !== 'open') return;
    this.#downLargest = largest(this.#downLargest, this.#downWindow);
    this.#control({ action: 'window', ...change });
  }

  /** The application takes `count` messages. A Gap is taken with what is before it. */
  consume(count: number): void {
    let left = count;
    for (;;) {
      const next = this.#inbox[0];
      if (next === undefined || (!next.gap && left === 0)) break;
      if (!next.gap) left -= 1;
      this.#inbox.shift();
      this.#consumed = next.sequence;
    }
    this.#events.consumed(this.subject, this.#consumed);
  }

  acknowledge(): void {
    if (this.phase === 'open' && this.#consumed > this.#told) this.#restate();
  }

  receive(connection: number, message: DataMessage): void {
    if (connection !== this.connection || this.phase === 'over') return;
    const { control } = message;
    // An ack that rides on Opened comes after the window and the position it belongs to.
    if (control?.action === 'opened') this.#opened(control, message.ack);
    else {
      this.#acked(message.ack);
      if (message.type === MessageType.DATA) this.#received(message);
      else if (control !== undefined) this.#controlled(control);
    }
    this.#flush();
  }

  #controlled(control: Control): void {
    switch (control.action) {
      case 'error':
        if (this.#unacked.some(({ sequence }) => sequence === control.sequence))
          this.#failed.add(control.sequence);
        break;
      case 'gap':
        this.#expect(control.fromSequence);
        this.#advance(control.toSequence, true);
        this.#events.gap(this.subject, control.fromSequence, control.toSequence, control.reason);
        break;
      case 'window':
        this.#window = changed(this.#window, control);
        break;
      case 'closed':
        this.#over(control.code);
        break;
      default:
        break;
    }
  }

  #opened(opened: Opened, ack: number): void {
    if (opened.resumeToken.length === 0) {
      this.#over(GONE);
      return;
    }
    this.phase = 'open';
    this.#answered = true;
    this.#window = { messages: opened.windowMessages, bytes: opened.windowBytes };
    if (this.#resuming) {
      if (opened.lastReceivedSequence > this.#lastUp) throw new Error('Opened names what was never sent');
      this.#sentUp = opened.lastReceivedSequence;
    }
    this.#acked(ack);
    // The window the application wants may have changed since Open was sent.
    this.changeWindow(this.#downWindow);
    if (this.#paused) this.#control({ action: 'pause', reason: '' });
    this.#restate();
  }

  #acked(ack: number): void {
    if (ack > this.#sentUp) throw new Error(`ack ${ack} above what was sent, ${this.#sentUp}`);
    while (this.#unacked[0] !== undefined && this.#unacked[0].sequence <= ack) {
      const { sequence } = this.#unacked.shift() as Sent;
      this.#events.settled(this.subject, sequence, !this.#failed.delete(sequence));
    }
  }

  #received(message: DataMessage): void {
    const bytes = weightOf(message);
    this.#expect(message.sequence);
    if (this.phase !== 'open') throw new Error('DATA before Opened');
    if (!fits(this.#downLargest, sizeOf(this.#unackedDown), { messages: 1, bytes }))
      throw new Error('the gateway exceeds the window');
    this.#unackedDown.push({ sequence: message.sequence, bytes });
    this.#advance(message.sequence, false);
    this.#events.received(this.subject, message.sequence, message.data);
  }

  #expect(sequence: number): void {
    if (sequence !== this.#position + 1)
      throw new Error(`${sequence} does not follow ${this.#position}: a loss without a Gap, or a duplicate`);
  }

  #advance(sequence: number, gap: boolean): void {
    if (sequence < this.#position) throw new Error('a Gap that ends before it begins');
    this.#position = sequence;
    this.#inbox.push({ sequence, gap });
  }

  #over(code: string): void {
    this.phase = 'over';
    this.connection = undefined;
    this.#events.over(this.subject, code);
  }

  /** Writes what may be sent: before Opened of a fresh Open the floor, of a resuming one nothing. */
  #flush(): void {
    if (this.phase !== 'open' && (this.phase !== 'opening' || this.#resuming)) return;
    for (const one of this.#unacked) {
      if (one.sequence <= this.#sentUp) continue;
      const flight = this.#unacked.filter(({ sequence }) => sequence <= this.#sentUp);
      if (!fits(this.#window, sizeOf(flight), { messages: 1, bytes: one.bytes })) return;
      this.#sentUp = one.sequence;
      // Position acknowledges nothing before Opened, so no ack rides there.
      this.#send({ ...one.message, ack: this.phase === 'open' ? this.#tell() : 0 });
    }
    // Behind all DATA, in every attachment anew.
    if (!this.#closing || this.#closeSent || this.phase !== 'open') return;
    this.#closeSent = true;
    this.#control({ action: 'close' });
  }

  #restate(): void {
    this.#send(dataMessage({ type: MessageType.ACK, ack: this.#tell() }));
  }

  #tell(): number {
    this.#told = this.#consumed;
    this.#unackedDown = this.#unackedDown.filter(({ sequence }) => sequence > this.#consumed);
    return this.#consumed;
  }

  #control(control: Control): void {
    this.#send(controlMessage(control));
  }

  #send(message: DataMessage): void {
    this.#write({ ...message, sessionId: 's' });
  }
}
