import { Reader } from '../wire/reader.js';
import { textFieldSize, writeTextField } from '../wire/writer.js';

/**
 * The methods of https://github.com/grpc/grpc/blob/master/doc/server-reflection.md,
 * the newer first; their messages are the same.
 */
export const REFLECTION_PATHS = [
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
] as const;

export type ReflectionRequest =
  | { readonly ask: 'services' }
  /** The file that declares this, and perhaps those that it imports. */
  | { readonly ask: 'symbol'; readonly name: string }
  | { readonly ask: 'file'; readonly name: string };

export type ReflectionAnswer =
  | { readonly kind: 'services'; readonly names: readonly string[] }
  /** FileDescriptorProtos; views of what was read. */
  | { readonly kind: 'files'; readonly files: readonly Uint8Array[] }
  | { readonly kind: 'error'; readonly code: number; readonly message: string }
  /** Of a kind that was not asked for. */
  | { readonly kind: 'other' };

const TAG_FILE_BY_FILENAME = 0x1a;
const TAG_FILE_CONTAINING_SYMBOL = 0x22;
const TAG_LIST_SERVICES = 0x3a;

const TAG_FILES_ANSWER = 0x22;
const TAG_SERVICES_ANSWER = 0x32;
const TAG_ERROR_ANSWER = 0x3a;
const TAG_1 = 0x0a;
const TAG_2 = 0x12;
const TAG_1_VARINT = 0x08;

/** Of one answer: a bound, not a limit anyone should meet. */
const MAX_NAMES = 4_096;
const MAX_FILES = 4_096;
/** Of what a backend says is wrong. */
const MAX_MESSAGE_LENGTH = 500;

/** A ServerReflectionRequest. */
export function encodeReflectionRequest(request: ReflectionRequest): Uint8Array {
  switch (request.ask) {
    // Its text is nobody's business: "*" is what others send.
    case 'services':
      return textField(TAG_LIST_SERVICES, '*');
    case 'symbol':
      return textField(TAG_FILE_CONTAINING_SYMBOL, request.name);
    case 'file':
      return textField(TAG_FILE_BY_FILENAME, request.name);
  }
}

function textField(tag: number, text: string): Uint8Array {
  const target = new Uint8Array(textFieldSize(text));
  writeTextField(target, 0, tag, text);
  return target;
}

/** Of a ServerReflectionResponse. Throws INVALID_MESSAGE for what is none. */
export function decodeReflectionAnswer(body: Uint8Array): ReflectionAnswer {
  const reader = new Reader();
  reader.set(body, 0, body.length);
  let answer: ReflectionAnswer = { kind: 'other' };
  forEachField(reader, (tag) => {
    if (tag === TAG_FILES_ANSWER) answer = nested(reader, readFiles);
    else if (tag === TAG_SERVICES_ANSWER) answer = nested(reader, readServices);
    else if (tag === TAG_ERROR_ANSWER) answer = nested(reader, readError);
    else return false;
    return true;
  });
  return answer;
}

function readFiles(reader: Reader): ReflectionAnswer {
  const files: Uint8Array[] = [];
  forEachField(reader, (tag, at) => {
    if (tag !== TAG_1) return false;
    if (files.length >= MAX_FILES)
      reader.fail('file_descriptor_proto', at, `is more than the ${MAX_FILES} that are read`);
    files.push(reader.bytes('file_descriptor_proto'));
    return true;
  });
  return { kind: 'files', files };
}

function readServices(reader: Reader): ReflectionAnswer {
  const names: string[] = [];
  forEachField(reader, (tag, at) => {
    if (tag !== TAG_1) return false;
    if (names.length >= MAX_NAMES) reader.fail('service', at, `is more than the ${MAX_NAMES} that are read`);
    let name = '';
    nested(reader, () => {
      forEachField(reader, (inner) => {
        if (inner === TAG_1) name = reader.text('name');
        return inner === TAG_1;
      });
    });
    names.push(name);
    return true;
  });
  return { kind: 'services', names };
}

function readError(reader: Reader): ReflectionAnswer {
  let code = 0;
  let message = '';
  forEachField(reader, (tag) => {
    if (tag === TAG_1_VARINT) code = reader.int32('error_code');
    else if (tag === TAG_2) message = reader.text('error_message').slice(0, MAX_MESSAGE_LENGTH);
    else return false;
    return true;
  });
  return { kind: 'error', code, message };
}

/** Calls `read` for every field up to the reader's end; it answers whether it has read it. */
function forEachField(reader: Reader, read: (tag: number, at: number) => boolean): void {
  while (reader.position < reader.end) {
    // Their number is bounded by the bytes, and by those who read them.
    reader.beginMessage();
    const at = reader.position;
    const tag = reader.tag();
    if (!read(tag, at)) reader.skip(tag, at, undefined);
  }
}

function nested<T>(reader: Reader, read: (reader: Reader) => T): T {
  const { end } = reader;
  reader.end = reader.lengthEnd('an answer');
  const result = read(reader);
  reader.end = end;
  return result;
}
