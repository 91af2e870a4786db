/** StockService, as grpc-js has it from its proto. */
import { join } from 'node:path';
import {
  type Client,
  type ClientReadableStream,
  loadPackageDefinition,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

export interface GetUpdatesRequest {
  readonly client: string;
}

export interface Quote {
  readonly number: number;
  readonly symbol: string;
  readonly price: number;
  readonly book: Buffer;
}

export type StockClient = Client & {
  getUpdates(request: GetUpdatesRequest): ClientReadableStream<Quote>;
};

const loaded = loadPackageDefinition(
  loadSync(join(import.meta.dirname, 'protos/stock.proto')),
) as unknown as {
  readonly stock: { readonly StockService: ServiceClientConstructor };
};

export const { StockService } = loaded.stock;
