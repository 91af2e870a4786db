/** sysexits.h: something was found in an unconfigured or misconfigured state. */
const EX_CONFIG = 78;

/** Where a value comes from. */
export type Source =
  | { readonly kind: 'default' }
  | { readonly kind: 'file'; readonly path: string; readonly line?: number | undefined }
  | { readonly kind: 'environment'; readonly name: string }
  | { readonly kind: 'flag'; readonly name: string };

/** One thing that is wrong, and where. */
export interface ConfigMistake {
  /** The dotted key, or what stands in its place: an unknown name, a file. */
  readonly key: string;
  /** The value as written; undefined where there is none or it may be a secret. */
  readonly value?: string | undefined;
  readonly source: Source;
  /** What is allowed, or what is wrong with it. */
  readonly reason: string;
}

export function showSource(source: Source): string {
  switch (source.kind) {
    case 'default':
      return 'default';
    case 'file':
      return source.line === undefined ? source.path : `${source.path}:${String(source.line)}`;
    case 'environment':
    case 'flag':
      return source.name;
  }
}

/** One line: `server.maxSockets = "6k" (SLUICE_SERVER_MAX_SOCKETS): expected an integer from 1 to 1000000`. */
export function showMistake({ key, value, source, reason }: ConfigMistake): string {
  const where = showSource(source);
  const subject = value === undefined ? key : `${key} = ${value}`;
  return key === where ? `${subject}: ${reason}` : `${subject} (${where}): ${reason}`;
}

/** The configuration can't be used. All that is wrong with it is in `mistakes`, one line each in the message. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly exitCode = EX_CONFIG;
  readonly mistakes: readonly ConfigMistake[];

  constructor(mistakes: readonly ConfigMistake[]) {
    super(mistakes.map(showMistake).join('\n'));
    this.mistakes = mistakes;
  }
}
