import { existsSync, readFileSync } from 'node:fs';

import { Child, within, type ChildCommand } from './child.js';
import type { GoTools } from './go-tools.js';
import { pathOf } from './paths.js';

export type ServerName = 'sluice' | 'go' | 'plain' | 'http2';
export type Method = 'StreamData' | 'StreamBatches';

/** A certificate and its key, PEM. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface ServerOptions {
  readonly tls?: TlsFiles;
  /** Whether streams may ask for another route than echo: `sink`, `fanout-in`, `fanout-out` (metadata `x-route`). */
  readonly routes?: boolean;
}

export interface ServerDefinition extends ChildCommand {
  readonly name: ServerName;
  /** What it runs on, with versions. */
  readonly runtime: string;
}

/** A server that could not be had, and why. */
export interface Missing {
  readonly name: ServerName;
  readonly reason: string;
}

const NODE = `node ${process.versions.node}`;
// node itself with a loader, not the tsx command: the child's pid has to be the server's.
const LOADER = ['--import', 'tsx'] as const;
const READY_LIMIT_MS = 20_000;

export function isMissing(found: ServerDefinition | Missing): found is Missing {
  return 'reason' in found;
}

/** How each server is started. All bind a free port of 127.0.0.1 and print a ready line. */
export function defineServer(
  name: ServerName,
  go: GoTools,
  options: ServerOptions = {},
): ServerDefinition | Missing {
  switch (name) {
    case 'sluice':
      return defineSluice(options);
    case 'go':
      if (go.peer === undefined) return { name, reason: go.reason ?? 'not built' };
      return {
        name,
        runtime: go.runtime ?? 'Go',
        command: go.peer,
        args: tlsArgs('-tls-cert', '-tls-key', options.tls),
      };
    case 'plain':
      return {
        name,
        runtime: `grpc-js ${versionOf('@grpc/grpc-js')}, ${NODE}`,
        ...nodePeer('bench/peers/plain-grpc-js.ts', options),
      };
    case 'http2':
      if (options.routes === true) return { name, reason: 'it knows nothing but echo' };
      return {
        name,
        runtime: NODE,
        ...nodePeer('bench/peers/http2-echo.ts', options),
      };
  }
}

/** The gateway as built, with its defaults and everything on, its address for operators, too. */
function defineSluice({ tls, routes = false }: ServerOptions): ServerDefinition | Missing {
  if (!existsSync(pathOf('dist/main.js'))) {
    return { name: 'sluice', reason: 'dist/main.js is not built: npm run build' };
  }
  const program = routes ? [...LOADER, pathOf('bench/peers/sluice-routes.ts')] : [pathOf('dist/main.js')];
  return {
    name: 'sluice',
    runtime: NODE,
    command: process.execPath,
    args: [
      ...program,
      ...['--server.listen', '127.0.0.1:0', '--admin.listen', '127.0.0.1:0', '--edge.enabled', 'false'],
      ...tlsArgs('--server.tls.certificateFile', '--server.tls.keyFile', tls),
    ],
  };
}

function nodePeer(file: string, { tls }: ServerOptions): Pick<ServerDefinition, 'command' | 'args'> {
  return {
    command: process.execPath,
    args: [...LOADER, pathOf(file), ...tlsArgs('--tls-cert', '--tls-key', tls)],
  };
}

function tlsArgs(certFlag: string, keyFlag: string, tls: TlsFiles | undefined): readonly string[] {
  return tls === undefined ? [] : [certFlag, tls.certFile, keyFlag, tls.keyFile];
}

function versionOf(library: string): string {
  const file = pathOf(`node_modules/${library}/package.json`);
  return (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version;
}

export interface RunningServer {
  readonly definition: ServerDefinition;
  readonly pid: number;
  /** `127.0.0.1:PORT` */
  readonly address: string;
  /** Resolves when the process ends, wanted or not. */
  readonly exited: Promise<number>;
  /** The last of what it wrote to stderr. */
  readonly stderr: () => string;
  /** Which runs it has served, by key: what it does for the first time is not compiled yet. */
  readonly served: Set<string>;
  readonly stop: () => Promise<void>;
}

/** Starts a server and waits for its ready line. */
export async function startServer(definition: ServerDefinition): Promise<RunningServer> {
  let announce: (address: string) => void = () => undefined;
  const ready = new Promise<string>((resolve) => {
    announce = resolve;
  });
  const child = new Child(definition, (line) => {
    const address = readyAddress(line);
    if (address !== undefined) announce(address);
  });
  const failed = child.exited.then((code): never => {
    throw new Error(`${definition.name} ended with ${String(code)} before it was ready: ${child.stderr}`);
  });
  try {
    const address = await within(
      Promise.race([ready, failed]),
      READY_LIMIT_MS,
      `the start of ${definition.name}`,
    );
    // From here on an exit is the business of whoever watches `exited`.
    failed.catch(() => undefined);
    return {
      definition,
      pid: child.pid,
      address,
      exited: child.exited,
      stderr: () => child.stderr,
      served: new Set(),
      // Not asked: the gateway would wait for the clients of its open sessions, who don't come back.
      stop: () => child.kill(),
    };
  } catch (error) {
    await child.stop();
    throw error;
  }
}

/** The address in `{"msg":"gateway ready","grpc":["127.0.0.1:PORT"]}`, whatever else the line holds. */
function readyAddress(line: string): string | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const parsed = JSON.parse(line) as { readonly msg?: unknown; readonly grpc?: readonly unknown[] };
    const address = parsed.msg === 'gateway ready' ? parsed.grpc?.[0] : undefined;
    return typeof address === 'string' ? address : undefined;
  } catch {
    return undefined;
  }
}
