import type { Socket } from 'node:net';

import type { Clock } from '../../core/clock.js';
import { type ProxyHeaderReading, readProxyHeader, type StatedSource } from './proxy-header.js';

export interface ProxiedSocketEvents {
  /** The header is read; what came behind it is there to be read as if the header had never been. */
  onSource(source: StatedSource | undefined): void;
  onTimeout(): void;
  /** Something else came. */
  onWrong(reason: string): void;
}

/**
 * Reads the PROXY protocol header off a connection. Tells of one of the three,
 * or of nothing where the socket closes first; it is for the listener to close
 * what is late or wrong.
 */
export function takeProxyHeader(
  socket: Socket,
  timeoutMs: number,
  clock: Clock,
  events: ProxiedSocketEvents,
): void {
  let held: Buffer = Buffer.alloc(0);
  const timer = clock.setTimeout(() => {
    finish();
    events.onTimeout();
  }, timeoutMs);
  const finish = (): void => {
    timer.cancel();
    socket.off('readable', onReadable);
    socket.off('close', finish);
  };
  const onReadable = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    const reading = readProxyHeader(held);
    if (reading.state === 'more') return;
    finish();
    tell(reading);
  };
  const tell = (reading: Exclude<ProxyHeaderReading, { state: 'more' }>): void => {
    if (reading.state === 'wrong') {
      events.onWrong(reading.reason);
      return;
    }
    const rest = held.subarray(reading.length);
    // TLS, HTTP/2 and HTTP/1 all look at what is there already before they listen to the network.
    if (rest.length > 0) socket.unshift(rest);
    events.onSource(reading.source);
  };
  socket.on('readable', onReadable);
  socket.on('close', finish);
}
