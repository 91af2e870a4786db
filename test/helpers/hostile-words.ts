/** What a buggy or malicious client says of its sessions: much of it almost right, so that it goes deep. */
import { controlMessage, dataMessage, MessageType, type DataMessage } from '../../src/wire/messages.js';

const IDS = ['a', 'b', 'c', 'd', 'e', 'f'];
/** Reserved names, marks and format characters, two spellings of one letter, too long, empty. */
const ODD_IDS = [
  ...['', '__proto__', 'constructor', 'a:b', 'é', 'e\u0301', '\u202e', '\u{1f600}'.repeat(128)],
  ...['\u{1f600}'.repeat(129), 'x'.repeat(10_000), '\u0000', ' '],
];
const NUMBERS = [0, 1, 2, 63, 64, 65, 4_096, 2 ** 31, 2 ** 32 - 1];
const SEQUENCES = [...NUMBERS, 2 ** 32, 2 ** 53 - 1];

interface Known {
  token: Uint8Array;
  attempt: number;
  next: number;
  position: number;
  /** Whether data makes sense now: not while a resume is unanswered, nor on another connection. */
  state: 'open' | 'opening' | 'away';
}

/** One client's words, over however many connections; what it hears makes the next ones more to the point. */
export class HostileWords {
  readonly #random: () => number;
  readonly #routes: readonly string[];
  /** Which share of the words makes no sense at all. */
  readonly #garbage: number;
  readonly #known = new Map<string, Known>();

  constructor(random: () => number, routes: readonly string[], garbage: number) {
    this.#random = random;
    this.#routes = routes;
    this.#garbage = garbage;
  }

