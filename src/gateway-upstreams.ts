import { readFileSync } from 'node:fs';
import type { Config } from './config/schema.js';
import { upstreamOptions } from './config/upstream-options.js';
import type { Clock } from './core/clock.js';
import { errorText } from './core/error-text.js';
import type { Logger } from './core/logger.js';
import { readReason } from './core/read-reason.js';
import { StartError } from './core/start-error.js';
import { backendDial } from './transport/grpc/backend-channel.js';
import type { DialBackend } from './transport/client-contract.js';
import type { ChannelTls } from './transport/grpc/channel-tls.js';
import { UpstreamPool } from './upstream/upstream-pool.js';
import { VERSION } from './version.js';

type Settings = Config['upstreams'][string];

/**
 * The pool of every configured upstream, by name, and of every proxy that has
 * addresses of its own. Throws a StartError for files that can't be used.
 */
export function upstreamPools(config: Config, clock: Clock, logger: Logger): Map<string, UpstreamPool> {
  const pools = new Map<string, UpstreamPool>();
  for (const [name, settings] of Object.entries(config.upstreams))
    pools.set(name, poolOf(`upstreams.${name}`, name, settings, clock, logger));
  for (const [name, { addresses }] of Object.entries(config.proxies)) {
    if (addresses.length === 0) continue;
    pools.set(name, poolOf(`proxies.${name}.addresses`, name, { ...DEFAULTS, addresses }, clock, logger));
  }
  return pools;
}

/** What the options of an upstream are that is written as addresses alone. */
const DEFAULTS = Object.fromEntries(
  Object.entries(upstreamOptions).map(([name, { defaultValue }]) => [name, defaultValue]),
) as unknown as Settings;

function poolOf(key: string, name: string, settings: Settings, clock: Clock, logger: Logger): UpstreamPool {
  const dial = upstreamDial(key, settings, clock);
  return new UpstreamPool({ name, settings, dial, clock, random: Math.random, logger });
}

/** Opens nothing yet. Throws a StartError for files that can't be used. */
export function upstreamDial(key: string, settings: Settings, clock: Clock): DialBackend {
  const tls = tlsOf(key, settings);
  try {
    return backendDial({
      clock,
      ...(tls !== undefined && { tls }),
      maxMessageBytes: settings.maxMessageSize,
      flowControlWindowBytes: settings.streamWindow,
      streamsPerConnection: settings.streamsPerConnection,
      connectTimeoutMs: settings.connectTimeout,
      keepalive: {
        keepaliveIntervalMs: settings.keepaliveInterval,
        keepaliveTimeoutMs: settings.keepaliveTimeout,
      },
      userAgent: `sluice/${VERSION}`,
    });
  } catch (error) {
    throw new StartError(key, `${key}: ${errorText(error)}`, { cause: error });
  }
}

function tlsOf(key: string, settings: Settings): ChannelTls | undefined {
  const { caFile, certificateFile, keyFile, serverName } = settings;
  if (caFile === '' && certificateFile === '' && serverName === '') return undefined;
  return {
    ...(caFile !== '' && { ca: read(`${key}.caFile`, caFile) }),
    ...(certificateFile !== '' && { cert: read(`${key}.certificateFile`, certificateFile) }),
    ...(keyFile !== '' && { key: read(`${key}.keyFile`, keyFile) }),
    ...(serverName !== '' && { serverName }),
  };
}

function read(key: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new StartError(key, `${key}: "${path}" can't be read: ${readReason(error)}.`, { cause: error });
  }
}
