/**
 * DataMessage and DataBatch as proto3 JSON, read and written
 * (https://protobuf.dev/programming-guides/json/): names in camel case, bytes
 * in base64, 64-bit integers as strings, enums by name, fields that have their
 * default left out.
 */
import { type ActionName, actionTable } from './control-fields.js';
import { fieldDefaults, type FieldTable, type FieldValue, type FieldValues } from './field-codec.js';
import {
  type JsonFields,
  jsonFieldsOf,
  metadataJson,
  readFields,
  readMetadata,
  readObject,
  readScalar,
  refuseJson,
  ROOT,
  scalarJson,
  textJson,
  bytesJson,
  enumJson,
} from './json-fields.js';
import { parseJson } from './json-text.js';
import { messageTable } from './message-fields.js';
import { type Control, type DataMessage, dataMessage, MAX_BATCH_MESSAGES } from './messages.js';

/** As many as the binary codec reads fields of a message: one with all that the wire contract knows has 216. */
export const MAX_JSON_VALUES = 256;

const messageFields = jsonFieldsOf(messageTable);
const batchFields = jsonFieldsOf({ messages: [1, 'messages'] });
const controlFields: JsonFields<ActionName> = new Map(
  (Object.keys(actionTable) as ActionName[]).map((name) => [name, { name, kind: name }]),
);
const actionTables: Readonly<Record<ActionName, { readonly fields: FieldTable }>> = actionTable;
const actionFields = new Map(
  Object.entries(actionTables).map(([name, { fields }]) => [name, jsonFieldsOf(fields)]),
);

/**
 * Reads one DataMessage. Names are read in camel case and as the proto writes
 * them, 64-bit integers as strings and as numbers, enums by name and by number.
 * @throws SluiceError INVALID_MESSAGE, naming path and value, on what is not
 * JSON, on unknown fields and actions, on a value that is not its field's, on
 * more than one action, more than 64 metadata entries, 256 values in all.
 */
export function messageFromJson(text: string): DataMessage {
  return readMessage(parseJson(text, MAX_JSON_VALUES), ROOT);
}

/** The messages of a DataBatch. @throws SluiceError as `messageFromJson` does, and on the 1,025th message. */
export function batchFromJson(text: string): readonly DataMessage[] {
  let entries: readonly unknown[] = [];
  readFields(parseJson(text, MAX_JSON_VALUES * MAX_BATCH_MESSAGES), ROOT, batchFields, (_, value, path) => {
    if (!Array.isArray(value)) refuseJson(path, 'is not an array');
    entries = value as readonly unknown[];
  });
  if (entries.length > MAX_BATCH_MESSAGES) {
    refuseJson('messages', `has ${entries.length} entries; at most ${MAX_BATCH_MESSAGES} are accepted`);
  }
  return entries.map((entry, index) => readMessage(entry, `messages[${index}]`));
}

function readMessage(value: unknown, path: string): DataMessage {
  const message = dataMessage({ type: 0 });
  readFields(value, path, messageFields, ({ name, kind }, inner, innerPath) => {
    if (kind === 'metadata') message.metadata = readMetadata(inner, innerPath);
    else if (kind === 'control') message.control = readControl(inner, innerPath);
    else (message as unknown as FieldValues)[name] = readScalar(kind, name, inner, innerPath);
  });
  return message;
}

function readControl(value: unknown, path: string): Control {
  let control: Control | undefined;
  readFields(readObject(value, path), path, controlFields, ({ kind }, inner, innerPath) => {
    if (control !== undefined) {
      refuseJson(path, `holds two actions, ${control.action} and ${kind}: one is all there may be`);
    }
    control = readAction(kind, inner, innerPath);
  });
  return control ?? { action: 'unknown', field: 0 };
}

function readAction(action: ActionName, value: unknown, path: string): Control {
  const values: FieldValues = { action };
  for (const [name, [, kind]] of Object.entries(actionTables[action].fields)) {
    values[name] = fieldDefaults[kind];
  }
  readFields(value, path, actionFields.get(action) as JsonFields, ({ name, kind }, inner, innerPath) => {
    values[name] = readScalar(kind, name, inner, innerPath);
  });
  return values as unknown as Control;
}

/** A number outside its field's range is written as the nearest within; an unknown action as none. */
export function messageToJson(message: DataMessage): string {
  // By hand, and not from the table: one of these a message.
  let json = '';
  if (message.type > 0) json += `,"type":${enumJson('type', message.type)}`;
  if (message.sessionId !== '') json += `,"sessionId":${textJson(message.sessionId)}`;
  if (message.sequence > 0) json += wholeJson('sequence', message.sequence);
  if (message.ack > 0) json += wholeJson('ack', message.ack);
  if (message.timestampMs > 0) json += wholeJson('timestampMs', message.timestampMs);
  if (message.data.length > 0) json += `,"data":${bytesJson(message.data)}`;
  if (message.metadata !== undefined) json += `,"metadata":${metadataJson(message.metadata)}`;
  if (message.key !== '') json += `,"key":${textJson(message.key)}`;
  if (message.more) json += ',"more":true';
  if (message.control !== undefined) json += `,"control":${controlJson(message.control)}`;
  if (message.ttlMs > 0) json += `,"ttlMs":${scalarJson('uint32', 'ttlMs', message.ttlMs) ?? '0'}`;
  return `{${json.slice(1)}}`;
}

function wholeJson(name: string, value: number): string {
  const json = scalarJson('uint53', name, value);
  return json === undefined ? '' : `,"${name}":${json}`;
}

export function batchToJson(messages: readonly DataMessage[]): string {
  return `{"messages":[${messages.map(messageToJson).join(',')}]}`;
}

function controlJson(control: Control): string {
  if (control.action === 'unknown') return '{}';
  const values = control as unknown as FieldValues;
  let json = '';
  for (const [name, [, kind]] of Object.entries(actionTables[control.action].fields)) {
    const value = scalarJson(kind, name, values[name] as FieldValue);
    if (value !== undefined) json += `,"${name}":${value}`;
  }
  return `{"${control.action}":{${json.slice(1)}}}`;
}
