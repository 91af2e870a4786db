/**
 * The messages of Subscribe, Publish and Ingest to protobuf bytes and back, as
 * strict as the codec of DataMessage. One of these a call, or a topic message:
 * described by tables, like the control messages.
 */
import {
  type Field,
  fieldDefaults,
  fieldSize,
  fieldsOf,
  type FieldValue,
  type FieldValues,
  readField,
  writeField,
} from './field-codec.js';
import { MAX_METADATA_ENTRIES } from './messages.js';
import { readMetadataEntry } from './metadata-codec.js';
import { metadataSize, writeMetadata } from './metadata-writer.js';
import { Reader } from './reader.js';
import { publishTable, responseTable, subscribeTable, summaryTable } from './topic-fields.js';
import type { IngestSummary, PublishRequest, PublishResponse, SubscribeRequest } from './topic-messages.js';
import {
  bytesFieldSize,
  textFieldSize,
  writeDoubleField,
  writeTextField,
  writeVarintField,
} from './writer.js';

/** As many as metadata entries. */
export const MAX_AGGREGATES = MAX_METADATA_ENTRIES;

const subscribeFields = fieldsOf(subscribeTable);
const summaryFields = fieldsOf(summaryTable);
const TAG_AGGREGATES = 0x22;
const publishFields = fieldsOf(publishTable);
const TAG_METADATA = 0x22;
const responseFields = fieldsOf(responseTable);

const TAG_ENTRY_NAME = 0x0a;
/** A double: its wire type is fixed64. */
const TAG_ENTRY_VALUE = 0x11;
const DOUBLE_FIELD_BYTES = 9;
const AGGREGATE_FIELD_NAMES: readonly (string | undefined)[] = [
  undefined,
  'aggregates key',
  'aggregates value',
];

const sharedReader = new Reader();

export function encodeSubscribeRequest(request: SubscribeRequest): Uint8Array {
  return encodeScalars(subscribeFields, request);
}

/**
 * `data` of what these functions give is a view of `bytes`. Unknown fields are
 * skipped, of a repeated field the last wins.
 * @throws SluiceError INVALID_MESSAGE, naming field and byte, where
 * `decodeMessage` does.
 */
export function decodeSubscribeRequest(bytes: Uint8Array): SubscribeRequest {
  return decode(bytes, subscribeFields) as unknown as SubscribeRequest;
}

export function encodePublishRequest(request: PublishRequest): Uint8Array {
  const { metadata } = request;
  if (metadata === undefined) return encodeScalars(publishFields, request);
  return encodeScalars(publishFields, request, metadataSize(metadata), (target, offset) =>
    writeMetadata(target, offset, TAG_METADATA, metadata),
  );
}

/** As `decodeSubscribeRequest`; and at most 64 metadata entries. */
export function decodePublishRequest(bytes: Uint8Array): PublishRequest {
  const metadata = new Map<string, string>();
  let entries = 0;
  const scalars = decode(bytes, publishFields, TAG_METADATA, 'metadata', (reader, at) => {
    entries += 1;
    if (entries > MAX_METADATA_ENTRIES) {
      reader.fail('metadata', at, `has more than ${MAX_METADATA_ENTRIES} entries`);
    }
    readMetadataEntry(reader, metadata, undefined);
  }) as unknown as Omit<PublishRequest, 'metadata'>;
  return { ...scalars, metadata: metadata.size === 0 ? undefined : metadata };
}

export function encodePublishResponse(response: PublishResponse): Uint8Array {
  return encodeScalars(responseFields, response);
}

/** As `decodeSubscribeRequest`. */
export function decodePublishResponse(bytes: Uint8Array): PublishResponse {
  return decode(bytes, responseFields) as unknown as PublishResponse;
}

export function encodeIngestSummary(summary: IngestSummary): Uint8Array {
  const { aggregates } = summary;
  let size = 0;
  for (const [name, value] of aggregates) size += bytesFieldSize(aggregateSize(name, value));
  return encodeScalars(summaryFields, summary, size, (target, offset) => {
    let position = offset;
    for (const [name, value] of aggregates) {
      position = writeVarintField(target, position, TAG_AGGREGATES, aggregateSize(name, value));
      if (name !== '') position = writeTextField(target, position, TAG_ENTRY_NAME, name);
      if (!isDefaultDouble(value)) position = writeDoubleField(target, position, TAG_ENTRY_VALUE, value);
    }
    return position;
  });
}

/** As `decodeSubscribeRequest`; and at most 64 aggregates. */
export function decodeIngestSummary(bytes: Uint8Array): IngestSummary {
  const aggregates = new Map<string, number>();
  let entries = 0;
  const scalars = decode(bytes, summaryFields, TAG_AGGREGATES, 'aggregates', (reader, at) => {
    entries += 1;
    if (entries > MAX_AGGREGATES) reader.fail('aggregates', at, `has more than ${MAX_AGGREGATES} entries`);
    readAggregate(reader, aggregates);
  }) as unknown as Omit<IngestSummary, 'aggregates'>;
  return { ...scalars, aggregates };
}

function readAggregate(reader: Reader, aggregates: Map<string, number>): void {
  const { end } = reader;
  const entryEnd = reader.lengthEnd('aggregates');
  reader.end = entryEnd;
  let name = '';
  let value = 0;
  while (reader.position < entryEnd) {
    const at = reader.position;
    const tag = reader.tag();
    if (tag === TAG_ENTRY_NAME) name = reader.text('aggregates key');
    else if (tag === TAG_ENTRY_VALUE) value = reader.double('aggregates value');
    else reader.skip(tag, at, AGGREGATE_FIELD_NAMES[tag >>> 3]);
  }
  aggregates.set(name, value);
  reader.end = end;
}

function aggregateSize(name: string, value: number): number {
  return (name === '' ? 0 : textFieldSize(name)) + (isDefaultDouble(value) ? 0 : DOUBLE_FIELD_BYTES);
}

/** -0 is none: its bits are not zero. */
function isDefaultDouble(value: number): boolean {
  return Object.is(value, 0);
}

/** The fields of the table, then whatever `writeRest` writes into `restBytes`. */
function encodeScalars(
  fields: readonly Field[],
  message: object,
  restBytes = 0,
  writeRest?: (target: Uint8Array, offset: number) => number,
): Uint8Array {
  const values = message as FieldValues;
  let size = restBytes;
  for (const field of fields) size += fieldSize(field, values[field.name] as FieldValue);
  const target = new Uint8Array(size);
  let position = 0;
  for (const field of fields) {
    position = writeField(target, position, field, values[field.name] as FieldValue);
  }
  writeRest?.(target, position);
  return target;
}

/** The fields of the table; one field besides is read by `readOther`. */
function decode(
  bytes: Uint8Array,
  fields: readonly Field[],
  otherTag?: number,
  otherName?: string,
  readOther?: (reader: Reader, at: number) => void,
): FieldValues {
  const reader = sharedReader;
  reader.set(bytes, 0, bytes.length);
  const values: FieldValues = {};
  for (const field of fields) values[field.name] = fieldDefaults[field.kind];
  while (reader.position < reader.end) {
    const at = reader.position;
    const tag = reader.tag();
    const field = fields.find((candidate) => candidate.tag >>> 3 === tag >>> 3);
    if (field?.tag === tag) values[field.name] = readField(reader, field);
    else if (tag === otherTag) readOther?.(reader, at);
    else {
      const isOther = otherTag !== undefined && otherTag >>> 3 === tag >>> 3;
      reader.skip(tag, at, isOther ? otherName : field?.path);
    }
  }
  return values;
}
