/** The messages of Subscribe, Publish and Ingest as proto3 JSON, as strict as the codec of DataMessage. */
import { fieldDefaults, type FieldTable, type FieldValue, type FieldValues } from './field-codec.js';
import { MAX_JSON_VALUES } from './json-codec.js';
import {
  doubleJson,
  jsonFieldsOf,
  metadataJson,
  readDouble,
  readFields,
  readMap,
  readMetadata,
  readScalar,
  ROOT,
  scalarJson,
  textJson,
} from './json-fields.js';
import { parseJson } from './json-text.js';
import { MAX_AGGREGATES } from './topic-codec.js';
import { publishTable, responseTable, subscribeTable, summaryTable } from './topic-fields.js';
import type { IngestSummary, PublishRequest, PublishResponse, SubscribeRequest } from './topic-messages.js';

const subscribeFields = jsonFieldsOf(subscribeTable);
const publishFields = jsonFieldsOf({ ...publishTable, metadata: [4, 'metadata'] });
const responseFields = jsonFieldsOf(responseTable);
const summaryFields = jsonFieldsOf({ ...summaryTable, aggregates: [4, 'aggregates'] });

/** @throws SluiceError INVALID_MESSAGE, naming path and value, where `messageFromJson` does; so do the others. */
export function subscribeRequestFromJson(text: string): SubscribeRequest {
  const values = defaultsOf(subscribeTable);
  readFields(parseJson(text, MAX_JSON_VALUES), ROOT, subscribeFields, ({ name, kind }, value, path) => {
    values[name] = readScalar(kind, name, value, path);
  });
  return values as unknown as SubscribeRequest;
}

export function publishRequestFromJson(text: string): PublishRequest {
  const values = defaultsOf(publishTable);
  let metadata: ReadonlyMap<string, string> | undefined;
  readFields(parseJson(text, MAX_JSON_VALUES), ROOT, publishFields, ({ name, kind }, value, path) => {
    if (kind === 'metadata') metadata = readMetadata(value, path);
    else values[name] = readScalar(kind, name, value, path);
  });
  return { ...(values as unknown as Omit<PublishRequest, 'metadata'>), metadata };
}

export function publishResponseFromJson(text: string): PublishResponse {
  const values = defaultsOf(responseTable);
  readFields(parseJson(text, MAX_JSON_VALUES), ROOT, responseFields, ({ name, kind }, value, path) => {
    values[name] = readScalar(kind, name, value, path);
  });
  return values as unknown as PublishResponse;
}

export function ingestSummaryFromJson(text: string): IngestSummary {
  const values = defaultsOf(summaryTable);
  let aggregates: ReadonlyMap<string, number> = new Map();
  readFields(parseJson(text, MAX_JSON_VALUES), ROOT, summaryFields, ({ name, kind }, value, path) => {
    if (kind === 'aggregates') aggregates = readMap(value, path, MAX_AGGREGATES, readDouble);
    else values[name] = readScalar(kind, name, value, path);
  });
  return { ...(values as unknown as Omit<IngestSummary, 'aggregates'>), aggregates };
}

export function subscribeRequestToJson(request: SubscribeRequest): string {
  return `{${scalarsJson(subscribeTable, request).slice(1)}}`;
}

export function publishRequestToJson(request: PublishRequest): string {
  const { metadata } = request;
  const rest = metadata === undefined ? '' : `,"metadata":${metadataJson(metadata)}`;
  return `{${(scalarsJson(publishTable, request) + rest).slice(1)}}`;
}

export function publishResponseToJson(response: PublishResponse): string {
  return `{${scalarsJson(responseTable, response).slice(1)}}`;
}

export function ingestSummaryToJson(summary: IngestSummary): string {
  let rest = '';
  for (const [name, value] of summary.aggregates) rest += `,${textJson(name)}:${doubleJson(value)}`;
  if (rest !== '') rest = `,"aggregates":{${rest.slice(1)}}`;
  return `{${(scalarsJson(summaryTable, summary) + rest).slice(1)}}`;
}

function defaultsOf(table: FieldTable): FieldValues {
  const values: FieldValues = {};
  for (const [name, [, kind]] of Object.entries(table)) values[name] = fieldDefaults[kind];
  return values;
}

function scalarsJson(table: FieldTable, message: object): string {
  const values = message as FieldValues;
  let json = '';
  for (const [name, [, kind]] of Object.entries(table)) {
    const value = scalarJson(kind, name, values[name] as FieldValue);
    if (value !== undefined) json += `,"${name}":${value}`;
  }
  return json;
}
