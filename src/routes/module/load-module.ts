import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Clock, Timer } from '../../core/clock.js';
import { errorText } from '../../core/error-text.js';
import { StartError } from '../../core/start-error.js';

export interface ModuleSource {
  /** The configuration key that names it, for what is said of it. */
  readonly setting: string;
  /** Absolute. */
  readonly path: string;
}

interface LoadOptions {
  readonly clock: Clock;
  /** How long its loading may take: what it awaits at its top level, for example. */
  readonly timeoutMs: number;
}

/** The default export of an ES module. Throws a StartError that says what is wrong with the file, where that is known. */
export async function loadModule(source: ModuleSource, options: LoadOptions): Promise<unknown> {
  await mustBeFile(source);
  const { href } = pathToFileURL(source.path);
  let loaded: Readonly<Record<string, unknown>>;
  try {
    loaded = await inTime(
      import(href) as Promise<typeof loaded>,
      'it has not finished loading',
      source,
      options,
    );
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw moduleError(source, await reasonOf(error, source.path), error);
  }
  if (!('default' in loaded) || loaded['default'] === undefined) {
    const names = Object.keys(loaded);
    const others = names.length === 0 ? 'it exports nothing' : `it exports ${names.slice(0, 10).join(', ')}`;
    throw moduleError(source, `there is no default export: ${others}`);
  }
  return loaded['default'];
}

/** One sentence: the setting, the file, the reason. */
export function moduleError({ setting, path }: ModuleSource, reason: string, cause?: unknown): StartError {
  return new StartError(setting, `${setting} = ${JSON.stringify(path)}: ${reason}.`, { cause });
}

/** What `work` resolves to; a StartError when it takes longer. What it still does has no effect. */
export async function inTime<T>(
  work: Promise<T>,
  whatIsMissing: string,
  source: ModuleSource,
  { clock, timeoutMs }: LoadOptions,
): Promise<T> {
  let timer: Timer | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = clock.setTimeout(() => {
      reject(moduleError(source, `${whatIsMissing} after ${timeoutMs} ms`));
    }, timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    timer?.cancel();
  }
}

async function mustBeFile(source: ModuleSource): Promise<void> {
  let isFile: boolean;
  try {
    isFile = (await stat(source.path)).isFile();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw moduleError(source, code === 'ENOENT' ? 'there is no such file' : errorText(error), error);
  }
  if (!isFile) throw moduleError(source, 'it is not a file');
}

/** Why it could not be loaded, and where. */
async function reasonOf(error: unknown, path: string): Promise<string> {
  const { code, message, name }: NodeJS.ErrnoException =
    error instanceof Error ? error : new Error(String(error));
  switch (code) {
    case 'ERR_UNKNOWN_FILE_EXTENSION':
      return /\.[mc]?ts$/.test(path)
        ? `Node.js ${process.versions.node} does not run TypeScript: compile it to JavaScript, or use Node.js 22.18 or newer`
        : 'its name has to end in .js or .mjs';
    case 'ERR_MODULE_NOT_FOUND':
    case 'ERR_PACKAGE_PATH_NOT_EXPORTED':
      return `${lowered(message)}${message.includes("package 'sluice'") ? '; install it there, or export the object itself as default, which needs no import' : ''}`;
    default:
      break;
  }
  const place =
    positionIn(error) ?? (error instanceof SyntaxError ? await positionOfSyntaxError(path) : undefined);
  const where = place === undefined ? '' : ` (${place})`;
  return `${error instanceof SyntaxError ? '' : 'it failed while it was loaded: '}${name}: ${oneLine(message)}${where}`;
}

/** `file:line:column` of the first line of the stack that is in a file. */
function positionIn(error: unknown): string | undefined {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const at = /(file:\/\/[^\s()]+?):(\d+)(?::(\d+))?/.exec(stack.replace(/^ .*node_modules.*$/gm, ''));
  if (at === null) return undefined;
  const [, href = '', line = '', column] = at;
  return `${shown(fileURLToPath(href))}:${line}${column === undefined ? '' : `:${column}`}`;
}

/** The error of a parser has no place in its stack; the one who prints it knows. */
async function positionOfSyntaxError(path: string): Promise<string | undefined> {
  const said = await new Promise<string>((resolve) => {
    execFile(process.execPath, ['--check', path], { timeout: 10_000 }, (_error, _stdout, stderr) => {
      resolve(stderr);
    });
  });
  // The file and the line; the line itself; where in it.
  const [, line, caret] = /^.*:(\d+)\n.*\n( *)\^/m.exec(said) ?? [];
  return line === undefined
    ? 'in a file that it imports'
    : `${shown(path)}:${line}:${String((caret ?? '').length + 1)}`;
}

function shown(path: string): string {
  const short = relative('', path);
  return short.startsWith('..') ? path : short;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

function lowered(message: string): string {
  return oneLine(message).replace(/^C(?=annot)/, 'c');
}
