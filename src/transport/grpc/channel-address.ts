/** Where a gateway listens, as a client writes it. */
export type ChannelAddress = ChannelEndpoint & {
  /** As it was written. */
  readonly text: string;
  /** What the scheme says of TLS; undefined where it says nothing. */
  readonly tls: boolean | undefined;
  /** The `:authority` of its calls. */
  readonly authority: string;
};

type ChannelEndpoint =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

const DEFAULT_PORT = 50_051;
const FORMS =
  'host:port, [ipv6]:port, dns:///host:port, unix:/path, or grpc:// and (with TLS) grpcs:// in front of host or host:port';

/** `sun_path` holds 108 bytes with the NUL at its end (unix(7)). */
const MAX_UNIX_PATH_BYTES = 107;

const MAX_SHOWN = 200;

const HOST = String.raw`\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([\w.-]+)`;
const HOST_PORT = new RegExp(String.raw`^(?:${HOST})(?::(\d{1,5}))?$`);

/**
 * Reads the address of a gateway.
 * @throws TypeError for what is none, naming it and the forms there are.
 */
export function parseChannelAddress(text: string): ChannelAddress {
  if (typeof text !== 'string')
    throw new TypeError(`The address of a gateway is a string, not ${typeof text}.`);
  if (text.startsWith('unix:')) return unixAddress(text);
  const [, scheme, rest = text] = /^(grpcs?:\/\/|dns:(?:\/\/\/)?)(.*)$/s.exec(text) ?? [];
  const withPort = scheme === 'grpc://' || scheme === 'grpcs://';
  const [, ipv6, name, digits] = HOST_PORT.exec(withPort ? rest.replace(/\/$/, '') : rest) ?? [];
  const host = ipv6 ?? name;
  const port = digits === undefined && withPort ? DEFAULT_PORT : Number(digits);
  if (host === undefined || !(port >= 1 && port <= 65_535)) throw notAnAddress(text, hintFor(text));
  return {
    kind: 'tcp',
    host,
    port,
    text,
    tls: withPort ? scheme === 'grpcs://' : undefined,
    // A zone is meant for this machine alone.
    authority:
      ipv6 === undefined ? `${host}:${String(port)}` : `[${host.replace(/%.*$/, '')}]:${String(port)}`,
  };
}

/** `unix:relative`, `unix:/absolute` and `unix:///absolute`, as in gRPC. */
function unixAddress(text: string): ChannelAddress {
  const rest = text.slice('unix:'.length);
  const path = rest.startsWith('//') ? rest.slice(2) : rest;
  if (path === '' || path.includes('\0') || (rest.startsWith('//') && !path.startsWith('/')))
    throw notAnAddress(text);
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_UNIX_PATH_BYTES)
    throw new TypeError(
      `"${text}" names a Unix socket by ${String(bytes)} bytes; its path has at most ${String(MAX_UNIX_PATH_BYTES)}.`,
    );
  return { kind: 'unix', path, text, tls: undefined, authority: 'localhost' };
}

function notAnAddress(text: string, hint = ''): TypeError {
  const shown = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
  return new TypeError(`${JSON.stringify(shown)} is not the address of a gateway${hint}. It is ${FORMS}.`);
}

function hintFor(text: string): string {
  if (text.length > MAX_SHOWN) return '';
  const [, scheme, rest] = /^(https?):\/\/([^/]*)/.exec(text) ?? [];
  if (scheme !== undefined) return ` (write ${scheme === 'https' ? 'grpcs' : 'grpc'}://${rest ?? ''})`;
  if (/^[\w.-]*[A-Za-z][\w.-]*$/.test(text)) return ` (write ${text}:${String(DEFAULT_PORT)})`;
  if (/^[0-9a-fA-F:]*:[0-9a-fA-F:]*:\d+$/.test(text)) return ' (an IPv6 address goes in brackets)';
  return '';
}
