import { isPrintableId } from '../../core/printable.js';
import { randomId } from '../random-id.js';
import { expect, expectWhole } from '../option-checks.js';
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
  expect('subject', subject, typeof subject === 'string', 'a string');
  for (const name of ['onGap', 'onReset', 'onFailure', 'onDrop'] as const) {
    const value: unknown = options[name];
    expect(name, value, value === undefined || typeof value === 'function', 'a function');
  }
  return {
    id: id === undefined ? randomId() : checkedId(id),
    subject,
    afterSequence: expectWhole('afterSequence', afterSequence, 0, Number.MAX_SAFE_INTEGER),
    history: expectWhole('history', history, 0, MAX_BOUND),
    window: boundOf('window', window, DEFAULT_WINDOW),
    wireOverflow: wireOverflow(overflow),
    buffer: boundOf('buffer', buffer, DEFAULT_BUFFER),
    bufferOverflow: bufferOverflow(buffer?.overflow),
    pieces,
  };
}

function checkedId(id: string): string {
  expect('id', id, typeof id === 'string' && isPrintableId(id), '1 to 128 printable characters');
  return id;
}

function bufferOverflow(overflow: Overflow = 'block'): Overflow {
  wireOverflow(overflow, 'buffer.overflow');
  return overflow;
}

function boundOf(name: string, asked: Partial<Bound> | undefined, otherwise: Bound): Bound {
  const { messages = otherwise.messages, bytes = otherwise.bytes } = asked ?? {};
  return {
    messages: expectWhole(`${name}.messages`, messages, 1, MAX_BOUND),
    bytes: expectWhole(`${name}.bytes`, bytes, 1, MAX_BOUND),
  };
}
