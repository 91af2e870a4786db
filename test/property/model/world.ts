import { dataMessage, type DataMessage } from '../../../src/wire/messages.js';
import { ModelClient } from './client.js';
import type { GatewaySide, RouteEvents, WorldOptions } from './contract.js';
import { check, Ledger } from './ledger.js';
import type { Move } from './moves.js';
import { Network, type Connection } from './network.js';

/** Liveness: the gateway gives up a connection this long after its client has gone. Below the resume window. */
const LIVENESS_MS = 50;
/** More than any run needs to come to rest; a run that takes longer never does. */
const ROUNDS_TO_REST = 200;

export type MakeGateway = (options: WorldOptions, events: RouteEvents) => GatewaySide;

/** Longer than anything that was shed is looked after. */
const SHED_MS = 2_500;

/** A client, a gateway, the connections between them, and the two applications that compare notes. */
export class World {
  readonly ledger: Ledger;
  readonly gateway: GatewaySide;
  readonly #options: WorldOptions;
  readonly #network = new Network();
  #client: ModelClient;
  #clients = 0;
  #messages = 0;
  #nowMs = 0;

  constructor(options: WorldOptions, makeGateway: MakeGateway) {
    this.#options = options;
    this.ledger = new Ledger(() => this.gateway.now(), options.resumeWindowMs);
    this.gateway = makeGateway(options, this.ledger);
    this.#client = this.#newClient();
  }

  get client(): ModelClient {
    return this.#client;
  }

  /** A whole run: any moves, then rest, then the end. Rejects where a promise is broken. */
  async run(moves: readonly Move[]): Promise<void> {
    await this.do({ kind: 'connect' });
    for (const move of moves) await this.do(move);
    await this.comeToRest();
    this.vanish();
    await this.gateway.settled();
  }

  async do(move: Move): Promise<void> {
    if (move.kind === 'route-finishes') await this.#finish(move);
    else this.#apply(move);
    this.#collect();
    this.#network.sweep();
    this.#checkAccounts();
  }

