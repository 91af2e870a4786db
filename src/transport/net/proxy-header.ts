import { isIPv4, isIPv6, SocketAddress } from 'node:net';

/** Where a client connects from, as a balancer states it. */
export interface StatedSource {
  readonly address: string;
  readonly port: number;
}

export type ProxyHeaderReading =
  /** Not all of it is there. */
  | { readonly state: 'more' }
  /** `source` is undefined where the balancer speaks for itself, or of what has no address; `length` is that of the header. */
  | { readonly state: 'whole'; readonly source: StatedSource | undefined; readonly length: number }
  | { readonly state: 'wrong'; readonly reason: string };

/** Of version 1: with its CRLF (section 2.1). */
const MAX_LINE_BYTES = 107;
const LINE_START = Buffer.from('PROXY ');
const CRLF = Buffer.from('\r\n');
/** Of version 2 (section 2.2). */
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const FIXED_BYTES = 16;
/** Addresses take at most 216 bytes; the rest is for what is said of TLS, certificates included, which is skipped. */
const MAX_REST_BYTES = 4_096;

const LOCAL = 0x20;
const PROXY = 0x21;
/** Family and protocol in one byte, and what their addresses take; UDP is left out, and so is refused. */
const ADDRESS_BYTES: ReadonlyMap<number, number> = new Map([
  [0x00, 0],
  [0x11, 12],
  [0x21, 36],
  [0x31, 216],
]);

/** No header is longer. */
export const MAX_PROXY_HEADER_BYTES = FIXED_BYTES + MAX_REST_BYTES;

/** What the addresses of a line are, by the protocol that it names. */
const LINE_KINDS: ReadonlyMap<string, (text: string) => boolean> = new Map([
  ['TCP4', isIPv4],
  ['TCP6', isPlainIPv6],
]);

const MORE: ProxyHeaderReading = { state: 'more' };

/**
 * Reads the header that a balancer puts in front of a connection
 * (https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt, versions 1 and
 * 2), from all that has come so far. Says that it is wrong with the first byte
 * that can't be right, and never asks for more than MAX_PROXY_HEADER_BYTES.
 * What version 2 may say besides the addresses is skipped unread.
 */
export function readProxyHeader(bytes: Buffer): ProxyHeaderReading {
  if (startsLike(bytes, SIGNATURE)) return bytes.length < FIXED_BYTES ? MORE : readBinary(bytes);
  if (startsLike(bytes, LINE_START)) return readLine(bytes);
  return wrong('it begins with something else');
}

function readLine(bytes: Buffer): ProxyHeaderReading {
  const end = bytes.subarray(0, MAX_LINE_BYTES).indexOf(CRLF);
  if (end < 0) return bytes.length < MAX_LINE_BYTES ? MORE : wrong('its line does not end');
  const length = end + CRLF.length;
  const [, kind = '', ...rest] = bytes.toString('latin1', 0, end).split(' ');
  // What else such a line says is to be ignored.
  if (kind === 'UNKNOWN') return { state: 'whole', source: undefined, length };
  const [from = '', to = '', fromPort = '', toPort = '', ...more] = rest;
  const isAddress = LINE_KINDS.get(kind);
  if (isAddress === undefined) return wrong('its line names another protocol than TCP4, TCP6 and UNKNOWN');
  const isRight = more.length === 0 && isAddress(from) && isAddress(to) && isPort(fromPort) && isPort(toPort);
  if (!isRight) return wrong('its line does not hold two addresses and two ports');
  return { state: 'whole', source: { address: canonical(from), port: Number(fromPort) }, length };
}

function readBinary(bytes: Buffer): ProxyHeaderReading {
  const command = bytes.readUInt8(12);
  const family = bytes.readUInt8(13);
  const restBytes = bytes.readUInt16BE(14);
  if (command !== LOCAL && command !== PROXY) return wrong('its version or command is unknown');
  if (restBytes > MAX_REST_BYTES) return wrong(`it is longer than ${String(MAX_PROXY_HEADER_BYTES)} bytes`);
  const addressBytes = command === LOCAL ? 0 : ADDRESS_BYTES.get(family);
  if (addressBytes === undefined) return wrong('it speaks of another protocol than TCP');
  if (restBytes < addressBytes) return wrong('it is too short for its addresses');
  const length = FIXED_BYTES + restBytes;
  if (bytes.length < length) return MORE;
  return { state: 'whole', source: command === LOCAL ? undefined : sourceIn(bytes, family), length };
}

function sourceIn(bytes: Buffer, family: number): StatedSource | undefined {
  if (family === 0x11) {
    return { address: bytes.subarray(16, 20).join('.'), port: bytes.readUInt16BE(24) };
  }
  if (family !== 0x21) return undefined;
  const groups = Array.from({ length: 8 }, (_, group) => bytes.readUInt16BE(16 + 2 * group).toString(16));
  return { address: canonical(groups.join(':')), port: bytes.readUInt16BE(48) };
}

/** One way to write each address. */
function canonical(address: string): string {
  return isIPv4(address) ? address : new SocketAddress({ address, family: 'ipv6' }).address;
}

/** Without a zone, which means nothing to another machine. */
function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

function startsLike(bytes: Buffer, start: Buffer): boolean {
  const common = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, common, 0, common) === 0;
}

function wrong(what: string): ProxyHeaderReading {
  return { state: 'wrong', reason: `PROXY protocol header expected: ${what}` };
}
