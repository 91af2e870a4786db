/**
 * A session of the SDK, a gateway (the model of the protocol, or the real one) and the connections between them,
 * moved by hand; and the two applications, the client's and the route's, comparing what they saw.
 */
import type { AttachedSession, SessionHost } from '../../src/client/attached-session.js';
import { ClientError } from '../../src/client/client-error.js';
import type { Message, SessionEnd, UnsettledMessage } from '../../src/client/message.js';
import { createSession } from '../../src/client/session/create-session.js';
import type { Session } from '../../src/client/session/session.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { dataMessage, type DataMessage, type Welcome } from '../../src/wire/messages.js';
import type { RouteEvents, WorldOptions } from './model/contract.js';
import type { ClientSide, Step } from './client-session-steps.js';
import { check } from './model/ledger.js';
import { Network, type Connection } from './model/network.js';
import type { MakeGateway } from './model/world.js';

const WELCOME: Welcome = {
  action: 'welcome',
  ...{ connectionId: 'c', clientId: 'ann', nodeId: 'n', heartbeatIntervalMs: 0, maxMessageBytes: 5 << 20 },
  ...{ maxSessions: 10, resumeWindowMs: 100, protocolVersion: 1 },
};
/** How a session of an honest client may end; anything else is a conviction, or a fault of ours. */
const HONEST_ENDS: ReadonlySet<string> = new Set([
  ...['', 'SLOW_CONSUMER', 'DRAINING', 'OVERLOADED', 'RESET', 'BUFFER_FULL', 'CLOSED', 'UNREACHABLE'],
]);
const LIVENESS_MS = 50;
const ROUNDS_TO_REST = 200;
/** Names what the route sends: apart from what the client sends, and from what a quick route answers. */
const ROUTE_BASE = 0x4000_0000;

interface SendRecord {
  readonly id: number;
  readonly waits: boolean;
  readonly isPiece: boolean;
  readonly abort: AbortController;
  fate: string;
  /** Told of in onReset and not sent again, in onDrop, or at the session's end. */
  told: boolean;
  failureTold: boolean;
}

/** One life of the session at the gateway: a reset begins another. */
interface Incarnation {
  readonly handled: { readonly id: number; readonly accepted: boolean }[];
  readonly takenDown: { readonly id: number; readonly bytes: number; readonly last: number }[];
  /** How far of them the client has: after a reset a quick route answers what is sent again as it did before. */
  arrivedThrough: number;
  ended: boolean;
}

const idOf = (data: Uint8Array): number => new DataView(data.buffer, data.byteOffset).getUint32(0);

export class SessionWorld implements SessionHost, RouteEvents {
  readonly clock = new FakeClock();
  readonly #client: ClientSide;
  readonly #options: WorldOptions;
  readonly #gateway: ReturnType<MakeGateway>;
  readonly #network = new Network();
  readonly #session: Session;
  readonly #attached: AttachedSession;
  readonly #incarnations = new Map<string, Incarnation>();
  readonly #sends: SendRecord[] = [];
  /** The last incarnation that handled each message, and how. */
  readonly #verdicts = new Map<number, { readonly subject: string; readonly accepted: boolean }>();
  readonly #mayRepeat = new Set<number>();
  #connection: Connection | undefined;
  #woken = false;
  #overs = 0;
  #end: SessionEnd | undefined;
  /** What a read was told: the end it has to be. */
  #endRead: ClientError | undefined;
  #endedCalls = false;
  #closed = false;
  #reading: AbortController | undefined;
  #reads = 0;
  /** What the application reads: in which incarnation, and up to which sequence. */
  #readIncarnation = 0;
  #readThrough = 0;
  /** The Gaps that came and were not read. */
  readonly #gaps: { readonly to: number; readonly incarnation: number }[] = [];
  #routeMessages = 0;
  #drained = false;
  #faults: Error[] = [];
  #largestWindow: { messages: number; bytes: number };

