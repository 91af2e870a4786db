import type { Socket } from 'node:net';

/** Whether a connection came in at a loopback address: from this machine, a browser on it perhaps. */
export function overLoopback({ localAddress = '' }: Socket): boolean {
  return /^(?:::ffff:)?127\.|^::1$/.test(localAddress);
}
