import type protobuf from 'protobufjs';
import type {
  IDescriptorProto,
  IEnumDescriptorProto,
  IFieldDescriptorProto,
  IServiceDescriptorProto,
} from 'protobufjs/ext/descriptor.js';
import { descriptorMessages, protobufjs } from './protobufjs.js';

/** A .proto file that was parsed. */
export interface ProtoFile {
  /** As imports name it. */
  readonly name: string;
  readonly path: string;
  readonly package: string;
  readonly imports: readonly string[];
  /** proto2, proto3, or an edition's year. */
  readonly syntax: string;
  /** What it declares in its package, where the declarations themselves don't know their file. */
  readonly declares?: readonly string[];
}

// `FieldDescriptorProto.Label` and `.Type` of descriptor.proto.
const LABEL_OPTIONAL = 1;
const LABEL_REPEATED = 3;
const TYPE_GROUP = 10;
const TYPE_MESSAGE = 11;
const TYPE_ENUM = 14;
const SCALARS: Readonly<Record<string, number>> = {
  double: 1,
  float: 2,
  int64: 3,
  uint64: 4,
  int32: 5,
  fixed64: 6,
  fixed32: 7,
  bool: 8,
  string: 9,
  bytes: 12,
  uint32: 13,
  sfixed32: 15,
  sfixed64: 16,
  sint32: 17,
  sint64: 18,
};

/** `Edition` of descriptor.proto. */
const EDITIONS: Readonly<Record<string, number>> = { 2023: 1_000, 2024: 1_001 };

interface Declared {
  readonly messages: protobuf.Type[];
  readonly enums: protobuf.Enum[];
  readonly services: protobuf.Service[];
  readonly extensions: protobuf.Field[];
}

/**
 * Each file as a google.protobuf.FileDescriptorProto. Not as the library makes
 * them for a whole root: one file a package, without imports, map entries
 * without their names, extensions among the fields; tools written in Go refuse
 * each of these. What it makes of a single message or field is taken, with all
 * references made absolute.
 */
export function describeFiles(root: protobuf.Root, files: readonly ProtoFile[]): readonly Uint8Array[] {
  const declared = new Map<string, Declared>(
    files.map(({ name }) => [name, { messages: [], enums: [], services: [], extensions: [] }]),
  );
  const fileOf = fileNames(files);
  sortIn(root, declared, fileOf);
  return files.map((file) => describe(file, declared.get(file.name), fileOf));
}

type FileOf = (object: protobuf.ReflectionObject) => string | undefined;

/** The file of any declaration: that of the outermost message that it is in. */
function fileNames(files: readonly ProtoFile[]): FileOf {
  const byName = new Map<string, string>();
  for (const { name, package: of, declares = [] } of files)
    for (const each of declares) byName.set(`.${of}.${each}`, name);
  return (object) => {
    let at: protobuf.ReflectionObject = object;
    while (at.parent instanceof protobufjs().Type || at.parent instanceof protobufjs().Service)
      at = at.parent;
    return byName.get(at.fullName) ?? at.filename ?? undefined;
  };
}

function sortIn(
  namespace: protobuf.NamespaceBase,
  declared: ReadonlyMap<string, Declared>,
  fileOf: FileOf,
): void {
  for (const object of namespace.nestedArray) {
    const file = declared.get(fileOf(object) ?? '');
    if (object instanceof protobufjs().Type) file?.messages.push(object);
    else if (object instanceof protobufjs().Enum) file?.enums.push(object);
    else if (object instanceof protobufjs().Service) file?.services.push(object);
    else if (object instanceof protobufjs().Field) file?.extensions.push(object);
    else if (object instanceof protobufjs().Namespace) sortIn(object, declared, fileOf);
  }
}

function describe(file: ProtoFile, declared: Declared | undefined, fileOf: FileOf): Uint8Array {
  const needed = new Set(file.imports);
  const refer = (object: protobuf.ReflectionObject): string => {
    const from = fileOf(object);
    // What it uses may come by a public import: named outright it is found by everybody.
    if (from !== undefined && from !== file.name) needed.add(from);
    return object.fullName;
  };
  const edition = EDITIONS[file.syntax];
  const context: Context = { syntax: file.syntax, isBuiltIn: file.declares !== undefined, refer };
  const message = {
    name: file.name,
    ...(file.package !== '' && { package: file.package }),
    messageType: (declared?.messages ?? []).map((type) => describeMessage(type, context)),
    enumType: (declared?.enums ?? []).map((each) => describeEnum(each)),
    service: (declared?.services ?? []).map((service) => describeService(service, context)),
    extension: (declared?.extensions ?? []).map((field) => describeField(field, context)),
    ...(edition !== undefined
      ? { syntax: 'editions', edition }
      : file.syntax !== 'proto2' && { syntax: file.syntax }),
  };
  // Found out by the way.
  return encode({ ...message, dependency: [...needed] });
}

function encode(message: object): Uint8Array {
  const { FileDescriptorProto } = descriptorMessages();
  return FileDescriptorProto.encode(FileDescriptorProto.create(message)).finish();
}

interface Context {
  readonly syntax: string;
  /** The library's own: it has their fields by the names that JSON gives them. */
  readonly isBuiltIn: boolean;
  /** The full name of what is referred to. */
  readonly refer: (object: protobuf.ReflectionObject) => string;
}

