/**
 * The gateway can't start, and a person has to change something. The message
 * is one sentence that names the setting, its value and what is wrong with it;
 * whoever prints it needs no stack trace.
 */
export class StartError extends Error {
  override readonly name = 'StartError';
  /** The configuration key to look at, for example `server.listen`. */
  readonly setting: string;

  constructor(setting: string, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.setting = setting;
  }
}
