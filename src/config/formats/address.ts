import { isIPv4, isIPv6 } from 'node:net';
import { type Format, textual, UNREAD } from './format.js';
import { list } from './list.js';

/** Addresses of one gateway: a bound, not a limit anyone should meet. */
const MAX_ADDRESSES = 16;
/** sockaddr_un holds 108 bytes with the NUL at the end (unix(7)). */
const MAX_SOCKET_PATH_BYTES = 107;
const MAX_PORT = 65_535;
const TCP = 'host:port, such as 127.0.0.1:50051, [::]:50051 or localhost:50051';
const ANY = `${TCP}, or unix:/path/of/a/socket`;

/** One address to listen at: host and port. */
export function tcpAddress(): Format<string> {
  return address(`an address ${TCP}`, false);
}

/** Addresses to listen at, Unix sockets among them: a list, or one text with commas. */
export function addressList(): Format<readonly string[]> {
  return list(address(`an address ${ANY}`, true), {
    allowed: `1 to ${String(MAX_ADDRESSES)} addresses ${ANY}`,
    summary: `1 to ${String(MAX_ADDRESSES)} addresses, host:port or unix:/path`,
    minItems: 1,
    maxItems: MAX_ADDRESSES,
    item: 'address',
    mayRepeat: (value) => value.endsWith(':0'),
  });
}

/** Backends of one upstream: a bound, not a limit anyone should meet. */
const MAX_BACKENDS = 64;
const BACKEND = 'host:port, [ipv6]:port, unix:/path/of/a/socket or, with TLS, grpcs://host:port';

/** Where the backends of an upstream are: a list, or one text with commas. */
export function backendAddresses(): Format<readonly string[]> {
  const allowed = `1 to ${String(MAX_BACKENDS)} addresses ${BACKEND}`;
  const plain = address(allowed, true);
  const one: Format<string> = {
    ...plain,
    allowed: `an address ${BACKEND}`,
    read(raw) {
      if (raw.kind !== 'text') return plain.read(raw);
      const [, scheme = '', rest = ''] = /^(grpcs?:\/\/)?(.*)$/s.exec(raw.text) ?? [];
      // A scheme goes in front of host and port alone; port 0 is for listening.
      const bare = {
        ...raw,
        text: scheme !== '' && rest.startsWith('unix:') ? '' : rest.replace(/:0+$/, ':'),
      };
      const reading = address(`an address ${BACKEND}`, true).read(bare);
      return 'value' in reading
        ? { value: raw.text }
        : { problems: reading.problems.map((each) => ({ ...each, shown: raw })) };
    },
  };
  return list(one, {
    allowed,
    summary: `1 to ${String(MAX_BACKENDS)} addresses, host:port, grpcs://host:port or unix:/path`,
    // None is what is there when none is written: whoever holds the list checks it.
    minItems: 0,
    maxItems: MAX_BACKENDS,
    item: 'address',
  });
}

function address(allowed: string, unix: boolean): Format<string> {
  return textual({
    allowed,
    summary: 'an address, host:port',
    print: (value) => value,
    parse(text) {
      if (unix && text.startsWith('unix:')) return isSocketPath(text.slice(5)) ? { value: text } : UNREAD;
      const [, host, port] = /^(.+):(\d+)$/.exec(text) ?? [];
      if (host === undefined || port === undefined) {
        return /^:\d+$/.test(text) ? { hint: `write 0.0.0.0${text} for every interface` } : UNREAD;
      }
      if (isIPv6(host)) return { hint: `write [${host}]:${port}` };
      if (!isHost(host)) return UNREAD;
      if (Number(port) > MAX_PORT) return { hint: `the port is over ${String(MAX_PORT)}` };
      return port.length <= 5 ? { value: text } : UNREAD;
    },
  });
}

function isSocketPath(path: string): boolean {
  return path.length > 0 && Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES && !path.includes('\0');
}

function isHost(host: string): boolean {
  if (host.startsWith('[')) return host.endsWith(']') && isIPv6(host.slice(1, -1));
  if (/^[\d.]+$/.test(host)) return isIPv4(host);
  // Host names as RFC 1123 section 2.1 has them.
  return host.length <= 253 && /^(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*$/.test(host);
}
