import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import type protobuf from 'protobufjs';
import { errorText } from '../../core/error-text.js';
import { readReason } from '../../core/read-reason.js';
import { StartError } from '../../core/start-error.js';
import { describeFiles, type ProtoFile } from './proto-descriptors.js';
import { protobufjs } from './protobufjs.js';

export interface ProtoFilesOptions {
  /** The configuration key that names the files, for errors. */
  readonly setting: string;
  /** Absolute paths. */
  readonly files: readonly string[];
  /** Folders that imports are relative to; beside them, those of the files. */
  readonly importPaths: readonly string[];
}

export interface ProtoFiles {
  /** Each a google.protobuf.FileDescriptorProto: those asked for, and all that they import. */
  readonly descriptors: readonly Uint8Array[];
  /** The names, within these, of those that were asked for. */
  readonly roots: readonly string[];
}

/** Files in all: a bound, not a limit anyone should meet. */
const MAX_FILES = 2_000;

/** And editions, by their years. */
const SYNTAXES = ['proto2', 'proto3', '2023', '2024'];

/** Where the compiler of protobufjs has its own .proto files: google/protobuf/descriptor.proto, google/api/annotations.proto. */
const BUILT_IN = dirname(createRequire(import.meta.url).resolve('protobufjs/package.json'));

/**
 * Reads and parses .proto files, and what they import. Throws a StartError, one
 * sentence that names the setting, the file and the line at fault.
 */
export function readProtoFiles(options: ProtoFilesOptions): ProtoFiles {
  const loading = new Loading(options);
  for (const file of options.files) loading.addRoot(file);
  return loading.finish();
}

class Loading {
  readonly #setting: string;
  readonly #folders: readonly string[];
  readonly #root = new (protobufjs().Root)();
  /** By the names that imports give them. */
  readonly #files = new Map<string, ProtoFile>();
  readonly #roots: string[] = [];

  constructor({ setting, files, importPaths }: ProtoFilesOptions) {
    this.#setting = setting;
    this.#folders = [...new Set([...importPaths, ...files.map((file) => dirname(file))])];
  }

  addRoot(path: string): void {
    const name = this.#nameOf(path);
    this.#roots.push(name);
    if (!this.#files.has(name)) this.#parse(name, path, this.#read(path));
  }

  finish(): ProtoFiles {
    for (const file of this.#files.values()) this.#resolve(file);
    return { descriptors: describeFiles(this.#root, [...this.#files.values()]), roots: this.#roots };
  }

  /** As an import would name it: relative to the first of the folders that it is in. */
  #nameOf(path: string): string {
    for (const folder of this.#folders) {
      const name = relative(folder, path);
      if (name !== '' && !name.startsWith('..') && !isAbsolute(name)) return name.split(sep).join('/');
    }
    return path;
  }

  #read(path: string): string {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      throw this.#error(`"${path}" can't be read: ${readReason(error)}`, error);
    }
  }

  #parse(name: string, path: string, source: string): void {
    if (this.#files.size >= MAX_FILES) {
      throw this.#error(`"${path}" is one file too many: ${MAX_FILES} are the most, imports included`);
    }
    const syntax = syntaxOf(source);
    if (!SYNTAXES.includes(syntax)) {
      throw this.#error(
        `"${path}" has syntax "${syntax}"; those that can be read are ${SYNTAXES.join(', ')}`,
      );
    }
    const { parse } = protobufjs();
    // It is how the parser is told, for what it makes and for its errors.
    const told = parse as unknown as { filename: string | null };
    let parsed: protobuf.IParserResult;
    try {
      told.filename = name;
      parsed = parse(source, this.#root, { keepCase: true });
    } catch (error) {
      throw this.#error(faultIn(path, errorText(error)), error);
    } finally {
      told.filename = null;
    }
    const imports = [...(parsed.imports ?? []), ...(parsed.weakImports ?? [])];
    this.#files.set(name, { name, path, package: parsed.package ?? '', imports, syntax });
    for (const each of imports) this.#import(each, path);
  }

  #import(name: string, from: string): void {
    if (this.#files.has(name)) return;
    for (const folder of [...this.#folders, BUILT_IN]) {
      const path = join(folder, name);
      const source = readIfThere(path);
      if (source === undefined) continue;
      this.#parse(name, path, source);
      return;
    }
    const common = protobufjs().common.get(name);
    if (common === null) {
      const folders = this.#folders.map((folder) => `"${folder}"`).join(', ');
      throw this.#error(
        `"${from}" imports "${name}", which is not in ${folders}; name the folder that it is relative to in importPaths`,
      );
    }
    this.#root.addJSON(common.nested ?? {});
    this.#files.set(name, {
      name,
      path: name,
      package: 'google.protobuf',
      imports: [],
      syntax: 'proto3',
      declares: Object.keys(packageIn(common)),
    });
  }

  /** Finds what its declarations refer to. */
  #resolve({ name, path, package: of, declares = [] }: ProtoFile): void {
    const scope = of === '' ? this.#root : this.#root.lookup(of);
    for (const declared of (scope as protobuf.NamespaceBase | null)?.nestedArray ?? []) {
      if (declared.filename !== name && !declares.includes(declared.name)) continue;
      try {
        if (declared instanceof protobufjs().Namespace) declared.resolveAll();
        else declared.resolve();
      } catch (error) {
        throw this.#error(`"${path}": ${errorText(error)}; is an import missing?`, error);
      }
    }
  }

  #error(sentence: string, cause?: unknown): StartError {
    return new StartError(this.#setting, `${this.#setting}: ${sentence}`, { cause });
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** The parser names the line in brackets behind what it found. */
function faultIn(path: string, problem: string): string {
  const [, what = problem, line] = /^(.*) \((?:.*, )?line (\d+)\)$/s.exec(problem) ?? [];
  if (line === undefined) return `"${path}" can't be parsed: ${what}`;
  return `"${path}", line ${line}: ${/^illegal .*'null'/.test(what) ? 'the file ends within a declaration' : what}`;
}

/** proto2 where it does not say. Comments aside, nothing may stand before it. */
function syntaxOf(source: string): string {
  const bare = source.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, ' ').trimStart();
  return /^(?:syntax|edition)\s*=\s*["']([^"']*)["']/.exec(bare)?.[1] ?? 'proto2';
}

/** What the built-in definition of a google.protobuf file declares. */
function packageIn(json: protobuf.INamespace): Record<string, unknown> {
  const google = json.nested?.['google'] as protobuf.INamespace | undefined;
  const inner = google?.nested?.['protobuf'] as protobuf.INamespace | undefined;
  return inner?.nested ?? {};
}
