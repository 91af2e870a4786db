import type { Timer } from '../../core/clock.js';
import { tally, type DropReason } from '../../core/counters.js';
import { SluiceError } from '../../core/errors.js';
import type { ClientConnection } from '../../pool/client-connection.js';
import type { StreamClose } from '../../transport/contract.js';
import type { Route } from '../../session/route.js';
import type { DataMessage } from '../../wire/messages.js';
import { CLOSE_ENDS, type SupervisorContext } from '../connection-supervisor.js';
import { endGraceMs } from '../end-grace.js';
import { IdentityWatch, type IdentityWatchEvents } from '../identity-watch.js';
import { Leaving, type LeavingEvents } from '../leaving.js';
import { SendLoop, type SendLoopEvents } from '../send-loop.js';
import type { Supervised } from '../supervised.js';
import type { TopicItems } from './topic-items.js';

/** What the calls of a server share beside what its streams do. */
export interface CallContext extends SupervisorContext {
  /** By name, as configured. */
  readonly routes: ReadonlyMap<string, Route>;
  readonly items: TopicItems;
  /** The largest payload of several messages, joined for a route that wants it whole. */
  readonly maxPayloadBytes: number;
  /** Said once, when a call is under way: of which route. */
  readonly onBegun: (supervisor: Supervised, routeName: string) => void;
}

/**
 * What Subscribe and Ingest have in common with the streams: a place in the
 * pool, a send loop, a way to leave, an identity that may expire. As for a
 * stream, whatever ends it ends all of it, once, and leaves nothing behind.
 */
export abstract class CallSupervisor
  implements Supervised, SendLoopEvents, LeavingEvents, IdentityWatchEvents
{
  readonly connection: ClientConnection;
  readonly kind = 'call';
  /** Nothing is acknowledged here. */
  readonly waitForAcks = false;
  abstract readonly sessionCount: number;
  abstract readonly undecidedBytes: number;
  abstract readonly oweSomething: boolean;
  protected readonly context: CallContext;
  readonly #sendLoop: SendLoop;
  readonly #leaving: Leaving;
  readonly #identity: IdentityWatch;
  #begun = false;
  #endTimer: Timer | undefined;
  #endError: SluiceError | undefined;

  constructor(context: CallContext, connection: ClientConnection) {
    const { clock, settings } = context;
    this.context = context;
    this.connection = connection;
    this.#sendLoop = new SendLoop(context, connection, settings, this, context.counters);
    this.#leaving = new Leaving(clock, connection, settings, this);
    this.#identity = new IdentityWatch(clock, connection, context.gatekeeper, settings, this, false);
  }

  get begun(): boolean {
    return this.#begun;
  }

  start(): void {
    this.connection.transition({ kind: 'open' });
    this.#leaving.start();
    this.#identity.start();
  }

  abstract notify(message: DataMessage): void;
  abstract relieve(): void;

  /** Nothing of the client's can come back. */
  probe(): boolean {
    return false;
  }

  drain(graceMs: number, reason: string, error: SluiceError): void {
    this.#leaving.begin(graceMs, reason, error);
  }

  end(error?: SluiceError): void {
    if (!this.connection.transition({ kind: 'closed', end: error?.code ?? 'OK' })) return;
    this.#endError = error;
    this.release(dropReason(error), error);
    this.#sendLoop.finish();
    this.#stopLoops();
    const { stream } = this.connection;
    stream.end(error);
    this.#endTimer = this.context.clock.setTimeout(
      () => {
        stream.reset();
      },
      endGraceMs(error, this.context.settings.sendTimeoutMs),
    );
  }

  abort(error: SluiceError): void {
    if (this.connection.transition({ kind: 'closed', end: error.code })) {
      this.#endError = error;
      this.release(dropReason(error), error);
      this.#stopLoops();
    }
    this.connection.stream.reset();
  }

  fail(error: SluiceError): void {
    tally(this.context.counters.receiveErrors, error.code);
    this.end(error);
  }

  onWritten(): void {
    this.#sendLoop.written();
  }

  onClose(close: StreamClose): void {
    const end = CLOSE_ENDS[close];
    if (this.connection.transition({ kind: 'closed', end })) this.release('connection-closed', undefined);
    this.#stopLoops();
    this.#endTimer?.cancel();
    this.connection.sendQueue.clearControl();
    const { state } = this.connection;
    this.context.onGone(this, state.kind === 'closed' ? state.end : end, this.#endError);
  }

  onSent(): void {
    this.#leaving.checkLimits();
  }

  onSlow(stalledMs: number, bytesInFlight: number): void {
    this.context.counters.slowConsumers += 1;
    this.abort(
      new SluiceError(
        'SLOW_CONSUMER',
        `the client has taken none of ${bytesInFlight} bytes for ${stalledMs} ms ` +
          `(stream.sendTimeout = ${this.context.settings.sendTimeoutMs} ms)`,
      ),
    );
  }

  onFault(error: unknown): void {
    this.context.logger.error({ err: error, connection: this.connection.id }, 'a fault ended a call');
    this.abort(new SluiceError('INTERNAL', 'a fault of the gateway ended the call; its log says more'));
  }

  /** No Authenticate comes here, so there is none to be refused, and no fresh token. */
  refuse(_sessionId: string, error: SluiceError): void {
    this.fail(error);
  }

  refreshed(): void {
    this.relieve();
  }

  expired(): void {
    this.context.counters.auth.tokensExpired += 1;
  }

  /** The call is under way: from here on it is a connection that opened and will end. */
  protected begin(routeName: string): void {
    this.#begun = true;
    this.context.onBegun(this, routeName);
  }

  protected wake(): void {
    this.#sendLoop.wake();
  }

  protected checkLimits(): void {
    this.#leaving.checkLimits();
  }

  protected get isOver(): boolean {
    return this.connection.state.kind === 'closed';
  }

  /** It is over, with `error` or, without one, because it is done or its client is gone. Called once. */
  protected abstract release(reason: DropReason, error: SluiceError | undefined): void;

  #stopLoops(): void {
    this.#sendLoop.stop();
    this.#leaving.stop();
    this.#identity.stop();
  }
}

function dropReason(error: SluiceError | undefined): DropReason {
  return error?.code === 'DRAINING' ? 'drained' : 'connection-closed';
}
