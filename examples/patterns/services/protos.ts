/** The three services as their proto files have them, for whoever serves and whoever calls them. */
import { join } from 'node:path';
import {
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  type CallOptions,
  type Client,
  type Metadata,
  type requestCallback,
  loadPackageDefinition,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';

export interface LogRequest {
  readonly services?: readonly string[];
  readonly minLevel?: string;
  readonly sinceMs?: number;
  readonly untilMs?: number;
  readonly follow?: boolean;
}

export interface LogEntry {
  readonly timeMs: number;
  readonly level: string;
  readonly service: string;
  readonly text: string;
}

export interface Metric {
  readonly name: string;
  readonly value: number;
}

export interface MetricsSummary {
  readonly count: number;
  readonly averages: Readonly<Record<string, number>>;
}

export interface ChatMessage {
  readonly user?: string;
  readonly room?: string;
  readonly text?: string;
  readonly here?: readonly string[];
}

export interface LogClient extends Client {
  streamLogs(request: LogRequest, metadata: Metadata, options?: CallOptions): ClientReadableStream<LogEntry>;
}

export interface MetricsClient extends Client {
  recordMetrics(metadata: Metadata, callback: requestCallback<MetricsSummary>): ClientWritableStream<Metric>;
}

export interface ChatClient extends Client {
  chat(metadata: Metadata): ClientDuplexStream<ChatMessage, ChatMessage>;
}

export const definition: PackageDefinition = loadSync(
  ['logs.proto', 'metrics.proto', 'chat.proto'].map((name) => join(import.meta.dirname, '../protos', name)),
  { longs: Number, enums: String, defaults: true },
);

const { patterns } = loadPackageDefinition(definition) as unknown as {
  readonly patterns: Readonly<
    Record<'LogService' | 'MetricsService' | 'ChatService', ServiceClientConstructor>
  >;
};

export const { LogService, MetricsService, ChatService } = patterns;
