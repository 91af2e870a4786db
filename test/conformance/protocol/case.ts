import type { Settings } from '../../helpers/gateway.js';
import { Skipped } from '../skipped.js';
import { Stage } from './stage.js';
import type { TargetSource } from './target.js';

/** One sentence of the protocol, as what is said and what must come back. */
export interface Case {
  readonly name: string;
  /** Of a gateway of its own, also where there are none: the case is skipped where that can't be had. */
  readonly settings?: Settings;
  readonly run: (stage: Stage) => Promise<void>;
}

/** The cases of one part of the protocol. */
export interface Section {
  readonly title: string;
  readonly cases: readonly Case[];
}

/** Plays one case. Rejects with what is wrong, or with `Skipped`. */
export async function play(source: TargetSource, { name, settings, run }: Case): Promise<void> {
  const why = source.cannot?.get(name);
  if (why !== undefined) throw new Skipped(why);
  if (settings !== undefined && !source.configurable) {
    const keys = Object.keys(settings);
    throw new Skipped(`it needs a gateway of its own${keys.length === 0 ? '' : `, with ${keys.join(', ')}`}`);
  }
  await using target = await source.start(settings ?? {});
  const stage = new Stage(target);
  try {
    await run(stage);
    stage.end();
  } finally {
    stage.leave();
  }
}
