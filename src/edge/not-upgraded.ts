import type { IncomingMessage } from 'node:http';

/** Whether a WebSocket is asked for, among what else there may be. */
export function asksForWebSocket({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  return tokensOf(headers.upgrade ?? '').includes('websocket');
}

/**
 * A request as it came, without its wish to speak something else, and what has
 * come behind it: to be read anew. A server may ignore that wish (RFC 9110
 * section 7.8), and has to where it can't grant it: clients ask for HTTP/2 with
 * every first request (`Upgrade: h2c`), and are content with HTTP/1.1.
 */
export function withoutUpgrade(
  { method = '', url = '', httpVersion, rawHeaders }: IncomingMessage,
  head: Buffer,
): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    const value = rawHeaders[index + 1] ?? '';
    switch (name.toLowerCase()) {
      case 'upgrade':
      case 'http2-settings':
        break;
      case 'connection':
        lines.push(`${name}: ${tokensOf(value).filter(isKept).join(', ')}`);
        break;
      default:
        lines.push(`${name}: ${value}`);
    }
  }
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]);
}

function isKept(token: string): boolean {
  return token !== 'upgrade' && token !== 'http2-settings';
}

function tokensOf(value: string): readonly string[] {
  return value.split(',').map((token) => token.trim().toLowerCase());
}
