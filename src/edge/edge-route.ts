import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Peer } from './caller.js';

/** A schema of JSON Schema 2020-12, as OpenAPI 3.1 has them, or a reference to one. */
export type Schema = Readonly<Record<string, unknown>>;

/** One request, as a route sees it. */
export interface EdgeRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly peer: Peer;
  /** The path's placeholders, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** As the route's schema has it: checked, numbers read. */
  readonly query: Readonly<Record<string, unknown>>;
}

/** What a route answers with; it throws a Refusal or a SluiceError for what it refuses. */
export interface EdgeAnswer {
  /** Default 200. */
  readonly status?: number;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Written as JSON; a Buffer is JSON already, the same for all who ask: who asks often and reads nothing makes no copies of it. */
  readonly body: object;
}

/** A parameter of the path, the query or the headers, for the description. */
export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly description: string;
  readonly required?: boolean;
  readonly schema: Schema;
}

/**
 * One thing that can be asked over HTTP: served and described from the same
 * table, so that neither can say what the other does not.
 */
export interface EdgeRoute {
  readonly method: 'GET' | 'POST';
  /** As OpenAPI writes it: `/v1/clients/{client}/messages`. */
  readonly path: string;
  /** As the router matches it, where that is something else than the path with `:client`. */
  readonly pattern?: string;
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: Schema;
  /** By status: those that are no errors. */
  readonly responses: Readonly<Record<string, Schema>>;
  /** Statuses of errors that it may be answered with. */
  readonly errors: readonly number[];
  /** Undefined: the response is its own affair. */
  readonly serve: (asked: EdgeRequest) => EdgeAnswer | Promise<EdgeAnswer | undefined> | undefined;
}
