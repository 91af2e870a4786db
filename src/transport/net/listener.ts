import { lookup } from 'node:dns/promises';
import { existsSync, lstatSync, unlinkSync } from 'node:fs';
import { createServer, connect, isIP, type ListenOptions, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';

import { StartError } from '../../core/start-error.js';
import { addressText, hostPort, type BoundAddress, type ListenAddress } from './address.js';

/** How long a connection is silent before the system's own TCP keepalive probes it; the HTTP/2 pings are quicker. */
const TCP_KEEPALIVE_DELAY_MS = 60_000;

export interface ListenerOptions {
  /** Where the address was given, for errors: `server.listen`. */
  readonly setting: string;
  readonly tcpNoDelay: boolean;
  /** Called for each connection, with an 'error' listener already attached. */
  readonly onSocket: (socket: Socket) => void;
  /** The system can't accept (out of descriptors, for example); the listener goes on. */
  readonly onAcceptError: (error: Error, address: BoundAddress) => void;
}

/** One listening socket. */
export interface Listener {
  readonly bound: BoundAddress;
  /** Takes no more connections; those it has go on. Idempotent. */
  close(): void;
}

/**
 * Opens the listening sockets of one address: several when a host name stands
 * for more than one (localhost is 127.0.0.1 and ::1). Rejects with a StartError,
 * leaving nothing open.
 */
export async function openListeners(address: ListenAddress, options: ListenerOptions): Promise<Listener[]> {
  if (address.kind === 'unix') {
    return [await openUnix(address.path, options)];
  }
  const hosts = await resolveHost(address, options);
  const listeners: Listener[] = [];
  let port = address.port;
  let absent: unknown;
  for (const host of hosts) {
    try {
      const listener = await openTcp(host, port, address.ipv6Only, options);
      listeners.push(listener);
      // A port chosen by the system is free for this address alone: one is enough.
      if (address.port === 0) break;
      if (listener.bound.kind === 'tcp') port = listener.bound.port;
    } catch (error) {
      // The hosts file names ::1 on machines without IPv6.
      if (hosts.length > 1 && isAbsentAddress(error)) {
        absent = error;
        continue;
      }
      for (const listener of listeners) listener.close();
      throw listenError(options.setting, address, error);
    }
  }
  if (listeners.length === 0) throw listenError(options.setting, address, absent);
  return listeners;
}

async function resolveHost(
  address: ListenAddress & { kind: 'tcp' },
  { setting }: ListenerOptions,
): Promise<readonly (string | undefined)[]> {
  if (address.host === '') return [undefined];
  if (isIP(address.host.replace(/%.*$/, '')) !== 0) return [address.host];
  try {
    const found = await lookup(address.host, { all: true });
    const ordered = [...found].sort((a, b) => a.family - b.family);
    return [...new Set(ordered.map((entry) => entry.address))];
  } catch (error) {
    throw listenError(setting, address, error);
  }
}

async function openTcp(
  host: string | undefined,
  port: number,
  ipv6Only: boolean,
  options: ListenerOptions,
): Promise<Listener> {
  const server = newServer(options);
  await listen(server, { ...(host === undefined ? {} : { host }), port, ipv6Only });
  const local = server.address();
  if (local === null || typeof local === 'string') throw new Error('a TCP listener without a port');
  return toListener(server, options, {
    kind: 'tcp',
    host: local.address,
    port: local.port,
    text: hostPort(local.address, local.port),
  });
}

async function openUnix(path: string, options: ListenerOptions): Promise<Listener> {
  const address: ListenAddress = { kind: 'unix', path };
  let server = newServer(options);
  try {
    await listen(server, { path });
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE' || !(await isStaleSocket(path)))
      throw listenError(options.setting, address, error);
    try {
      unlinkSync(path);
      server = newServer(options);
      await listen(server, { path });
    } catch (again) {
      throw listenError(options.setting, address, again);
    }
  }
  return toListener(server, options, { kind: 'unix', path, text: addressText(address) });
}

/** A socket file that nobody answers at was left by a process that died; anything else is not ours to remove. */
async function isStaleSocket(path: string): Promise<boolean> {
  if (!isSocketFile(path)) return false;
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(false);
    });
    probe.once('error', (error) => {
      resolve(codeOf(error) === 'ECONNREFUSED');
    });
  });
}

function isSocketFile(path: string): boolean {
  try {
    return lstatSync(path).isSocket();
  } catch {
    return false;
  }
}

function newServer(options: ListenerOptions): Server {
  return createServer(
    { noDelay: options.tcpNoDelay, keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE_DELAY_MS },
    (socket) => {
      // A reset may come at any time; 'close' follows, which is all that anyone needs.
      socket.on('error', ignoreError);
      options.onSocket(socket);
    },
  );
}

function listen(server: Server, where: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function toListener(server: Server, options: ListenerOptions, bound: BoundAddress): Listener {
  server.on('error', (error) => {
    options.onAcceptError(error, bound);
  });
  let open = true;
  return {
    bound,
    close: () => {
      if (!open) return;
      open = false;
      // Its callback would wait for every connection; the descriptor itself is closed at once.
      server.close();
    },
  };
}

function isAbsentAddress(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT';
}

function listenError(setting: string, address: ListenAddress, error: unknown): StartError {
  const text = addressText(address);
  const message =
    codeOf(error) === 'EADDRINUSE' && (address.kind === 'tcp' || isSocketFile(address.path))
      ? `${setting}: "${text}" is in use; stop whoever listens there or choose another.`
      : `${setting}: can't listen at "${text}": ${reasonOf(address, error)}.`;
  return new StartError(setting, message, { cause: error });
}

function reasonOf(address: ListenAddress, error: unknown): string {
  const code = codeOf(error);
  switch (code) {
    case 'EADDRINUSE':
      return 'the file exists and is not a socket';
    case 'EACCES':
    case 'EPERM':
      // A missing directory is EACCES too (libuv, for likeness with Windows).
      return address.kind === 'unix' && !existsSync(dirname(address.path))
        ? 'its directory does not exist'
        : 'this user may not';
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
      return 'this machine has no such address';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the host name is not known';
    case 'ENOTDIR':
      return 'its path leads through a file';
    default:
      return error instanceof Error ? error.message : 'for an unknown reason';
  }
}

function codeOf(error: unknown): string | undefined {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return undefined;
}

function ignoreError(): void {
  // Handled by 'close'.
}
