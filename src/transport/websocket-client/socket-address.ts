/** Where a gateway's paths begin, without a slash at the end: `wss://host`, `ws://host:8080/sluice`. */
export type SocketAddress = string;

const SCHEMES: Readonly<Record<string, string>> = {
  'ws:': 'ws:',
  'wss:': 'wss:',
  'http:': 'ws:',
  'https:': 'wss:',
};

/**
 * Reads an address; `page` is the URL of the page, from which paths count.
 * @throws TypeError that names the address and the forms there are.
 */
export function parseSocketAddress(text: string, page: string | undefined): SocketAddress {
  const url = urlOf(text, page);
  const scheme = url && SCHEMES[url.protocol];
  if (url === undefined || scheme === undefined || url.host === '') throw noAddress(text, page);
  if (url.username !== '' || url.password !== '')
    throw new TypeError('The address has a name or a password in it: give the option token.');
  if (url.search !== '' || url.hash !== '') throw noAddress(text, page);
  return `${scheme}//${url.host}${url.pathname.replace(/\/+$/, '')}`;
}

function urlOf(text: string, page: string | undefined): URL | undefined {
  try {
    return new URL(text, page);
  } catch {
    return undefined;
  }
}

function noAddress(text: string, page: string | undefined): TypeError {
  const paths = page === undefined ? '' : ', or a path of this page\'s own host, such as "/"';
  return new TypeError(
    `${JSON.stringify(text)} is no address for a WebSocket: expected is wss://host:port/path, or ws, https, http${paths}`,
  );
}
