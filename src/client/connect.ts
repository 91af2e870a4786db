import { SystemClock } from '../core/clock.js';
import { grpcDial, type GrpcDialOptions } from '../transport/grpc/channel.js';
import { Client } from './client.js';
import { clientSettings } from './client-settings.js';
import type { ClientOptions } from './client-options.js';

export interface ConnectOptions
  extends ClientOptions, Pick<GrpcDialOptions, 'tls' | 'flowControlWindowBytes' | 'streamsPerConnection'> {}

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
  const { tls, flowControlWindowBytes, streamsPerConnection, ...clientOptions } = options;
  clientSettings(clientOptions, ['tls', 'flowControlWindowBytes', 'streamsPerConnection']);
  const clock = new SystemClock();
  const dial = grpcDial({
    clock,
    ...(tls !== undefined && { tls }),
    ...(flowControlWindowBytes !== undefined && { flowControlWindowBytes }),
    ...(streamsPerConnection !== undefined && { streamsPerConnection }),
    ...(options.connectTimeoutMs !== undefined && { connectTimeoutMs: options.connectTimeoutMs }),
  });
  return new Client(addresses, clientOptions, { dial, clock, random: Math.random });
}
