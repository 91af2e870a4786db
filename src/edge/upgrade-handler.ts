import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ClientCertificate } from '../core/credentials.js';

/** A request to speak something else from here on, at a path that takes such. Its origin is checked. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What has come behind the request already. */
  readonly head: Buffer;
  /** `host:port`, or "unix". */
  readonly peer: string;
  readonly certificate: ClientCertificate | undefined;
}

/** Who serves WebSockets. */
export interface UpgradeHandler {
  /** Whether something is upgraded at this path. */
  serves(path: string): boolean;
  /** Takes the socket over, or answers by itself; false: nothing is upgraded at this path. Never throws. */
  upgrade(upgrade: Upgrade): boolean;
}
