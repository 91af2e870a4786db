import type { Plain, Raw } from '../raw.js';

/** What is wrong with a value or with a part of it. */
export interface Problem {
  /** The part, below the key: `echo.kind`; "" for the whole value. */
  readonly part: string;
  /** The value to show; undefined where it may be a secret. */
  readonly shown: Raw | undefined;
  readonly line: number | undefined;
  /** The end of the sentence "value: …": what is allowed, and what was perhaps meant. */
  readonly reason: string;
}

export interface Accepted<T> {
  readonly value: T;
}
export interface Refused {
  readonly problems: readonly Problem[];
}
export type Reading<T> = Accepted<T> | Refused;

/**
 * A way to write a kind of value: strict, so that a value means what its
 * reader takes it to mean, or is refused. `read` takes back all that `print`
 * gives.
 */
export interface Format<T> {
  /** For messages and the reference: `a duration such as 25s, from 1ms to 24h`. */
  readonly allowed: string;
  /** The same for readers of a reference, who know how a duration is written: `duration, 1ms to 24h`. */
  readonly summary: string;
  /** `folder` is that of the file it stands in, absolute; undefined where it comes from elsewhere. */
  read(raw: Raw, folder?: string): Reading<T>;
  /** `hideSecrets` masks the parts that are sensitive, where a value has parts. */
  print(value: T, hideSecrets?: boolean): Plain;
}

export function accept<T>(value: T): Accepted<T> {
  return { value };
}

/** Refuses the whole value; `hint` is a second sentence that says what was perhaps meant. */
export function refuse(raw: Raw, allowed: string, hint?: string): Refused {
  const reason = `expected ${allowed}`;
  return {
    problems: [
      { part: '', shown: raw, line: raw.line, reason: hint === undefined ? reason : `${reason}; ${hint}` },
    ],
  };
}

/** Not read; `hint` says what was perhaps meant. */
export interface Unread {
  readonly hint: string | undefined;
}
export const UNREAD: Unread = { hint: undefined };

/** A format for what is written as one piece of text. */
export function textual<T>(options: {
  readonly allowed: string;
  readonly summary?: string;
  readonly parse: (text: string) => Accepted<T> | Unread;
  readonly print: (value: T) => Plain;
}): Format<T> {
  const { allowed, parse, print } = options;
  return {
    allowed,
    summary: options.summary ?? allowed,
    print,
    read(raw) {
      if (raw.kind === 'none') return refuse(raw, allowed, 'leave the key out to have its default');
      if (raw.kind !== 'text') return refuse(raw, allowed);
      const parsed = parse(raw.text);
      return 'value' in parsed ? parsed : refuse(raw, allowed, parsed.hint);
    },
  };
}
