import type { Section } from '../case.js';
import { drains } from './drain.js';
import { ending } from './ending.js';
import { errors } from './errors.js';
import { hello } from './hello.js';
import { liveness } from './liveness.js';
import { openings } from './opening.js';
import { payloads } from './payloads.js';
import { receiving } from './receiving.js';
import { resuming } from './resuming.js';
import { sending } from './sending.js';
import { tokens } from './tokens.js';

/** Every sentence of docs/protocol.md that binds a client, in its order. */
export const sections: readonly Section[] = [
  hello,
  tokens,
  openings,
  sending,
  receiving,
  resuming,
  payloads,
  ending,
  liveness,
  drains,
  errors,
];
