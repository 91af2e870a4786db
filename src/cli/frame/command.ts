import type { CommandIo } from './command-io.js';
import type { ExitName } from './exit-codes.js';
import type { Operand, Operands } from './operand.js';
import type { Option, Options } from './option.js';

/** How the overview groups commands: run a gateway, talk to one, look at one. */
export type CommandGroup = 'run' | 'talk' | 'look' | 'more';

export interface Example {
  /** The whole line, `sluice` included. */
  readonly line: string;
  /** What it does, as a sentence. */
  readonly does: string;
}

/**
 * One command, as data: the parser, the help, the completion of shells and
 * docs/cli.md are made of it. A declaration is read with every command line,
 * so it imports nothing of what the command needs to run: `run` does, when it
 * is called.
 */
interface CommandText {
  readonly name: string;
  readonly group: CommandGroup;
  /** One line, begins with a verb, without a full stop. */
  readonly summary: string;
  /** Paragraphs below it, in the help of the command. */
  readonly about?: readonly string[];
  readonly examples: readonly [Example, ...Example[]];
  /** The codes that not every command has, with what they mean here. */
  readonly exitCodes?: Readonly<Partial<Record<ExitName, string>>>;
  /**
   * The keys of the configuration are flags too: all that follows the operands
   * goes to the command as it is.
   */
  readonly takesConfiguration?: boolean;
  /** It handles signals and faults itself: a gateway. */
  readonly ownsProcess?: boolean;
}

export interface CommandSpec<O extends Options, P extends Operands> extends CommandText {
  readonly options?: O;
  readonly operands?: P;
  /** Resolves to the exit code. May throw `CommandError`, or `io.signal.reason` once that has fired. */
  readonly run: Run<Arguments<O, P>>;
}

/** `commands` are all there are, for help and completion. */
type Run<A> = (args: A, io: CommandIo, commands: readonly Command[]) => Promise<number>;

/** What the user wrote, read and checked. */
export interface Arguments<O extends Options = Options, P extends Operands = Operands> {
  readonly options: { readonly [Name in keyof O]: O[Name] extends Option<infer T> ? T : never };
  readonly operands: { readonly [Name in keyof P]: P[Name] extends Operand<infer T> ? T : never };
  /** Of a command that `takesConfiguration`: what follows the operands. */
  readonly flags: readonly string[];
}

export interface Command extends CommandText {
  readonly options: Options;
  readonly operands: Operands;
  readonly run: Run<Arguments>;
}

/** The type of the arguments a declared command is run with. */
export type ArgumentsOf<C> = C extends Declared<infer O, infer P> ? Arguments<O, P> : never;

/** A command that knows the types of its own options. */
export interface Declared<O extends Options, P extends Operands> extends Command {
  /** Never set: it carries the types. */
  readonly types?: { readonly options: O; readonly operands: P };
}

export function defineCommand<const O extends Options, const P extends Operands>(
  spec: CommandSpec<O, P>,
): Declared<O, P> {
  return {
    ...spec,
    options: spec.options ?? {},
    operands: spec.operands ?? {},
    // The parser reads arguments by these very declarations.
    run: (args, io, commands) => spec.run(args as Arguments<O, P>, io, commands),
  };
}
