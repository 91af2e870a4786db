import { Skipped } from '../skipped.js';
import { Stage } from './stage.js';
import type { Ability, SubjectSource } from './subject.js';

/** One sentence of the protocol that binds a client, as what a gateway says and what must come back. */
export interface Case {
  readonly name: string;
  readonly needs?: readonly Ability[];
  readonly run: (stage: Stage) => Promise<void>;
}

/** The cases of one part of the protocol. */
export interface Section {
  readonly title: string;
  readonly cases: readonly Case[];
}

/** Plays one case. Rejects with what is wrong, or with `Skipped`. */
export async function play(source: SubjectSource, { needs = [], run }: Case): Promise<void> {
  const missing = needs.filter((ability) => !source.abilities.has(ability));
  if (missing.length > 0) throw new Skipped(`this client does not do: ${missing.join(', ')}`);
  const stage = new Stage(source);
  try {
    await run(stage);
    await stage.end();
  } finally {
    await stage.leave().catch(() => undefined);
  }
}
