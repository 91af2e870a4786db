import { StartError } from '../core/start-error.js';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `host:port`, with an IPv6 host in brackets: `127.0.0.1:9464`,
 * `[::1]:9464`, `localhost:0`. Throws a StartError.
 */
export function parseListenAddress(text: string, setting: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) {
    throw new StartError(
      setting,
      `${setting} is ${JSON.stringify(text)}: host:port is allowed, as 127.0.0.1:9464 or [::1]:9464.`,
    );
  }
  return { host, port };
}
