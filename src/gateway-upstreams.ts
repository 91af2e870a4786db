import { readFileSync } from 'node:fs';
import type { Config } from './config/schema.js';
import type { Clock } from './core/clock.js';
import { errorText } from './core/error-text.js';
import type { Logger } from './core/logger.js';
import { StartError } from './core/start-error.js';
import { backendDial } from './transport/grpc/backend-channel.js';
import type { ChannelTls } from './transport/grpc/channel-tls.js';
import { UpstreamPool } from './upstream/upstream-pool.js';
import { VERSION } from './version.js';

type Settings = Config['upstreams'][string];

/** The pool of every configured upstream, by name. Throws a StartError for files that can't be used. */
export function upstreamPools(config: Config, clock: Clock, logger: Logger): Map<string, UpstreamPool> {
  return new Map(
    Object.entries(config.upstreams).map(([name, settings]) => [name, poolOf(name, settings, clock, logger)]),
  );
}

function poolOf(name: string, settings: Settings, clock: Clock, logger: Logger): UpstreamPool {
  const tls = tlsOf(`upstreams.${name}`, settings);
  try {
    const dial = backendDial({
      clock,
      ...(tls !== undefined && { tls }),
      maxMessageBytes: settings.maxMessageSize,
      flowControlWindowBytes: settings.streamWindow,
      streamsPerConnection: settings.streamsPerConnection,
      connectTimeoutMs: settings.connectTimeout,
      userAgent: `sluice/${VERSION}`,
    });
    return new UpstreamPool({ name, settings, dial, clock, random: Math.random, logger });
  } catch (error) {
    const key = `upstreams.${name}`;
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
    throw new StartError(key, `${key}: "${path}" can't be read: ${errorText(error)}`, { cause: error });
  }
}
