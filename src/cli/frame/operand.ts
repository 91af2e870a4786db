/** What a command takes besides its options, in the order it is declared. Make it with the functions below. */
export interface Operand<T> {
  readonly help: string;
  readonly required: boolean;
  /** Takes all that is left. Only the last operand may. */
  readonly many: boolean;
  /** Undefined where any text will do. */
  readonly words: readonly string[] | undefined;
  readonly completesFiles: boolean;
  /** Never set: it carries the type of the value. */
  readonly value?: T;
}

export type Operands = Readonly<Record<string, Operand<unknown>>>;

interface OperandSpec {
  readonly help: string;
  readonly words?: readonly string[];
  readonly completesFiles?: boolean;
}

/** Must be given. */
export function required(spec: OperandSpec & { readonly words?: never }): Operand<string> {
  return operand(spec, true, false);
}

/** Must be given, and be one of a few words. */
export function oneOf<const W extends readonly string[]>(words: W, help: string): Operand<W[number]> {
  return operand({ help, words }, true, false);
}

export function optional(spec: OperandSpec): Operand<string | undefined> {
  return operand(spec, false, false);
}

/** All that is left; perhaps nothing. */
export function rest(spec: OperandSpec): Operand<readonly string[]> {
  return operand(spec, false, true);
}

function operand<T>(spec: OperandSpec, isRequired: boolean, many: boolean): Operand<T> {
  return {
    help: spec.help,
    required: isRequired,
    many,
    words: spec.words,
    completesFiles: spec.completesFiles ?? false,
  };
}
