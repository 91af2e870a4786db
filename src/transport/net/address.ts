import { StartError } from '../../core/start-error.js';

/** Where to listen, as one entry of a list of addresses says it (`server.listen`). */
export type ListenAddress =
  | {
      readonly kind: 'tcp';
      /** An IPv4 or IPv6 address or a host name, without brackets; "" for every interface, both families. */
      readonly host: string;
      /** 0 lets the system choose. */
      readonly port: number;
      /** True keeps an IPv6 wildcard from taking the IPv4 port too. */
      readonly ipv6Only: boolean;
    }
  | { readonly kind: 'unix'; readonly path: string };

/** Where the server really listens: the port is never 0. */
export type BoundAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly text: string }
  | { readonly kind: 'unix'; readonly path: string; readonly text: string };

/**
 * `sun_path` holds this many bytes besides its final NUL (unix(7): 108; BSDs
 * and macOS: 104). A longer path would be cut short without a word.
 */
const MAX_UNIX_PATH_BYTES = process.platform === 'linux' ? 107 : 103;

const FORMS = 'host:port, [ipv6]:port, :port or unix:/path';

/**
 * Reads one entry of the setting. Throws a StartError that names the entry
 * when it is none of host:port, [ipv6]:port, :port, unix:/path.
 */
export function parseListenAddress(text: string, setting: string): ListenAddress {
  if (text.startsWith('unix:')) return { kind: 'unix', path: unixPath(text, setting) };
  const match = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([^:[\]\s/]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new StartError(setting, `${setting}: "${text}" is not an address; allowed are ${FORMS}.`);
  }
  return { kind: 'tcp', host: match[1] ?? match[2] ?? '', port, ipv6Only: false };
}

/** Reads all entries; refuses an empty list and one address named twice. */
export function parseListenAddresses(texts: readonly string[], setting: string): readonly ListenAddress[] {
  if (texts.length === 0) {
    throw new StartError(setting, `${setting} is empty; name at least one address: ${FORMS}.`);
  }
  const parsed = texts.map((text) => parseListenAddress(text, setting));
  const seen = new Set<string>();
  for (const address of parsed) {
    const text = addressText(address);
    const fixed = address.kind === 'unix' || address.port !== 0;
    if (fixed && seen.has(text)) {
      throw new StartError(setting, `${setting}: "${text}" is listed twice.`);
    }
    seen.add(text);
  }
  // "[::]:p" alone takes both families; beside "0.0.0.0:p" it must leave IPv4 to the other.
  return parsed.map((address) =>
    address.kind === 'tcp' &&
    address.host === '::' &&
    address.port !== 0 &&
    seen.has(`0.0.0.0:${String(address.port)}`)
      ? { ...address, ipv6Only: true }
      : address,
  );
}

/** The entry as a person writes it. */
export function addressText(address: ListenAddress): string {
  return address.kind === 'unix' ? `unix:${address.path}` : hostPort(address.host, address.port);
}

/** `host:port`, an IPv6 host in brackets. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${String(port)}` : `${host}:${String(port)}`;
}

/** gRPC naming allows `unix:relative`, `unix:/absolute` and `unix:///absolute`. */
function unixPath(text: string, setting: string): string {
  const rest = text.slice('unix:'.length);
  const path = rest.startsWith('//') ? rest.slice(2) : rest;
  const bytes = Buffer.byteLength(path);
  const fault =
    bytes === 0 || (rest.startsWith('//') && !path.startsWith('/'))
      ? 'names no absolute path; write unix:/path'
      : path.includes('\0')
        ? 'holds a NUL character'
        : bytes > MAX_UNIX_PATH_BYTES
          ? `has a path of ${String(bytes)} bytes; a Unix socket's path has at most ${String(MAX_UNIX_PATH_BYTES)}`
          : undefined;
  if (fault !== undefined) {
    throw new StartError(setting, `${setting}: "${text}" ${fault}.`);
  }
  return path;
}