  /** On another connection from here on. */
  moved(): void {
    for (const known of this.#known.values()) known.state = 'away';
  }

  hear({ sessionId, sequence, control }: DataMessage): void {
    const known = this.#known.get(sessionId);
    if (known === undefined) return;
    if (sequence > 0 && control === undefined) known.position = sequence;
    if (control?.action === 'gap') known.position = control.toSequence;
    const isOver =
      (control?.action === 'closed' && control.code !== 'TAKEN_OVER') ||
      (control?.action === 'opened' && control.resumeToken.length === 0);
    if (isOver) this.#known.delete(sessionId);
    else if (control?.action === 'opened') {
      if (known.state !== 'open') known.next = control.lastReceivedSequence + 1;
      known.state = 'open';
    }
  }

  next(): DataMessage {
    return this.#chance(this.#garbage) ? this.#nonsense() : this.#almostRight();
  }

  #almostRight(): DataMessage {
    const id = this.#one(IDS);
    const known = this.#known.get(id);
    if (known === undefined || known.state === 'away' || this.#chance(0.002)) return this.#open(id, known);
    if (known.state === 'opening') return dataMessage({ type: MessageType.HEARTBEAT });
    return this.#one<() => DataMessage>([
      ...new Array<() => DataMessage>(12).fill(() => this.#data(id, known.next++, known)),
      ...new Array<() => DataMessage>(6).fill(() =>
        dataMessage({ type: MessageType.ACK, sessionId: id, ack: known.position }),
      ),
      () => this.#data(id, Math.max(1, known.next - this.#below(20)), known),
      () => controlMessage({ action: 'pause', reason: '' }, this.#one(['', id])),
      () => controlMessage({ action: 'resume' }, this.#one(['', id])),
      () => this.#window(id),
      () =>
        this.#chance(0.2) ? controlMessage({ action: 'close' }, id) : this.#data(id, known.next++, known),
    ])();
  }

  #open(id: string, known: Known | undefined): DataMessage {
    const comesBack = known !== undefined && this.#chance(0.9);
    const kept: Known = comesBack
      ? known
      : { token: this.#bytes(16), attempt: 0, next: 1, position: 0, state: 'open' };
    this.#known.set(id, kept);
    kept.attempt += 1;
    if (comesBack) kept.state = 'opening';
    return controlMessage(
      {
        action: 'open',
        route: this.#one(this.#routes),
        subject: '',
        resumeToken: kept.token,
        lastReceivedSequence: kept.position,
        windowMessages: this.#one(NUMBERS),
        windowBytes: this.#one(NUMBERS),
        overflow: this.#below(6),
        history: 0,
        afterSequence: 0,
        resume: comesBack,
        attempt: kept.attempt,
      },
      id,
    );
  }

  #data(sessionId: string, sequence: number, { position }: Known): DataMessage {
    return dataMessage({
      sessionId,
      sequence,
      ack: this.#chance(0.3) ? position : 0,
      data: this.#bytes(this.#one([0, 1, 10, 1_000, this.#chance(0.05) ? 70_000 : 5])),
      more: this.#chance(0.05),
      key: this.#one(['', 'k', '\u{10ffff}']),
      ttlMs: this.#one([0, 0, 1, 2 ** 32 - 1]),
      metadata: this.#wishes(),
    });
  }

  /** For routes of the kind `conformance`. */
  #wishes(): Map<string, string> | undefined {
    const text = (number: number): string => String(this.#below(number));
    return this.#one<() => Map<string, string> | undefined>([
      ...new Array<() => undefined>(6).fill(() => undefined),
      () => new Map([['accept', '']]),
      () => new Map([['fail', 'f'.repeat(1_000)]]),
      () => new Map([['throw', 't']]),
      () => new Map([['delay-ms', text(20)]]),
      () => new Map([['hold', 'h']]),
      () => new Map([['release', 'h']]),
      () => new Map(this.#chance(0.1) ? [['end', 'r'.repeat(1_000)]] : []),
      () => new Map([...this.#produce(), ['keys', text(4)], ['ttl-ms', this.#one(['0', '1', '3600000'])]]),
      () => new Map([...this.#produce(), ['pieces', text(6)]]),
    ])();
  }

  #produce(): [string, string][] {
    return [
      ['produce', String(this.#below(400))],
      ['size', String(this.#below(3_000))],
    ];
  }

  #window(id: string): DataMessage {
    return controlMessage({ action: 'window', messages: this.#one(NUMBERS), bytes: this.#one(NUMBERS) }, id);
  }

  #nonsense(): DataMessage {
    const sessionId = this.#one(this.#chance(0.5) ? IDS : ODD_IDS);
    const sequence = this.#one(SEQUENCES);
    return this.#one<() => DataMessage>([
      () => dataMessage({ sessionId, sequence, ack: this.#one(SEQUENCES) }),
      () => dataMessage({ type: MessageType.ACK, sessionId, ack: sequence }),
      () => dataMessage({ type: MessageType.HEARTBEAT, sessionId, ack: sequence }),
      () => dataMessage({ type: MessageType.HEALTH_CHECK, sessionId, sequence, timestampMs: -1 }),
      () => dataMessage({ type: 77, sessionId, ack: sequence }),
      () => controlMessage({ action: 'close' }, sessionId),
      () => this.#window(sessionId),
      () => controlMessage({ action: 'pause', reason: sessionId }, sessionId),
      () => controlMessage({ action: 'resume' }, sessionId),
      () => controlMessage({ action: 'drain', deadlineMs: 0, reason: '' }, sessionId),
      () => controlMessage({ action: 'gap', fromSequence: 0, toSequence: sequence, reason: '' }, sessionId),
      () => dataMessage({ type: MessageType.CONTROL, sessionId }),
      () =>
        controlMessage(
          {
            action: 'open',
            route: this.#one([...this.#routes, 'nowhere', '\u202e']),
            subject: this.#one(['', 's', '\u202e', 'x'.repeat(200)]),
            resumeToken: this.#bytes(this.#one([0, 1, 15, 16, 17])),
            lastReceivedSequence: sequence,
            windowMessages: 0,
            windowBytes: 0,
            overflow: this.#below(9),
            history: this.#one(NUMBERS),
            afterSequence: sequence,
            resume: this.#chance(0.5),
            attempt: this.#one(SEQUENCES),
          },
          sessionId,
        ),
    ])();
  }

  #bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#below(256));
  }

  #chance(share: number): boolean {
    return this.#random() < share;
  }

  #below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }

  #one<T>(choices: readonly T[]): T {
    return choices[this.#below(choices.length)] as T;
  }
}
