import { connect, type TLSSocket } from 'node:tls';
import type { Clock } from '../../core/clock.js';
import type { ChannelAddress } from './channel-address.js';

/** An answer to a ClientHello takes a round trip or two. */
const TIMEOUT_MS = 2_000;

/**
 * Tries whether TLS is spoken at an address, for which nothing but a
 * handshake is good: many a TLS server just hangs up on whoever speaks
 * otherwise. Nothing is sent beyond the handshake. Returns what gives it up.
 */
export function probeTls(
  address: ChannelAddress,
  clock: Clock,
  done: (speaksTls: boolean) => void,
): () => void {
  const to = address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port };
  // Whose certificate it is does not matter here: nothing is said or believed.
  const socket: TLSSocket = connect({ ...to, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
  let settled = false;
  const settle = (tell: () => void): void => {
    if (settled) return;
    settled = true;
    timer.cancel();
    socket.destroy();
    tell();
  };
  const timer = clock.setTimeout(() => {
    settle(() => {
      done(false);
    });
  }, TIMEOUT_MS);
  socket.once('secureConnect', () => {
    settle(() => {
      done(true);
    });
  });
  socket.on('error', (error) => {
    const { code = '' } = error as NodeJS.ErrnoException;
    settle(() => {
      // An alert is TLS too.
      done(code.startsWith('ERR_SSL_') && code.includes('_ALERT_'));
    });
  });
  socket.on('close', () => {
    settle(() => {
      done(false);
    });
  });
  return () => {
    settle(() => undefined);
  };
}
