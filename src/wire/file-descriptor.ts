import { Reader } from './reader.js';

/** What somebody has to know of a FileDescriptorProto to find his way in it; all names are full, without a dot in front. */
export interface FileFacts {
  readonly name: string;
  readonly package: string;
  readonly dependencies: readonly string[];
  /** All that has a name in it: messages, fields, oneofs, enums, their values, services, methods, extensions. */
  readonly symbols: readonly string[];
  readonly services: readonly ServiceFacts[];
  readonly extensions: readonly { readonly extendee: string; readonly number: number }[];
}

export interface ServiceFacts {
  readonly name: string;
  /** Without the service's name. */
  readonly methods: readonly string[];
}

/** One file may come from a hostile backend: more than any written by people has. */
const MAX_SYMBOLS = 65_536;
const MAX_NAME_LENGTH = 1_024;
/** Messages within messages: what protoc itself takes (and its parsers, 100). */
const MAX_DEPTH = 32;

const TAG_1 = 0x0a;
const TAG_2 = 0x12;
const TAG_3 = 0x1a;
const TAG_3_VARINT = 0x18;
const TAG_4 = 0x22;
const TAG_5 = 0x2a;
const TAG_6 = 0x32;
const TAG_7 = 0x3a;
const TAG_8 = 0x42;

/** Reads a google.protobuf.FileDescriptorProto. Throws INVALID_MESSAGE for what is none, and for one that is beyond all measure. */
export function readFileDescriptor(bytes: Uint8Array): FileFacts {
  return new FileReading(bytes).read();
}

class FileReading {
  readonly #reader = new Reader();
  readonly #symbols: string[] = [];
  readonly #services: ServiceFacts[] = [];
  readonly #extensions: { extendee: string; number: number }[] = [];
  #package = '';

  constructor(bytes: Uint8Array) {
    this.#reader.set(bytes, 0, bytes.length);
  }

  read(): FileFacts {
    const start = this.#reader.position;
    // What it declares may stand before the package that it is in.
    this.#fields((tag) => {
      if (tag !== TAG_2) return false;
      this.#package = this.#name('package');
      return true;
    });
    this.#reader.position = start;
    let name = '';
    const dependencies: string[] = [];
    this.#fields((tag) => {
      if (tag === TAG_1) name = this.#name('name');
      else if (tag === TAG_3) dependencies.push(this.#name('dependency'));
      else if (tag === TAG_4) this.#nested('message_type', () => this.#message(this.#package, 0));
      else if (tag === TAG_5) this.#nested('enum_type', () => this.#enum(this.#package));
      else if (tag === TAG_6) this.#nested('service', () => this.#service());
      else if (tag === TAG_7) this.#nested('extension', () => this.#extension(this.#package));
      else return false;
      return true;
    });
    return {
      name,
      package: this.#package,
      dependencies,
      symbols: this.#symbols,
      services: this.#services,
      extensions: this.#extensions,
    };
  }

  #message(scope: string, depth: number): void {
    const { reader, start, own } = this.#begin(scope);
    if (depth > MAX_DEPTH) reader.fail('message_type', start, `is more than ${MAX_DEPTH} messages deep`);
    this.#fields((tag) => {
      if (tag === TAG_2) this.#nested('field', () => this.#begin(own));
      else if (tag === TAG_3) this.#nested('nested_type', () => this.#message(own, depth + 1));
      else if (tag === TAG_4) this.#nested('enum_type', () => this.#enum(own));
      else if (tag === TAG_6) this.#nested('extension', () => this.#extension(own));
      else if (tag === TAG_8) this.#nested('oneof_decl', () => this.#begin(own));
      else return false;
      return true;
    });
  }

  #enum(scope: string): void {
    this.#begin(scope);
    this.#fields((tag) => {
      // Values are named beside their enum, not within it.
      if (tag === TAG_2) this.#nested('value', () => this.#begin(scope));
      return tag === TAG_2;
    });
  }

  #service(): void {
    const { own } = this.#begin(this.#package);
    const methods: string[] = [];
    this.#fields((tag) => {
      if (tag === TAG_2) this.#nested('method', () => methods.push(this.#begin(own).name));
      return tag === TAG_2;
    });
    this.#services.push({ name: own, methods });
  }

  #extension(scope: string): void {
    this.#begin(scope);
    let extendee = '';
    let number = 0;
    this.#fields((tag) => {
      if (tag === TAG_2) extendee = this.#name('extendee').replace(/^\./, '');
      else if (tag === TAG_3_VARINT) number = this.#reader.uint53('number');
      else return false;
      return true;
    });
    this.#extensions.push({ extendee, number });
  }

  /** Notes the name (field 1 in all of them) of what stands from here to the reader's end, and goes back there. */
  #begin(scope: string): {
    readonly reader: Reader;
    readonly start: number;
    readonly name: string;
    readonly own: string;
  } {
    const reader = this.#reader;
    const start = reader.position;
    let name = '';
    this.#fields((tag) => {
      if (tag === TAG_1) name = this.#name('name');
      return tag === TAG_1;
    });
    reader.position = start;
    const own = scope === '' ? name : `${scope}.${name}`;
    if (own.length > MAX_NAME_LENGTH) {
      reader.fail('name', start, `is longer than ${MAX_NAME_LENGTH} characters with what it stands in`);
    }
    this.#symbols.push(own);
    if (this.#symbols.length > MAX_SYMBOLS) {
      reader.fail('a name', start, `is more than the ${MAX_SYMBOLS} that one file may have`);
    }
    return { reader, start, name, own };
  }

  #name(field: string): string {
    const start = this.#reader.position;
    const text = this.#reader.text(field);
    if (text.length > MAX_NAME_LENGTH) {
      this.#reader.fail(field, start, `is longer than ${MAX_NAME_LENGTH} characters`);
    }
    return text;
  }

  /** Calls `read` for every field up to the reader's end; it answers whether it has read it. */
  #fields(read: (tag: number) => boolean): void {
    const reader = this.#reader;
    while (reader.position < reader.end) {
      // A file has as many fields as it likes: it is bounded by its bytes.
      reader.beginMessage();
      const at = reader.position;
      const tag = reader.tag();
      if (!read(tag)) reader.skip(tag, at, undefined);
    }
  }

  #nested(field: string, read: () => unknown): void {
    const reader = this.#reader;
    const { end } = reader;
    reader.end = reader.lengthEnd(field);
    const own = reader.end;
    read();
    reader.position = own;
    reader.end = end;
  }
}
