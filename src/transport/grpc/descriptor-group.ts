import { type FileFacts, readFileDescriptor } from '../../wire/file-descriptor.js';

/** A FileDescriptorProto, and what is in it. */
export interface DescribedFile {
  readonly bytes: Uint8Array;
  readonly facts: FileFacts;
}

/**
 * Files that belong together, where each name is of one file alone: those of
 * the gateway's own services, or of one proxy.
 */
export class DescriptorGroup {
  /** The services that are served, by their full names; the files may declare others. */
  readonly services: readonly string[];
  readonly #files = new Map<string, DescribedFile>();
  readonly #symbols = new Map<string, DescribedFile>();
  readonly #extensions = new Map<string, Map<number, DescribedFile>>();

  /** Throws INVALID_MESSAGE for what is no FileDescriptorProto. `services`: default, all that are declared. */
  constructor(files: readonly Uint8Array[], services?: readonly string[]) {
    for (const bytes of files) this.#add({ bytes, facts: readFileDescriptor(bytes) });
    this.services =
      services ?? [...this.#files.values()].flatMap(({ facts }) => facts.services.map(({ name }) => name));
  }

  file(name: string): DescribedFile | undefined {
    return this.#files.get(name);
  }

  symbol(name: string): DescribedFile | undefined {
    return this.#symbols.get(name);
  }

  extension(type: string, number: number): DescribedFile | undefined {
    return this.#extensions.get(type)?.get(number);
  }

  extensionNumbers(type: string): readonly number[] {
    return [...(this.#extensions.get(type)?.keys() ?? [])];
  }

  /** Whether a message of this name is declared here, or extended. */
  knows(type: string): boolean {
    return this.#symbols.has(type) || this.#extensions.has(type);
  }

  #add(file: DescribedFile): void {
    const { name, symbols, extensions } = file.facts;
    if (this.#files.has(name)) return;
    this.#files.set(name, file);
    for (const symbol of symbols) this.#symbols.set(symbol, file);
    for (const { extendee, number } of extensions) {
      const numbers = this.#extensions.get(extendee) ?? new Map<number, DescribedFile>();
      numbers.set(number, file);
      this.#extensions.set(extendee, numbers);
    }
  }
}
