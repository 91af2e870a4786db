import { isPrintableId, quoted } from '../../core/printable.js';
import { randomId } from '../random-id.js';
import type { Bound, OpenOptions, Overflow } from '../options.js';
import { wireOverflow } from './wire-overflow.js';

/** OpenOptions, checked and complete. */
export interface SessionSettings {
  readonly id: string;
  readonly subject: string;
  readonly afterSequence: number;
  readonly history: number;
  readonly window: Bound;
  /** As Open says it. */
  readonly wireOverflow: number;
  readonly buffer: Bound;
  readonly bufferOverflow: Overflow;
  readonly pieces: boolean;
}

const DEFAULT_WINDOW: Bound = { messages: 256, bytes: 1024 * 1024 };
const DEFAULT_BUFFER: Bound = { messages: 512, bytes: 2 * 1024 * 1024 };
/** What a uint32 of the wire holds. */
const MAX_BOUND = 2 ** 32 - 1;

/** Throws a TypeError or RangeError that names the option, its value and what it may be. */
export function sessionSettings(options: OpenOptions): SessionSettings {
  const {
    id,
    subject = '',
    afterSequence = 0,
    history = 0,
    window,
    overflow,
    buffer,
    pieces = false,
  } = options;
  if (typeof subject !== 'string') throw new TypeError(`subject is ${typeof subject}: it has to be a string`);
  for (const name of ['onGap', 'onReset', 'onFailure', 'onDrop'] as const) {
    const value: unknown = options[name];
    if (value === undefined || typeof value === 'function') continue;
    throw new TypeError(`${name} is ${typeof value}: it has to be a function`);
  }
  return {
    id: id === undefined ? randomId() : checkedId(id),
    subject,
    afterSequence: checkedCount('afterSequence', afterSequence, Number.MAX_SAFE_INTEGER),
    history: checkedCount('history', history, MAX_BOUND),
    window: boundOf('window', window, DEFAULT_WINDOW),
    wireOverflow: wireOverflow(overflow),
    buffer: boundOf('buffer', buffer, DEFAULT_BUFFER),
    bufferOverflow: bufferOverflow(buffer?.overflow),
    pieces,
  };
}

function checkedId(id: string): string {
  if (typeof id !== 'string') throw new TypeError(`id is ${typeof id}: it has to be a string`);
  if (isPrintableId(id)) return id;
  throw new TypeError(`id is ${quoted(id)}: it has to be 1 to 128 printable characters`);
}

function bufferOverflow(overflow: Overflow = 'block'): Overflow {
  wireOverflow(overflow, 'buffer.overflow');
  return overflow;
}

function boundOf(name: string, asked: Partial<Bound> | undefined, otherwise: Bound): Bound {
  const { messages = otherwise.messages, bytes = otherwise.bytes } = asked ?? {};
  return {
    messages: checkedBound(`${name}.messages`, messages),
    bytes: checkedBound(`${name}.bytes`, bytes),
  };
}

function checkedBound(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= MAX_BOUND) return value;
  throw new RangeError(`${name} is ${String(value)}: it has to be an integer from 1 to ${MAX_BOUND}`);
}

function checkedCount(name: string, value: number, most: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new RangeError(`${name} is ${String(value)}: it has to be an integer from 0 to ${most}`);
}
