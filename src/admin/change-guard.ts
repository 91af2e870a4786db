import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { quoted } from '../core/printable.js';

/**
 * Why a request must not change anything; undefined when it may. This address
 * has no access control beyond who can reach it, and a browser inside can reach
 * it for any page it shows. Such a page is told by what only browsers send:
 * `Origin` with every POST and DELETE (Fetch standard, section 3.2), and
 * `Sec-Fetch-Site`. One that has its own name resolved to this address (DNS
 * rebinding) is told by that name.
 *
 * @param ownHost the host of `admin.listen`
 */
export function whyNoChange(
  request: Pick<IncomingMessage, 'headers' | 'headersDistinct'>,
  ownHost: string,
): string | undefined {
  for (const name of ['origin', 'sec-fetch-site']) {
    if (request.headers[name] !== undefined) {
      return `Nothing is changed for a browser: the request has the header ${name}.`;
    }
  }
  // Two of them, and who stands between may have looked at the other.
  const { host = [] } = request.headersDistinct;
  const [only] = host;
  if (only !== undefined && host.length === 1 && isOwn(only, ownHost.toLowerCase())) return undefined;
  return `Host is ${only === undefined ? 'missing' : quoted(host.join(', '))}: a change is taken under an IP address, localhost or the host of admin.listen.`;
}

function isOwn(host: string, ownHost: string): boolean {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::\d{1,5})?$/i.exec(host);
  if (match === null) return false;
  const [, bracketed, plain = ''] = match;
  if (bracketed !== undefined) return isIP(bracketed) === 6;
  const name = plain.toLowerCase();
  return isIP(name) === 4 || name === 'localhost' || name === ownHost;
}
