import type { Timer } from '../../core/clock.js';
import type { DropReason } from '../../core/counters.js';
import { SluiceError } from '../../core/errors.js';
import type { DroppedReason } from '../../flow/policy-queue.js';
import type { ClientConnection } from '../../pool/client-connection.js';
import { chosenOverflow } from '../../session/overflow.js';
import type { TopicMessage, TopicSubscriber, TopicSubscription } from '../../session/topic-route.js';
import type { StreamReceiver } from '../../transport/contract.js';
import { type DataMessage, dataMessage, MessageType } from '../../wire/messages.js';
import { decodeSubscribeRequest } from '../../wire/topic-codec.js';
import type { SubscribeRequest } from '../../wire/topic-messages.js';
import { type CallContext, CallSupervisor } from './call-supervisor.js';
import { OneRequest } from './one-request.js';
import { ifPermitted } from './permitted.js';
import { SubscriptionLane, type LaneItem } from './subscription-lane.js';
import { parseTopicName, topicsOf, type TopicName } from './topic-name.js';

/** A message that found no room under `block`: its publisher waits. */
interface Held {
  readonly item: LaneItem;
  readonly goOn: () => void;
}

/**
 * One client that follows a topic: Welcome, what it asked for of the past, and
 * then what comes, in order, under the policy it chose.
 */
export class SubscribeCall extends CallSupervisor implements StreamReceiver, TopicSubscriber {
  readonly clientId: string;
  readonly sessionCount = 0;
  readonly undecidedBytes = 0;
  readonly #context: CallContext;
  readonly #request: OneRequest;
  readonly #abort = new AbortController();
  #lane: SubscriptionLane | undefined;
  #subscription: TopicSubscription | undefined;
  /** What the topic delivers now is of the past. */
  #isPast = false;
  /** Where the first that came is; undefined while nothing has. */
  #firstSequence: number | undefined;
  #held: Held | undefined;
  #heartbeat: Timer | undefined;
  #sentAt: number;