function describeMessage(type: protobuf.Type, context: Context): IDescriptorProto {
  const nested = type.nestedArray;
  // Their types say that there are always some.
  const reserved = (type.reserved as (number[] | string)[] | undefined) ?? [];
  const extensions = (type.extensions as number[][] | undefined) ?? [];
  // What others extend it by is theirs.
  const fields = type.fieldsArray.filter((field) => field.declaringField === null);
  // Those that stand for an optional field of proto3 come last (descriptor.proto, proto3_optional).
  const oneofs = [...type.oneofsArray].sort(
    (a, b) => Number(a.isProto3Optional) - Number(b.isProto3Optional),
  );
  return {
    name: type.name,
    field: fields.map((field) => ({
      ...describeField(field, context),
      ...(field.partOf !== null && { oneofIndex: oneofs.indexOf(field.partOf) }),
    })),
    extension: nested
      .filter((each) => each instanceof protobufjs().Field)
      .map((each) => describeField(each, context)),
    nestedType: [
      ...nested
        .filter((each) => each instanceof protobufjs().Type)
        .map((each) => describeMessage(each, context)),
      ...fields
        .filter((each) => each instanceof protobufjs().MapField)
        .map((each) => describeEntry(each, context)),
    ],
    enumType: nested.filter((each) => each instanceof protobufjs().Enum).map((each) => describeEnum(each)),
    oneofDecl: oneofs.map(({ name }) => ({ name })),
    // The end of a range is not in it here, and is in the library.
    extensionRange: extensions.map(([start = 0, end = 0]) => ({ start, end: end + 1 })),
    reservedRange: reserved
      .filter((each) => typeof each !== 'string')
      .map(([start = 0, end = 0]) => ({ start, end: end + 1 })),
    reservedName: reserved.filter((each) => typeof each === 'string'),
  };
}

function describeField(field: protobuf.FieldBase, context: Context): IFieldDescriptorProto {
  const name = context.isBuiltIn ? underscored(field.name) : field.name;
  const common = { name, number: field.id, jsonName: field.jsonName ?? jsonName(name) };
  if (field instanceof protobufjs().MapField) {
    const typeName = `${field.parent?.fullName ?? ''}.${entryName(field)}`;
    return { ...common, label: LABEL_REPEATED, type: TYPE_MESSAGE, typeName };
  }
  if (!(field instanceof protobufjs().Field)) throw new TypeError(`${field.fullName} is no field`);
  const { label, defaultValue, options } = field.toDescriptor(context.syntax);
  return {
    ...common,
    label: label ?? LABEL_OPTIONAL,
    ...typeOf(field, context),
    ...(field.extend !== undefined && { extendee: extendeeOf(field, context) }),
    ...(defaultValue !== undefined && defaultValue !== '' && { defaultValue }),
    ...(field.options?.['proto3_optional'] === true && { proto3Optional: true }),
    ...(options && hasOptions(field) && { options }),
  };
}

/** Number and name of the type of a field, or of the values of a map. */
function typeOf(field: protobuf.FieldBase, { refer }: Context): { type: number; typeName?: string } {
  const scalar = SCALARS[field.type];
  if (scalar !== undefined) return { type: scalar };
  const target = field.resolvedType;
  if (target === null) throw new Error(`${field.fullName} has a type that was not resolved`);
  const isGroup = field instanceof protobufjs().Field && field.delimited;
  const type = target instanceof protobufjs().Enum ? TYPE_ENUM : isGroup ? TYPE_GROUP : TYPE_MESSAGE;
  return { type, typeName: refer(target) };
}

/** The library says of every field of proto3 whether it is packed, which only what can be packed may have said of it. */
function hasOptions(field: protobuf.Field): boolean {
  const written = Object.keys(field.options ?? {}).filter((key) => key !== 'proto3_optional');
  const isPackable =
    field.type in protobufjs().types.packed || field.resolvedType instanceof protobufjs().Enum;
  return written.length > 0 || (field.repeated && !field.packed && isPackable);
}

function extendeeOf(field: protobuf.Field, { refer }: Context): string {
  const extended = field.extensionField?.parent;
  return extended === undefined || extended === null ? (field.extend ?? '') : refer(extended);
}

/** The message that an entry of a map is on the wire (https://protobuf.dev/programming-guides/proto3/#backwards). */
function describeEntry(field: protobuf.MapField, context: Context): IDescriptorProto {
  const key = {
    name: 'key',
    number: 1,
    label: LABEL_OPTIONAL,
    type: SCALARS[field.keyType] ?? 0,
    jsonName: 'key',
  };
  const value = {
    name: 'value',
    number: 2,
    label: LABEL_OPTIONAL,
    ...typeOf(field, context),
    jsonName: 'value',
  };
  return { name: entryName(field), field: [key, value], options: { mapEntry: true } };
}

/** As protoc makes it: the first letter, and each behind an underscore, in upper case. */
function entryName({ name }: { readonly name: string }): string {
  const camel = name.replace(/(^|_)([a-z]?)/g, (_, __, letter: string) => letter.toUpperCase());
  return `${camel}Entry`;
}

/** As protoc makes it. */
function jsonName(name: string): string {
  return name.replace(/_+([a-z])?/g, (_, letter: string | undefined) => letter?.toUpperCase() ?? '');
}

function underscored(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function describeEnum(declared: protobuf.Enum): IEnumDescriptorProto {
  return declared.toDescriptor();
}

function describeService(service: protobuf.Service, { refer }: Context): IServiceDescriptorProto {
  return {
    name: service.name,
    method: service.methodsArray.map((method) => {
      const { options } = method.toDescriptor();
      return {
        name: method.name,
        ...(method.resolvedRequestType && { inputType: refer(method.resolvedRequestType) }),
        ...(method.resolvedResponseType && { outputType: refer(method.resolvedResponseType) }),
        ...(method.requestStream === true && { clientStreaming: true }),
        ...(method.responseStream === true && { serverStreaming: true }),
        ...(options && { options }),
      };
    }),
  };
}
