/** The crowd, as the example sees it: how many there are, and what became of their messages. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { takenAlong } from '../kit/child-process.js';
import type { CrowdOrder, CrowdState } from './crowd.js';

interface CrowdNews {
  readonly done: boolean;
  readonly state: CrowdState;
}

export class CrowdProcess {
  readonly #child: ChildProcess;
  #state: CrowdState = { present: 0, sent: 0, echoed: 0, wrong: 0, endedBy: {}, failed: 0, failure: '' };

  /** `everyMs`: how often each of them says something, on average. */
  constructor(address: string, everyMs: number) {
    this.#child = takenAlong(
      fork(join(import.meta.dirname, 'crowd.ts'), [address, String(everyMs)], {
        execArgv: ['--import', 'tsx'],
      }),
    );
    this.#child.on('message', ({ state }: CrowdNews) => {
      this.#state = state;
    });
  }

  get state(): CrowdState {
    return this.#state;
  }

  /** Resolves when there are so many, `onCable` of them on a cable that can be cut. */
  grow(to: number, onCable: number): Promise<void> {
    return this.#order({ kind: 'grow', to, onCable });
  }

  /** Resolves when so many have left. */
  shrink(by: number): Promise<void> {
    return this.#order({ kind: 'shrink', by });
  }

  /** Resolves when the cable is whole again. */
  cut(forMs: number): Promise<void> {
    return this.#order({ kind: 'cut', forMs });
  }

  /** Resolves at the next news of it. */
  news(): Promise<void> {
    return this.#until(() => true);
  }

  [Symbol.dispose](): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  #order(order: CrowdOrder): Promise<void> {
    this.#child.send(order);
    return this.#until(({ done }) => done);
  }

  #until(fits: (news: CrowdNews) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const onNews = (news: CrowdNews): void => {
        if (!fits(news)) return;
        this.#child.off('message', onNews);
        this.#child.off('exit', onExit);
        resolve();
      };
      const onExit = (code: number | null): void => {
        reject(new Error(`the crowd ended with ${String(code)}`));
      };
      this.#child.on('message', onNews);
      this.#child.once('exit', onExit);
    });
  }
}
