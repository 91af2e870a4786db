import { Reader } from '../../wire/reader.js';
import { encodeFields } from './encode-fields.js';

// grpc.reflection.v1.ServerReflectionRequest and -Response, as
// https://github.com/grpc/grpc/blob/master/src/proto/grpc/reflection/v1/reflection.proto
// has them; v1alpha is the same under another name.

export type ReflectionQuestion =
  | { readonly ask: 'file'; readonly name: string }
  | { readonly ask: 'symbol'; readonly name: string }
  | { readonly ask: 'extension'; readonly type: string; readonly number: number }
  | { readonly ask: 'extensions'; readonly type: string }
  | { readonly ask: 'services' }
  /** None that is known here. */
  | { readonly ask: 'unknown' };

export type ReflectionReply =
  | { readonly kind: 'files'; readonly files: readonly Uint8Array[] }
  | { readonly kind: 'extensions'; readonly type: string; readonly numbers: readonly number[] }
  | { readonly kind: 'services'; readonly names: readonly string[] }
  | { readonly kind: 'error'; readonly code: number; readonly message: string };

const TAG_1_VARINT = 0x08;
const TAG_2_VARINT = 0x10;
const TAG_1 = 0x0a;
const TAG_2 = 0x12;
const TAG_3 = 0x1a;
const TAG_4 = 0x22;
const TAG_5 = 0x2a;
const TAG_6 = 0x32;
const TAG_7 = 0x3a;

/** Throws INVALID_MESSAGE for what is none. */
export function decodeQuestion(body: Uint8Array): {
  readonly host: string;
  readonly question: ReflectionQuestion;
} {
  const reader = new Reader();
  reader.set(body, 0, body.length);
  let host = '';
  let question: ReflectionQuestion = { ask: 'unknown' };
  while (reader.position < reader.end) {
    const at = reader.position;
    const tag = reader.tag();
    if (tag === TAG_1) host = reader.text('host');
    else if (tag === TAG_3) question = { ask: 'file', name: reader.text('file_by_filename') };
    else if (tag === TAG_4) question = { ask: 'symbol', name: reader.text('file_containing_symbol') };
    else if (tag === TAG_5) question = readExtension(reader);
    else if (tag === TAG_6)
      question = { ask: 'extensions', type: reader.text('all_extension_numbers_of_type') };
    else if (tag === TAG_7) {
      reader.text('list_services');
      question = { ask: 'services' };
    } else reader.skip(tag, at, undefined);
  }
  return { host, question };
}

function readExtension(reader: Reader): ReflectionQuestion {
  const { end } = reader;
  reader.end = reader.lengthEnd('file_containing_extension');
  let type = '';
  let number = 0;
  while (reader.position < reader.end) {
    const at = reader.position;
    const tag = reader.tag();
    if (tag === TAG_1) type = reader.text('containing_type');
    else if (tag === TAG_2_VARINT) number = reader.int32('extension_number');
    else reader.skip(tag, at, undefined);
  }
  reader.end = end;
  return { ask: 'extension', type, number };
}

/** `request` is repeated as it came, which is the protocol. */
export function encodeReply(host: string, request: Uint8Array, reply: ReflectionReply): Buffer {
  return encodeFields([
    ...(host === '' ? [] : [[TAG_1, host] as const]),
    [TAG_2, request],
    [tagOf(reply.kind), replyBody(reply)],
  ]);
}

function tagOf(kind: ReflectionReply['kind']): number {
  return { files: TAG_4, extensions: TAG_5, services: TAG_6, error: TAG_7 }[kind];
}

function replyBody(reply: ReflectionReply): Uint8Array {
  switch (reply.kind) {
    case 'files':
      return encodeFields(reply.files.map((file) => [TAG_1, file]));
    case 'extensions':
      return encodeFields([
        [TAG_1, reply.type],
        ...reply.numbers.map((number) => [TAG_2_VARINT, number] as const),
      ]);
    case 'services':
      return encodeFields(reply.names.map((name) => [TAG_1, encodeFields([[TAG_1, name]])]));
    case 'error':
      return encodeFields([
        [TAG_1_VARINT, reply.code],
        [TAG_2, reply.message],
      ]);
  }
}
