/** What an operator sees meanwhile: the queue of each client, and whether the alert fires. */
import type { GatewayProcess } from '../kit/gateway-process.js';
import type { LiveView } from '../kit/live-view.js';
import { QueueAlert } from './queue-alert.js';
import type { Viewer } from './viewer.js';

/** Of what the route sent to a client: `admitted = delivered + dropped + pending`. */
export interface Account {
  readonly admitted: number;
  readonly delivered: number;
  readonly dropped: number;
  readonly pending: number;
}

/** Of `/sessions` (docs/admin.md) what is used here. */
interface GatewaySession {
  readonly clientId: string;
  /** Messages that wait for the client's window. */
  readonly waiting: number;
  readonly down: Account;
}

export interface Look {
  readonly atSeconds: number;
  /** By client. */
  readonly sessions: ReadonlyMap<string, GatewaySession>;
}

export const QUEUE_LIMIT = 40;
const NOTHING: Account = { admitted: 0, delivered: 0, dropped: 0, pending: 0 };

export class Watch {
  readonly looks: Look[] = [];
  readonly viewers: readonly Viewer[];
  readonly alert: QueueAlert;
  /** Whom the alert named. */
  readonly named = new Set<string>();
  /** `performance.now()` of second 0. */
  readonly startedMs = performance.now();
  readonly #gateway: GatewayProcess;
  readonly #view: LiveView;
  /** The last that was seen of each session: one that has ended is not there any more. */
  readonly #last = new Map<string, GatewaySession>();

  constructor(gateway: GatewayProcess, viewers: readonly Viewer[], alert: QueueAlert, view: LiveView) {
    this.#gateway = gateway;
    this.#view = view;
    this.viewers = viewers;
    this.alert = alert;
  }

  async look(): Promise<void> {
    const atSeconds = (performance.now() - this.startedMs) / 1_000;
    const { sessions } = await this.#gateway.look<{ sessions: GatewaySession[] }>('/sessions');
    const byClient = new Map(sessions.map((session) => [session.clientId, session]));
    for (const session of sessions) this.#last.set(session.clientId, session);
    this.looks.push({ atSeconds, sessions: byClient });
    const fires = this.alert.evaluate(await this.#gateway.metrics(), atSeconds);
    const long = sessions.filter(({ waiting }) => QueueAlert.isLong(waiting, QUEUE_LIMIT));
    if (this.alert.state === 'firing') for (const { clientId } of long) this.named.add(clientId);
    if (fires) this.#view.say(`ALERT: queues stay full: ${[...this.named].join(', ')}`);
  }

  /** Nothing is under way to anybody. */
  get isSettled(): boolean {
    const last = this.looks.at(-1);
    return last !== undefined && [...last.sessions.values()].every(({ down }) => down.pending === 0);
  }

  /** What the gateway's own account of a client's session was at last. */
  accountOf({ name }: Viewer): Account {
    return this.#last.get(name)?.down ?? NOTHING;
  }

  /** The most that was seen to wait for it. */
  mostWaiting({ name }: Viewer): number {
    return Math.max(0, ...this.looks.map(({ sessions }) => sessions.get(name)?.waiting ?? 0));
  }
}
