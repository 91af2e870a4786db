import { choice as choiceFormat } from '../../config/formats/choice.js';
import { duration as durationFormat, type DurationOptions } from '../../config/formats/duration.js';
import { textual, UNREAD, type Format } from '../../config/formats/format.js';
import { integer as integerFormat, type NumberOptions } from '../../config/formats/number.js';
import type { CommandVariable } from '../../config/sources/environment.js';
import { size as sizeFormat, type SizeOptions } from '../../config/formats/size.js';

/** What a shell completes a value with. */
export type Completion = 'file' | 'nothing' | readonly string[];

/** An option of a command: `--name`, or `--name VALUE`. Make it with the functions below, which know its type. */
export interface Option<T> {
  /** How its value is read; undefined for one that takes none. */
  readonly format: Format<unknown> | undefined;
  /** What stands for the value in the help: `ADDRESS`. */
  readonly placeholder: string;
  readonly help: string;
  /** One letter. */
  readonly short: string | undefined;
  /** The variable that is read where the option is not given. */
  readonly env: CommandVariable | undefined;
  readonly defaultValue: T | undefined;
  /** Said in the help in the place of the default. */
  readonly defaultNote: string | undefined;
  /** May be given more than once; all values are taken. */
  readonly many: boolean;
  /** Its value is never shown. */
  readonly secret: boolean;
  readonly completion: Completion;
  /** Its options of one group stand together in the help. */
  readonly group: string | undefined;
}

export type Options = Readonly<Record<string, Option<unknown>>>;

interface FlagSpec {
  readonly help: string;
  readonly short?: string;
  readonly group?: string;
}

interface ValueSpec<T> extends FlagSpec {
  readonly default?: T;
  readonly defaultNote?: string;
  readonly placeholder?: string;
  readonly env?: CommandVariable;
  readonly many?: boolean;
  readonly secret?: boolean;
}

/** With a default there is always a value. */
type ValueOf<T, S> = S extends { readonly many: true }
  ? readonly T[]
  : S extends { readonly default: unknown }
    ? T
    : T | undefined;

/** True when it is given. */
export function flag(spec: FlagSpec): Option<boolean> {
  return option(undefined, { ...spec, default: false }, '', 'nothing');
}

interface TextSpec extends ValueSpec<string> {
  /** For the message to a wrong one: "expected …". */
  readonly allowed?: string;
  readonly isRight?: (text: string) => boolean;
}

/** A text that is not empty and, where `isRight` is given, passes it. */
export function text<const S extends TextSpec>(spec: S): Option<ValueOf<string, S>> {
  return option(textFormat(spec), spec, 'TEXT', 'nothing');
}

export function file<const S extends ValueSpec<string>>(spec: S): Option<ValueOf<string, S>> {
  return option(textFormat({ allowed: 'the name of a file' }), spec, 'FILE', 'file');
}

export function integer<const S extends ValueSpec<number> & NumberOptions>(
  spec: S,
): Option<ValueOf<number, S>> {
  return option(integerFormat(spec), spec, 'N', 'nothing');
}

/** In milliseconds. */
export function duration<const S extends ValueSpec<number> & DurationOptions>(
  spec: S,
): Option<ValueOf<number, S>> {
  return option(durationFormat(spec), spec, 'DURATION', 'nothing');
}

/** In bytes. */
export function size<const S extends ValueSpec<number> & SizeOptions>(spec: S): Option<ValueOf<number, S>> {
  return option(sizeFormat(spec), spec, 'SIZE', 'nothing');
}

export function choice<const W extends readonly string[], const S extends ValueSpec<W[number]>>(
  words: W,
  spec: S,
): Option<ValueOf<W[number], S>> {
  return option(choiceFormat(words), spec, words.join('|'), words);
}

/** Every command that reports has it: `text` is for people, `json` for programs. */
export const OUTPUT = choice(['text', 'json'], {
  short: 'o',
  default: 'text',
  help: 'text for people, or json: one object a line.',
});

/** `tlsName` is written `--tls-name`. */
export function flagName(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function option<T>(
  format: Format<unknown> | undefined,
  spec: ValueSpec<unknown>,
  placeholder: string,
  completion: Completion,
): Option<T> {
  return {
    format,
    placeholder: spec.placeholder ?? placeholder,
    help: spec.help,
    short: spec.short,
    env: spec.env,
    // A spec's default is of the option's type, which is what ValueOf says.
    defaultValue: spec.default as T | undefined,
    defaultNote: spec.defaultNote,
    many: spec.many ?? false,
    secret: spec.secret ?? false,
    completion,
    group: spec.group,
  };
}

function textFormat({
  allowed,
  isRight = () => true,
}: Pick<TextSpec, 'allowed' | 'isRight'>): Format<string> {
  return textual({
    allowed: allowed ?? 'a text that is not empty',
    print: (value) => value,
    parse: (value) => (value !== '' && isRight(value) ? { value } : UNREAD),
  });
}
