import {
  controlMessage,
  dataMessage,
  EMPTY_BYTES,
  MessageType,
  openControl,
  OverflowPolicy,
  type Control,
  type DataMessage,
  type Open,
} from '../../../src/wire/messages.js';
import type { GatewaySide, RouteEvents, WorldOptions } from './contract.js';
import type { MakeGateway } from './world.js';

const SMALL: WorldOptions = {
  policy: OverflowPolicy.BLOCK,
  wantsWhole: false,
  maxPayloadBytes: 60,
  upWindow: { messages: 3, bytes: 60 },
  floor: { messages: 3, bytes: 60 },
  downWindow: { messages: 3, bytes: 60 },
  waitingBound: { messages: 3, bytes: 60 },
  resumeWindowMs: 100,
  // Acks of their own come when a case says so, or when half a window is owed.
  ackDelayMs: 1e9,
  shedAfterMs: 1_000,
  quickRoute: false,
  pipelined: false,
};

const NO_EVENTS: RouteEvents = {
  opened: () => undefined,
  finished: () => undefined,
  taken: () => undefined,
  ended: () => undefined,
};

/** What a message says, in one line; the bytes left out. */
function brief(message: DataMessage): string {
  const { type, sequence, ack, control } = message;
  if (type === MessageType.DATA) return `DATA ${sequence} ack ${ack}`;
  if (type === MessageType.ACK) return `ACK ${ack}`;
  if (control === undefined) return `type ${type}`;
  switch (control.action) {
    case 'opened': {
      if (control.resumeToken.length === 0) return 'OPENED gone';
      return `OPENED ${control.resumed ? 'resumed' : 'fresh'} received ${control.lastReceivedSequence} ack ${ack}`;
    }
    case 'closed':
      return `CLOSED ${control.code === '' ? 'as asked' : control.code} ack ${ack}`;
    case 'gap':
      return `GAP ${control.fromSequence}-${control.toSequence} ${control.reason}`;
    case 'error':
      return `ERROR ${control.sequence}`;
    case 'window':
      return `WINDOW ${control.messages}/${control.bytes}`;
    default:
      return control.action.toUpperCase();
  }
}

/** Drives a gateway by hand: what a client writes, what its route does, and what comes out. What may be sent is sent at once. */
export class Script {
  readonly gateway: GatewaySide;
  readonly #known = new Set<number>();

  constructor(makeGateway: MakeGateway, options: Partial<WorldOptions>) {
    this.gateway = makeGateway({ ...SMALL, ...options }, NO_EVENTS);
  }

  /** Everything written to the connection since last read. */
  read(connection: number): string[] {
    this.gateway.pump(Infinity);
    this.gateway.standing(connection);
    return this.gateway.written(connection).map(brief);
  }

  write(connection: number, message: DataMessage): void {
    if (!this.#known.has(connection)) this.gateway.connected(connection);
    this.#known.add(connection);
    this.gateway.receive(connection, [{ ...message, sessionId: 's' }]);
    this.gateway.pump(Infinity);
  }

  control(connection: number, control: Control): void {
    this.write(connection, controlMessage(control));
  }

  /** Opens with token `token` (a byte, sixteen times; 0: none). */
  open(connection: number, token: number, fields: Partial<Open> = {}): void {
    const resumeToken = token === 0 ? EMPTY_BYTES : new Uint8Array(16).fill(token);
    this.control(connection, openControl({ subject: `token ${token}`, resumeToken, ...fields }));
  }

  resume(connection: number, token: number, position: number, fields: Partial<Open> = {}): void {
    this.open(connection, token, { resume: true, lastReceivedSequence: position, ...fields });
  }

  data(connection: number, sequence: number, bytes = 4, more = false): void {
    this.write(connection, dataMessage({ sequence, data: new Uint8Array(bytes), more }));
  }

  /** The same for several, while the network takes nothing of what is written. */
  dataWhileHeld(connection: number, ...sequences: readonly number[]): void {
    for (const sequence of sequences)
      this.gateway.receive(connection, [dataMessage({ sessionId: 's', sequence, data: new Uint8Array(4) })]);
  }

  ack(connection: number, ack: number): void {
    this.write(connection, dataMessage({ type: MessageType.ACK, ack }));
  }

  /** The route sends `count` messages. */
  sends(count: number, fields: Partial<DataMessage> = {}): void {
    for (let i = 0; i < count; i += 1) this.#sends([dataMessage({ data: new Uint8Array(4), ...fields })]);
  }

  /** The route sends one payload of `pieces` messages. */
  sendsPayload(pieces: number): void {
    this.#sends(
      Array.from({ length: pieces }, (_, index) =>
        dataMessage({ data: new Uint8Array(4), more: index < pieces - 1 }),
      ),
    );
  }

  #sends(pieces: readonly DataMessage[]): void {
    this.gateway.routeSends(pieces);
    this.gateway.pump(Infinity);
  }

  async finish(...accepted: readonly boolean[]): Promise<void> {
    for (const one of accepted) await this.gateway.routeFinishes(one);
  }
}
