import type { Section } from '../case.js';
import { calling } from './calling.js';
import { down } from './down.js';
import { drain } from './drain.js';
import { ending } from './ending.js';
import { errors } from './errors.js';
import { hello } from './hello.js';
import { kinds } from './kinds.js';
import { limits } from './limits.js';
import { liveness } from './liveness.js';
import { more } from './more.js';
import { opening } from './opening.js';
import { pausing } from './pausing.js';
import { resuming } from './resuming.js';
import { takeover } from './takeover.js';
import { tokens } from './tokens.js';
import { up } from './up.js';
import { windows } from './windows.js';

/** The whole suite, in the order in which the protocol is explained. */
export const sections: readonly Section[] = [
  hello,
  calling,
  kinds,
  opening,
  up,
  errors,
  down,
  windows,
  resuming,
  tokens,
  takeover,
  more,
  ending,
  pausing,
  liveness,
  drain,
  limits,
];