  constructor(context: CallContext, connection: ClientConnection) {
    super(context, connection);
    const { clock, settings } = context;
    this.#context = context;
    this.clientId = connection.clientId;
    this.#sentAt = clock.now();
    this.#request = new OneRequest({
      clock,
      firstMessageTimeoutMs: settings.firstMessageTimeoutMs,
      quota: connection.receiveQuota,
      onLate: (error) => {
        this.fail(error);
      },
    });
  }

  // --- what the transport says ---

  /** Room until the half-close, so that a second request is seen. */
  get room(): number {
    return this.isOver ? 0 : 1;
  }

  onMessages(messages: readonly DataMessage[]): void {
    this.#request.take(messages);
    this.connection.messagesReceived += messages.length;
    this.connection.lastActivity = this.#context.clock.now();
    this.#context.counters.messagesReceived += messages.length;
  }

  onHalfClose(): void {
    this.connection.halfClosed = true;
    this.#context.counters.bytesReceived += this.connection.stream.bytesReceived;
    const body = this.#request.whole();
    try {
      const request = decodeSubscribeRequest(body);
      this.#follow(request, parseTopicName(request.topic));
    } catch (error) {
      this.#refuse(error);
    }
  }

  onInvalid(error: SluiceError): void {
    this.fail(error);
  }

  // --- what the topic says ---

  deliver(message: TopicMessage): undefined | Promise<void> {
    const lane = this.#lane;
    if (lane === undefined || this.isOver) return undefined;
    const item = this.#context.items.of(message);
    if (item.isTooLarge) {
      this.#lost(item.sequence, item.sequence, 'MESSAGE_TOO_LARGE');
      return undefined;
    }
    this.#firstSequence ??= item.sequence;
    if (this.#isPast) {
      lane.addPast(item);
      return undefined;
    }
    const outcome = lane.offer(item);
    if (outcome === 'full') {
      return new Promise((goOn) => {
        this.#held = { item, goOn };
      });
    }
    if (outcome === 'disconnect') this.#tooMuch();
    else this.#laneHasMore(lane);
    return undefined;
  }

  missed(fromSequence: number, toSequence: number): void {
    this.#lost(fromSequence, toSequence, 'RESUME_EXPIRED');
  }

  tooSlow(): void {
    this.context.counters.slowConsumers += 1;
    this.end(
      new SluiceError(
        'SLOW_CONSUMER',
        'the subscriber has held a publisher for too long: overflow policy block makes publishers wait ' +
          `while more waits for it than stream.sendQueueMessages = ${this.connection.sendQueue.quota.maxMessages}`,
      ),
    );
  }

  get caller(): { readonly clientId: string; readonly peer: string } {
    return { clientId: this.connection.identity.clientId, peer: this.connection.stream.peer };
  }

  // --- what the loops say ---

  get oweSomething(): boolean {
    return this.#lane?.hasTurn === true || this.#held !== undefined;
  }

  notify(message: DataMessage): void {
    if (this.isOver) return;
    this.connection.sendQueue.pushControl(message);
    this.wake();
  }

  relieve(): void {
    // Nothing of it waits for the budget.
  }

  /** It is given what waits, and no more. */
  onAsked(): void {
    this.#subscription?.close();
  }

  override onSent(): void {
    this.#sentAt = this.#context.clock.now();
    this.#admitHeld();
    super.onSent();
  }

  protected override release(reason: DropReason): void {
    this.#abort.abort();
    this.#request.stop();
    this.#heartbeat?.cancel();
    this.#subscription?.close();
    const held = this.#held;
    this.#held = undefined;
    held?.goOn();
    this.#lane?.discard(reason);
  }

  #follow(request: SubscribeRequest, name: TopicName): void {
    const { connection } = this;
    ifPermitted({
      gatekeeper: this.#context.gatekeeper,
      question: {
        identity: connection.identity,
        action: 'subscribe',
        sessionId: '',
        ...name,
        named: true,
        peer: connection.stream.peer,
      },
      signal: this.#abort.signal,
      onAllowed: () => {
        this.#subscribe(request, name);
      },
      onRefused: (error) => {
        this.#refuse(error);
      },
    });
  }

  #subscribe({ afterSequence, history, overflow }: SubscribeRequest, { route, subject }: TopicName): void {
    const { routes, counters, clock, settings } = this.#context;
    const { sendQueue } = this.connection;
    const topics = topicsOf(routes, route);
    const lane = new SubscriptionLane({
      overflow: chosenOverflow(route, topics, overflow),
      sendQueue,
      counters,
      now: () => clock.now(),
    });
    this.#lane = lane;
    this.#isPast = true;
    const subscription = topics.subscribe(subject, { afterSequence, history }, this);
    this.#isPast = false;
    if (this.isOver) {
      subscription.close();
      return;
    }
    this.#subscription = subscription;
    lane.position = this.#firstSequence === undefined ? subscription.position : this.#firstSequence - 1;
    this.begin(route);
    this.notify({ ...this.#context.welcome(this.connection), sequence: lane.position });
    this.#laneHasMore(lane);
    if (settings.heartbeatIntervalMs > 0) this.#armHeartbeat(settings.heartbeatIntervalMs);
    // It was asked to leave before there was anything to leave.
    if (this.connection.state.kind === 'draining') this.onAsked();
  }

  /** Told at its place. */
  #lost(fromSequence: number, toSequence: number, reason: DroppedReason): void {
    const lane = this.#lane;
    if (lane === undefined || this.isOver) return;
    this.#firstSequence ??= fromSequence;
    if (this.#isPast) {
      lane.lostPast(fromSequence, toSequence, reason);
      return;
    }
    lane.lost(fromSequence, toSequence, reason);
    this.#laneHasMore(lane);
  }

  #refuse(error: unknown): void {
    if (error instanceof SluiceError) this.fail(error);
    else this.onFault(error);
  }

  #laneHasMore(lane: SubscriptionLane): void {
    this.connection.sendQueue.schedule(lane);
    this.wake();
  }

  /** Some of what waited has been written. */
  #admitHeld(): void {
    const held = this.#held;
    const lane = this.#lane;
    if (held === undefined || lane === undefined || lane.offer(held.item) === 'full') return;
    this.#held = undefined;
    this.#laneHasMore(lane);
    held.goOn();
  }

  #tooMuch(): void {
    const { maxMessages, maxBytes } = this.connection.sendQueue.quota;
    this.context.counters.slowConsumers += 1;
    this.end(
      new SluiceError(
        'SLOW_CONSUMER',
        `more waits for the subscriber than stream.sendQueueMessages = ${maxMessages} and stream.sendQueueSize = ` +
          `${maxBytes} bytes allow, and its overflow policy is disconnect`,
      ),
    );
  }

  /** Each interval in which nothing else was sent ends with a heartbeat, which says where in the topic it is. */
  #armHeartbeat(delayMs: number): void {
    const { clock, settings, counters, turn } = this.#context;
    this.#heartbeat = clock.setTimeout(() => {
      const quietMs = clock.now() - this.#sentAt;
      const { heartbeatIntervalMs, sendBufferBytes } = settings;
      if (quietMs < heartbeatIntervalMs) {
        this.#armHeartbeat(heartbeatIntervalMs - quietMs);
        return;
      }
      this.#armHeartbeat(heartbeatIntervalMs);
      const { sendQueue, stream } = this.connection;
      if (sendQueue.hasControl || stream.bytesInFlight >= sendBufferBytes) {
        counters.heartbeatsSkipped += 1;
        return;
      }
      counters.heartbeatsSent += 1;
      this.notify(
        dataMessage({
          type: MessageType.HEARTBEAT,
          sequence: this.#position,
          timestampMs: turn.stampMs(),
        }),
      );
    }, delayMs);
  }

  /** What follows comes after it: of what is still to be written nothing has been told. */
  get #position(): number {
    const lane = this.#lane;
    if (lane === undefined) return 0;
    return lane.hasTurn || this.#held !== undefined
      ? lane.position
      : Math.max(lane.position, this.#subscription?.position ?? 0);
  }
}