  constructor(options: WorldOptions, client: ClientSide, makeGateway: MakeGateway) {
    this.#options = options;
    this.#client = client;
    this.#largestWindow = { ...options.upWindow };
    this.#gateway = makeGateway(options, this);
    const { session, attached } = createSession(
      '',
      {
        id: 's',
        window: options.downWindow,
        buffer: { ...client.buffer, overflow: client.bufferOverflow },
        pieces: client.pieces,
        onGap: ({ fromSequence, toSequence }) => {
          this.#told(() => {
            this.#gapRead(fromSequence, toSequence);
          });
        },
        onFailure: (error, message) => {
          this.#told(() => {
            this.#failureTold(error, message);
          });
        },
        onDrop: (message, reason) => {
          this.#told(() => {
            const record = this.#recordOf(message);
            const isUnknown = reason === 'reset' && this.#mayRepeat.has(record.id);
            check(isUnknown || !this.#verdicts.has(record.id), 'dropped, and handled all the same');
            record.told = true;
          });
        },
        ...(client.resets !== 'end' && {
          onReset: ({ unsettled, resend }) => {
            this.#told(() => {
              this.#resetTold(unsettled);
            });
            if (client.resets === 'resend') resend();
          },
        }),
      },
      [],
      this,
    );
    this.#session = session;
    this.#attached = attached;
    void session.closed.then((end) => (this.#end = end));
  }

  // --- the host ---

  wake(): void {
    this.#woken = true;
  }

  // Of the route with the subject; of the host with the session, which it says nothing new by.
  opened(subject: string | AttachedSession): void {
    if (typeof subject !== 'string') return;
    check(!this.#incarnations.has(subject), 'a session is opened once');
    this.#incarnations.set(subject, { handled: [], takenDown: [], arrivedThrough: 0, ended: false });
  }

  reopen(): void {
    check(this.#overs === 0, 'reopened when it is over');
    this.#woken = false;
  }

  over(): void {
    this.#overs += 1;
  }

  // --- the route ---

  finished(subject: string, pieces: readonly DataMessage[], accepted: boolean): void {
    const { handled } = this.#incarnation(subject);
    for (const [index, piece] of pieces.entries()) {
      const id = idOf(piece.data);
      const before = handled.at(-1)?.id ?? 0;
      check(id > before, `the route gets ${id} after ${before}`);
      check(!this.#verdicts.has(id) || this.#mayRepeat.has(id), `the route gets ${id} twice`);
      const verdict = accepted || index < pieces.length - 1;
      handled.push({ id, accepted: verdict });
      this.#verdicts.set(id, { subject, accepted: verdict });
    }
  }

  taken(subject: string, pieces: readonly DataMessage[]): void {
    const { takenDown } = this.#incarnation(subject);
    const last = takenDown.length + pieces.length;
    for (const { data } of pieces) takenDown.push({ id: idOf(data), bytes: data.byteLength, last });
  }

  ended(subject: string): void {
    this.#incarnation(subject).ended = true;
  }

  // --- the run ---

  async run(steps: readonly Step[]): Promise<void> {
    await this.#do({ kind: 'connect', same: false });
    for (const step of steps) await this.#do(step);
    await this.#comeToRest();
    await this.#finish();
  }

  async #do(step: Step): Promise<void> {
    await this.#apply(step);
    for (let i = 0; i < 12; i += 1) await Promise.resolve();
    this.#collect();
    this.#network.sweep();
    const [fault] = this.#faults;
    if (fault !== undefined) throw fault;
    this.#checkBounds();
  }

  get #isOver(): boolean {
    return this.#overs > 0;
  }

  async #comeToRest(): Promise<void> {
    await this.#do({ kind: 'over-budget', isOver: false });
    for (let round = 0; round < ROUNDS_TO_REST && this.#overs === 0; round += 1) {
      await this.#round(round);
      if (this.#isResting) return;
    }
    check(this.#overs > 0 || this.#isResting, 'something stays pending for ever');
  }

  async #round(round: number): Promise<void> {
    const connection = this.#connection;
    if (this.#drained && round > 20) {
      this.#attached.fail(new ClientError('UNREACHABLE', 'it has left'));
      return;
    }
    if (connection === undefined || !connection.gatewayHolds || !this.#session.isOpen)
      await this.#do({ kind: 'connect', same: round % 2 === 0 });
    await this.#do({ kind: 'flow' });
    await this.#do({ kind: 'pump', count: 10 });
    await this.#do({ kind: 'route-finishes', accepted: round % 3 !== 0 });
    await this.#do({ kind: 'flow' });
    for (let i = 0; i < 10; i += 1) await this.#do({ kind: 'take', count: 1 });
    await this.#do({ kind: 'flow' });
    await this.#do({ kind: 'wait', ms: this.#options.ackDelayMs });
  }

  /** Nothing more has to happen of itself: all is sent, handled, read and acknowledged. */
  get #isResting(): boolean {
    if (!this.#session.isOpen || this.#endedCalls) return false;
    const { unacknowledged, waiting, received } = this.#session.stats;
    const view = this.#gateway.session();
    if (unacknowledged + waiting + received > 0 || view === undefined) return false;
    if (view.up.pending + view.down.pending + view.blocked > 0) return false;
    const all = [...this.#incarnations.values()];
    const read = this.#readIncarnation === all.length - 1 ? this.#readThrough : 0;
    check(read === all.at(-1)?.takenDown.length, 'at rest, and not all was read');
    for (const { fate, waits, id } of this.#sends)
      check(!waits || fate !== 'pending', `at rest, and ${id} has no fate`);
    return true;
  }

  async #finish(): Promise<void> {
    if (this.#overs === 0) {
      void this.#session.close();
      this.#closed = this.#endedCalls = true;
      for (let round = 0; round < ROUNDS_TO_REST && !this.#isOver; round += 1) await this.#round(round);
    }
    // The last reads.
    for (let i = 0; i < 40; i += 1) await this.#do({ kind: 'take', count: 1 });
    check(this.#overs === 1, `over ${this.#overs} times`);
    check(this.clock.pending === 0, 'a timer is left');
    const end = this.#end;
    check(end !== undefined, 'it is over, and closed does not say so');
    const code = end.error?.code ?? '';
    check(
      this.#endRead === undefined || this.#endRead === end.error,
      'reading and closed tell of other ends',
    );
    check(HONEST_ENDS.has(code), `it ended ${code}: ${end.error?.message}`);
    for (const message of [...end.unsettled, ...end.unsent]) this.#recordOf(message).told = true;
    const { unacknowledged, waiting, received, bufferedBytes } = this.#session.stats;
    check(unacknowledged + waiting + received + bufferedBytes === 0, 'it holds something after its end');
    for (const record of this.#sends) this.#judge(record);
  }

  /** What an application was told of a message, and what the route knows of it, agree. */
  #judge({ id, fate, waits, told, failureTold }: SendRecord): void {
    const verdict = this.#verdicts.get(id);
    check(fate !== 'pending', `${id} was never answered`);
    if (fate === 'resolved') {
      if (waits) check(verdict?.accepted === true, `${id} is said to be handled`);
      else if (!told) {
        check(verdict !== undefined, `${id} was taken, and nobody was told that it is lost`);
        check(verdict.accepted || failureTold, `${id} failed, and nobody was told`);
      }
    } else if (fate === 'ROUTE_FAILED') check(verdict?.accepted === false, `${id} is said to have failed`);
    else if (fate === 'DROPPED' || fate === 'BUFFER_FULL')
      check(verdict === undefined || told, `${id} is ${fate}, and was handled`);
  }

  // --- steps ---

  async #apply(step: Step): Promise<void> {
    switch (step.kind) {
      case 'connect':
        this.#connect(step.same);
        break;
      case 'client-loses':
        if (this.#connection !== undefined) this.#clientLoses(this.#connection);
        break;
      case 'gateway-loses': {
        const connection = this.#choose(step.which);
        if (connection !== undefined) this.#gatewayLoses(connection);
        break;
      }
      case 'write':
        this.#write(step.count);
        break;
      case 'flow':
        this.#flow();
        break;
      case 'up': {
        const connection = this.#choose(step.which);
        if (connection !== undefined) this.#up(connection, step.count);
        break;
      }
      case 'down':
        if (this.#connection !== undefined) this.#down(this.#connection, step.count);
        break;
      case 'send':
        this.#send(step);
        break;
      case 'abort': {
        const waiting = this.#sends.filter(({ fate, isPiece }) => fate === 'pending' && !isPiece);
        waiting[step.which % waiting.length]?.abort.abort(new Error('aborted'));
        break;
      }
      case 'take':
        for (let i = 0; i < step.count && this.#reading === undefined; i += 1) {
          this.#read();
          for (let turn = 0; turn < 6; turn += 1) await Promise.resolve();
        }
        break;
      case 'stop-reading':
        this.#reading?.abort(new Error('aborted'));
        break;
      case 'end':
        this.#endedCalls = true;
        this.#session.end();
        break;
      case 'close':
        this.#endedCalls = this.#closed = true;
        void this.#session.close();
        break;
      case 'route-finishes':
        await this.#gateway.routeFinishes(step.accepted);
        break;
      case 'route-sends':
        this.#gateway.routeSends(this.#routePayload(step));
        break;
      case 'route-ends':
        this.#gateway.routeEnds();
        break;
      case 'pump':
        this.#gateway.pump(step.count);
        break;
      case 'acknowledge':
        this.#gateway.acknowledge();
        break;
      case 'gateway-window': {
        this.#gateway.changeWindow(step);
        const { messages, bytes } = this.#largestWindow;
        this.#largestWindow = {
          messages: Math.max(messages, step.messages),
          bytes: Math.max(bytes, step.bytes),
        };
        break;
      }
      case 'wait':
        this.clock.advance(step.ms);
        this.#gateway.advance(step.ms);
        for (const connection of this.#network.overdue(this.clock.now(), LIVENESS_MS))
          this.#gatewayLoses(connection);
        break;
      case 'drain':
        this.#drained = true;
        this.#gateway.drain(step.ms);
        break;
      case 'over-budget':
        this.#gateway.overBudget(step.isOver);
        break;
      case 'crowd':
        this.#gateway.crowd();
        break;
    }
  }

  #flow(): void {
    this.#write(Infinity);
    if (this.#connection !== undefined) this.#up(this.#connection, Infinity);
    this.#gateway.pump(Infinity);
    // It may have ended the connection.
    this.#collect();
    if (this.#connection !== undefined) this.#down(this.#connection, Infinity);
  }

  #connect(same: boolean): void {
    if (this.#overs > 0) return;
    const present = this.#connection;
    // On a connection where it is open, it is not opened again.
    const reuse =
      same && present?.gatewayHolds === true && !this.#session.isOpen && this.#isAnswered(present);
    if (!reuse) {
      const connection = this.#network.open('');
      this.#gateway.connected(connection.id);
      this.#connection = connection;
      if (present !== undefined) {
        present.clientHolds = false;
        present.down.length = 0;
        present.halfOpenSinceMs = this.clock.now();
      }
    }
    this.#woken = true;
    this.#attached.attach(WELCOME);
  }

  /** Whether no Open is under way on it: a second would be an offence. */
  #isAnswered(connection: Connection): boolean {
    return this.#answered.has(connection.id);
  }

  readonly #answered = new Set<number>();

  /** Takes from the session what it has to say, if it has said that it has. */
  #write(count: number): void {
    const connection = this.#connection;
    if (connection === undefined || !this.#woken) return;
    for (let i = 0; i < count; i += 1) {
      const message = this.#attached.next();
      if (message === undefined) {
        this.#woken = false;
        return;
      }
      if (message.control?.action === 'open') {
        this.#answered.delete(connection.id);
        const subject = Buffer.from(message.control.resumeToken).toString('hex');
        message.control = { ...message.control, subject };
      }
      if (connection.gatewayHolds) connection.up.push({ message, atMs: this.clock.now() });
    }
  }

  #up(connection: Connection, count: number): void {
    if (!connection.gatewayHolds) return;
    const messages = connection.up.slice(0, count).map(({ message }) => message);
    if (messages.length > 0) connection.up.splice(0, this.#gateway.receive(connection.id, messages));
  }

  #down(connection: Connection, count: number): void {
    for (const message of connection.down.splice(0, count)) {
      // Of the end of the session before a reset nothing more is heard.
      if (connection !== this.#connection || this.#overs > 0) return;
      const { control } = message;
      if (control?.action === 'closed' || (control?.action === 'opened' && control.resumeToken.length === 0))
        this.#answered.add(connection.id);
      if (control?.action === 'gap')
        this.#gaps.push({ to: control.toSequence, incarnation: this.#incarnations.size - 1 });
      const current = [...this.#incarnations.values()].at(-1);
      if (current !== undefined && control === undefined)
        current.arrivedThrough = Math.max(current.arrivedThrough, message.sequence);
      this.#attached.receive({ ...message, sessionId: 's' });
    }
  }

  #collect(): void {
    for (const connection of this.#network.connections) {
      if (!connection.gatewayHolds) continue;
      const standing = this.#gateway.standing(connection.id);
      const written = this.#gateway.written(connection.id);
      if (connection.clientHolds) connection.down.push(...written);
      if (standing === 'open') continue;
      connection.gatewayHolds = false;
      if (standing === 'refused' && connection === this.#connection) this.#clientLoses(connection);
    }
    const own = this.#connection;
    if (own?.gatewayHolds === false && own.down.length === 0 && this.#gateway.standing(own.id) !== 'open')
      this.#clientLoses(own);
  }

  #clientLoses(connection: Connection): void {
    connection.clientHolds = false;
    connection.down.length = 0;
    connection.halfOpenSinceMs = this.clock.now();
    if (connection !== this.#connection) return;
    this.#connection = undefined;
    this.#attached.detach();
  }

  #gatewayLoses(connection: Connection): void {
    if (!connection.gatewayHolds) return;
    connection.gatewayHolds = false;
    connection.up.length = 0;
    this.#gateway.lost(connection.id);
  }

  #choose(which: number): Connection | undefined {
    const { connections } = this.#network;
    return connections[which % connections.length];
  }

  // --- the client's application ---

  #send({ weights, waits, key, ttlMs }: Step & { readonly kind: 'send' }): void {
    const { waiting } = this.#session.stats;
    // A payload in pieces is begun where there is room for all of it.
    if (weights.length > 1 && waiting + weights.length > this.#client.buffer.messages) return;
    if (weights.length > 1 && (this.#client.buffer.bytes < 300 || waiting > 0)) return;
    for (const [index, weight] of weights.entries()) {
      const data = new Uint8Array(weight);
      const id = this.#sends.length + 1;
      new DataView(data.buffer).setUint32(0, id);
      const abort = new AbortController();
      const record: SendRecord = {
        id,
        waits,
        isPiece: weights.length > 1,
        abort,
        fate: 'pending',
        told: false,
        failureTold: false,
      };
      this.#sends.push(record);
      const more = index < weights.length - 1;
      const options = {
        key: index === 0 ? key : '',
        more,
        signal: abort.signal,
        ...(ttlMs > 0 && { ttlMs }),
      };
      const sent = waits ? this.#session.sendAndWait(data, options) : this.#session.send(data, options);
      sent.then(
        () => (record.fate = 'resolved'),
        (error: unknown) => {
          record.fate = error instanceof ClientError ? error.code : 'aborted';
          if (!(error instanceof ClientError) && (error as Error).message !== 'aborted')
            this.#faults.push(error as Error);
        },
      );
    }
  }

  #read(): void {
    const reading = new AbortController();
    this.#reading = reading;
    this.#session.receive({ signal: reading.signal }).then(
      (message) => {
        this.#reading = undefined;
        if (message === undefined) return;
        this.#told(() => {
          this.#messageRead(message);
        });
      },
      (error: unknown) => {
        this.#reading = undefined;
        if ((error as Error).message === 'aborted') return;
        if (error instanceof ClientError) this.#endRead = error;
        else this.#faults.push(error as Error);
      },
    );
    this.#reads += 1;
  }

  #messageRead(message: Message): void {
    check(!this.#closed, 'read after close');
    const pieces = this.#piecesOf(message);
    let offset = 0;
    for (const { id, bytes } of pieces) {
      const view = new DataView(message.data.buffer, message.data.byteOffset + offset);
      check(view.getUint32(0) === id, `${message.sequence} is not what the route sent as such`);
      offset += bytes;
    }
    check(offset === message.data.byteLength, 'a payload is whole');
    this.#readThrough = message.sequence;
  }

  /** What the route has sent as this message; the first of a fresh incarnation may come after any. */
  #piecesOf(message: Message): Incarnation['takenDown'] {
    const all = [...this.#incarnations.values()];
    for (; this.#readIncarnation < all.length; this.#readIncarnation += 1, this.#readThrough = 0) {
      const { takenDown = [], arrivedThrough = 0 } = all[this.#readIncarnation] ?? {};
      if (message.sequence > arrivedThrough) continue;
      const pieces = takenDown.slice(this.#readThrough, message.sequence);
      const [first] = pieces;
      const isNext = this.#client.pieces ? pieces.length === 1 : first?.last === message.sequence;
      if (isNext && first?.id === idOf(message.data)) return pieces;
    }
    throw new Error(`${message.sequence} is not next`);
  }

  #gapRead(from: number, to: number): void {
    let gap = this.#gaps.shift();
    while (gap !== undefined && gap.to !== to) gap = this.#gaps.shift();
    check(gap !== undefined, `Gap ${from} to ${to} was never told`);
    if (this.#readIncarnation !== gap.incarnation) this.#readThrough = 0;
    this.#readIncarnation = gap.incarnation;
    check(this.#readThrough + 1 === from, `Gap ${from} to ${to} is out of place`);
    this.#readThrough = to;
  }

  #failureTold(error: ClientError, message: UnsettledMessage): void {
    const record = this.#recordOf(message);
    check(error.code === 'ROUTE_FAILED', `it failed with ${error.code}`);
    check(this.#verdicts.get(record.id)?.accepted === false, `${record.id} is told to have failed`);
    check(!record.failureTold || this.#mayRepeat.has(record.id), 'a failure is told once');
    record.failureTold = true;
  }

  #resetTold(unsettled: readonly UnsettledMessage[]): void {
    let before = 0;
    for (const message of unsettled) {
      const record = this.#recordOf(message);
      check(record.id > before, 'unsettled messages come in order');
      before = record.id;
      if (this.#client.resets === 'resend') this.#mayRepeat.add(record.id);
      else record.told = true;
    }
  }

  #recordOf({ data }: UnsettledMessage): SendRecord {
    const record = this.#sends[idOf(data) - 1];
    if (record === undefined) throw new Error('told of what was never sent');
    return record;
  }

  #routePayload({ weights, key, ttlMs }: Step & { readonly kind: 'route-sends' }): DataMessage[] {
    return weights.map((weight, index) => {
      const data = new Uint8Array(weight);
      this.#routeMessages += 1;
      new DataView(data.buffer).setUint32(0, ROUTE_BASE + this.#routeMessages);
      return dataMessage({ data, more: index < weights.length - 1, key, ttlMs });
    });
  }

  #incarnation(subject: string): Incarnation {
    const incarnation = this.#incarnations.get(subject);
    if (incarnation === undefined) throw new Error('a session that was never opened');
    return incarnation;
  }

  #checkBounds(): void {
    const { unacknowledged, received } = this.#session.stats;
    const { downWindow } = this.#options;
    // A payload may end behind the window's end.
    check(
      unacknowledged <= this.#largestWindow.messages + 2,
      `${unacknowledged} messages are unacknowledged`,
    );
    // Of two incarnations, and a Gap between any two messages.
    check(received <= 4 * downWindow.messages + 2, `${received} messages wait to be read`);
  }

  #told(judge: () => void): void {
    try {
      judge();
    } catch (error) {
      this.#faults.push(error as Error);
    }
  }
}
