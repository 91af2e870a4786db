/**
 * The alert that an operator would have Prometheus evaluate, evaluated here in the same way (a rule of
 * deploy/prometheus/rules.yml): the fullest queue of any session above 80 % of what it may hold, for so long.
 *
 *     sluice_session_max_messages{held="waiting"} / sluice_session_limit_messages{held="waiting"} > 0.8
 */
import { sampleOf } from '../kit/metrics-text.js';

const THRESHOLD = 0.8;
export const FOR_SECONDS = 2;

export type AlertState = 'inactive' | 'pending' | 'firing';

export interface AlertChange {
  readonly atSeconds: number;
  readonly state: AlertState;
}

export class QueueAlert {
  readonly changes: AlertChange[] = [];
  #sinceSeconds: number | undefined;

  get state(): AlertState {
    return this.changes.at(-1)?.state ?? 'inactive';
  }

  /** One evaluation; true where the alert fires from now on. */
  evaluate(metrics: string, atSeconds: number): boolean {
    const waiting = sampleOf(metrics, 'sluice_session_max_messages{held="waiting"}');
    const limit = sampleOf(metrics, 'sluice_session_limit_messages{held="waiting"}');
    const isOver = waiting / limit > THRESHOLD;
    this.#sinceSeconds = isOver ? (this.#sinceSeconds ?? atSeconds) : undefined;
    const before = this.state;
    const lasts = this.#sinceSeconds !== undefined && atSeconds - this.#sinceSeconds >= FOR_SECONDS;
    const state = lasts ? 'firing' : isOver ? 'pending' : 'inactive';
    if (state !== before) this.changes.push({ atSeconds, state });
    return state === 'firing' && before !== 'firing';
  }

  /** Whose queue it is: the metrics name no client, the admin address does. */
  static isLong(waiting: number, limit: number): boolean {
    return waiting / limit > THRESHOLD;
  }
}