  async #finish({ accepted, which, meanwhile }: Move & { kind: 'route-finishes' }): Promise<void> {
    const heard = this.gateway.routeFinishes(accepted, which);
    try {
      if (meanwhile === 'gateway-loses') this.#apply({ kind: meanwhile, which: 0 });
      else if (meanwhile !== 'nothing') this.#apply({ kind: meanwhile });
    } finally {
      await heard;
    }
  }

  /** Both willing, nothing breaks: everything pending must come to its end. */
  async comeToRest(): Promise<void> {
    await this.do({ kind: 'over-budget', isOver: false });
    if (this.#client.phase === 'over') await this.do({ kind: 'connect' });
    await this.do({ kind: 'client-pauses', paused: false });
    for (let round = 0; round < ROUNDS_TO_REST; round += 1) {
      const { phase } = this.#client;
      if (phase === 'over') break;
      // Also away from a connection that only this side believes in.
      const own = this.#own;
      if (phase === 'lost' || own?.gatewayHolds !== true || own.halfClosed)
        await this.do({ kind: 'connect' });
      for (const { down, up } of this.#network.connections)
        for (let i = 0; i < this.#network.connections.length; i += 1) {
          await this.do({ kind: 'up', which: i, count: up.length + 6 });
          await this.do({ kind: 'down', which: i, count: down.length + 6 });
        }
      await this.do({ kind: 'pump', count: 10 });
      await this.do({ kind: 'route-finishes', accepted: round % 3 !== 0, which: 0, meanwhile: 'nothing' });
      await this.do({ kind: 'client-consumes', count: 10 });
      await this.do({ kind: 'client-acknowledges' });
      // Acks of their own come by themselves.
      await this.do({ kind: 'wait', ms: this.#options.ackDelayMs });
      const view = this.gateway.session();
      if (view?.up.pending === 0 && view.down.pending === 0 && view.blocked === 0 && this.#resting()) break;
    }
    check(this.#client.phase === 'over' || this.#resting(), 'something stays pending for ever');
  }

  /** The client goes for good, and time passes: nothing remains. */
  vanish(): void {
    for (const connection of this.#network.connections) {
      connection.clientHolds = false;
      this.#gatewayLoses(connection);
    }
    this.#network.sweep();
    // Once for the session's window, once for what its end leaves behind.
    for (let i = 0; i < 3; i += 1) this.gateway.advance(this.#options.resumeWindowMs);
    // Those who were ended to make room are looked after for two seconds more (ended-burdens.ts).
    this.gateway.advance(SHED_MS);
    this.ledger.allEnded();
    check(this.gateway.remains() === 0, 'something remains after expiry');
    for (const direction of ['up', 'down'] as const)
      check(this.gateway.endedTotals()[direction].pending === 0, `${direction}: pending without a session`);
  }

  #resting(): boolean {
    const { subject, unacked, phase } = this.#client;
    const { seen, takenDown, consumed } = this.ledger.account(subject);
    if (phase !== 'open' || unacked > 0) return false;
    const view = this.gateway.session();
    if (view === undefined || seen.length !== takenDown.length || consumed !== seen.length) return false;
    const { overflow, expired } = view.down.droppedBy;
    check(this.ledger.lossesSeen(subject) === overflow + expired, 'Gaps and drops are not the same messages');
    return true;
  }

  #newClient(): ModelClient {
    this.#clients += 1;
    const token = new Uint8Array(16).fill(this.#clients);
    const { floor, downWindow } = this.#options;
    return new ModelClient(`client ${this.#clients}`, token, floor, downWindow, this.ledger);
  }

  #apply(move: Exclude<Move, { readonly kind: 'route-finishes' }>): void {
    switch (move.kind) {
      case 'connect':
        this.#connect();
        break;
      case 'abandon':
        // Who is in doubt whether its Open arrived resumes first; else a late Open could take the new session's place.
        if (this.#client.inDoubt) break;
        this.#client = this.#newClient();
        this.#connect();
        break;
      case 'client-sends':
        this.#client.send(this.#payload(move.weights));
        break;
      case 'client-consumes':
        this.#client.consume(move.count);
        break;
      case 'client-acknowledges':
        this.#client.acknowledge();
        break;
      case 'client-window':
        this.#client.changeWindow(move);
        break;
      case 'client-pauses':
        this.#client.pause(move.paused);
        break;
      case 'client-closes':
        this.#client.close();
        break;
      case 'client-half-closes':
        if (this.#own !== undefined) this.#halfClose(this.#own);
        break;
      case 'client-loses':
        if (this.#own !== undefined) this.#clientLoses(this.#own);
        break;
      case 'gateway-loses': {
        const connection = this.#choose(move.which);
        if (connection !== undefined) this.#gatewayLoses(connection);
        break;
      }
      case 'flow':
        this.#flow();
        break;
      case 'up': {
        const connection = this.#choose(move.which);
        if (connection !== undefined) this.#up(connection, move.count);
        break;
      }
      case 'down': {
        const connection = this.#choose(move.which);
        if (connection !== undefined) this.#down(connection, move.count);
        break;
      }
      case 'route-sends':
        this.gateway.routeSends(this.#payload(move.weights, move.key, move.ttlMs));
        break;
      case 'route-ends':
        this.gateway.routeEnds();
        break;
      case 'pump':
        this.gateway.pump(move.count);
        break;
      case 'gateway-acknowledges':
        this.gateway.acknowledge();
        break;
      case 'gateway-window':
        this.gateway.changeWindow(move);
        break;
      case 'wait':
        this.#wait(move.ms);
        break;
      case 'drain':
        this.gateway.drain(move.ms);
        break;
      case 'over-budget':
        this.ledger.mayShed ||= move.isOver;
        this.gateway.overBudget(move.isOver);
        break;
      case 'crowd':
        this.gateway.crowd();
        break;
    }
  }

  /** The client opens, or resumes, on a new connection; an older one may go on beside it for a while. */
  #connect(): void {
    if (this.#client.phase === 'over') this.#client = this.#newClient();
    const connection = this.#network.open(this.#client.subject);
    this.gateway.connected(connection.id);
    this.#client.attach(connection.id, (message) => {
      // What is written into a connection that the gateway has lost goes nowhere.
      if (connection.gatewayHolds && connection.clientHolds && !connection.halfClosed)
        connection.up.push({ message, atMs: this.#nowMs });
    });
  }

  #flow(): void {
    const connection = this.#network.connections.at(-1);
    if (connection === undefined) return;
    this.#up(connection, Infinity);
    this.gateway.pump(Infinity);
    this.#collect();
    this.#down(connection, Infinity);
  }

  /** What is cut off within a message is a message that never came: boundaries of messages are all there is. */
  #up(connection: Connection, count: number): void {
    if (!connection.gatewayHolds) return;
    const messages = connection.up.slice(0, count).map(({ message }) => message);
    if (messages.length > 0) connection.up.splice(0, this.gateway.receive(connection.id, messages));
    if (connection.halfClosed && connection.up.length === 0) this.gateway.halfClosed(connection.id);
  }

  #down(connection: Connection, count: number): void {
    if (!connection.clientHolds) return;
    for (const message of connection.down.splice(0, count)) this.#client.receive(connection.id, message);
  }

  /** The connection of the client's newest Open. */
  get #own(): Connection | undefined {
    return this.#network.connections.find(({ id }) => id === this.#client.connection);
  }

  #halfClose(connection: Connection): void {
    if (connection.halfClosed) return;
    connection.halfClosed = true;
    if (connection.gatewayHolds && connection.up.length === 0) this.gateway.halfClosed(connection.id);
  }

  #clientLoses(connection: Connection): void {
    if (!connection.clientHolds) return;
    connection.clientHolds = false;
    connection.halfOpenSinceMs = this.#nowMs;
    connection.down.length = 0;
    this.#client.lose(connection.id);
  }

  #gatewayLoses(connection: Connection): void {
    if (!connection.gatewayHolds) return;
    connection.gatewayHolds = false;
    connection.up.length = 0;
    this.gateway.lost(connection.id);
  }

  #wait(ms: number): void {
    this.#nowMs += ms;
    for (const connection of this.#network.overdue(this.#nowMs, LIVENESS_MS)) this.#gatewayLoses(connection);
    this.gateway.advance(ms);
  }

  /** What the gateway wrote is on its way. */
  #collect(): void {
    for (const connection of this.#network.connections) {
      const { id, subject, down, clientHolds } = connection;
      if (connection.gatewayHolds) this.#look(connection);
      const written = this.gateway.written(id);
      for (const message of written) this.ledger.written(subject, message);
      if (clientHolds) down.push(...written);
      if (connection.ended && down.length === 0) this.#clientLoses(connection);
    }
  }

  /** Whether the gateway has ended the connection by itself. */
  #look(connection: Connection): void {
    const standing = this.gateway.standing(connection.id);
    if (standing === 'open') return;
    connection.gatewayHolds = false;
    connection.ended = true;
    connection.up.length = 0;
    if (standing === 'refused') this.#client.refuse(connection.id);
    const session = this.gateway.session();
    // Attached to nothing newer, that is, and not another's.
    if (!connection.halfClosed || connection !== this.#own || session?.subject !== connection.subject) return;
    const isHandled = session.blocked > 0 || this.gateway.routeHandling() === undefined;
    check(isHandled, 'ended before all was handled');
  }

  #choose(which: number): Connection | undefined {
    const { connections } = this.#network;
    return connections[which % Math.max(1, connections.length)];
  }

  /** A payload of pieces of these weights, each naming itself. */
  #payload(weights: readonly number[], key = '', ttlMs = 0): DataMessage[] {
    return weights.map((weight, index) => {
      this.#messages += 1;
      const data = new Uint8Array(weight - key.length > 4 ? weight - key.length : 4);
      new DataView(data.buffer).setUint32(0, this.#messages);
      return dataMessage({ data, key, ttlMs, more: index < weights.length - 1 });
    });
  }

  /** Held is what the counters say is pending; what has ended holds nothing. */
  #checkAccounts(): void {
    const view = this.gateway.session();
    if (view !== undefined) {
      check(view.up.pending === view.heldUp, `up: ${view.up.pending} pending, ${view.heldUp} held`);
      check(view.down.pending === view.heldDown, `down: ${view.down.pending} pending, ${view.heldDown} held`);
      check(view.lostRanges <= view.heldDown + 2, 'lost ranges pile up');
      const { consumed } = this.ledger.account(view.subject);
      check(view.down.delivered <= consumed, 'delivered is what the client has consumed');
    }
    const ended = this.gateway.endedTotals();
    check(ended.up.pending === 0 && ended.down.pending === 0, 'an ended session holds something');
    this.gateway.audit();
  }
}
