import { SystemClock } from '../core/clock.js';
import { grpcDial, type GrpcDialOptions } from '../transport/grpc/channel.js';
import { Client } from './client.js';
import { clientSettings } from './client-settings.js';
import type { ClientOptions } from './client-options.js';
import './session/node-streams.js';

export interface ConnectOptions
  extends
    ClientOptions,
    Pick<GrpcDialOptions, 'tls' | 'maxMessageBytes' | 'flowControlWindowBytes' | 'streamsPerConnection'> {}

/** Of the time until Welcome, what the network has: whoever finds out that it fails speaks before those who only wait. */
const NETWORK_SHARE = 9 / 10;

/**
 * A client of the gateway at this address, or of several that stand for each
 * other: the one that worked last is tried first, then the others in turn.
 * `host:port`, `[::1]:port`, `unix:/path`, `grpc://host` or, with TLS,
 * `grpcs://host`; the port's default is 50051 there. It does not connect before
 * something is opened, or asked.
 * @throws TypeError or RangeError that names the option or address, its value and what is allowed.
 */
export function connect(address: string | readonly string[], options: ConnectOptions = {}): Client {
  const addresses = typeof address === 'string' ? [address] : [...address];
  if (addresses.length === 0)
    throw new TypeError('There is no address to connect to: at least one is expected');
  const { tls, maxMessageBytes, flowControlWindowBytes, streamsPerConnection, ...clientOptions } = options;
  const { connectTimeoutMs } = clientSettings(clientOptions, [
    'tls',
    'maxMessageBytes',
    'flowControlWindowBytes',
    'streamsPerConnection',
  ]);
  const clock = new SystemClock();
  const dial = grpcDial({
    clock,
    ...(tls !== undefined && { tls }),
    ...(maxMessageBytes !== undefined && { maxMessageBytes }),
    ...(flowControlWindowBytes !== undefined && { flowControlWindowBytes }),
    ...(streamsPerConnection !== undefined && { streamsPerConnection }),
    connectTimeoutMs: Math.ceil(connectTimeoutMs * NETWORK_SHARE),
  });
  return new Client(addresses, clientOptions, { dial, clock, random: Math.random });
}
