import type { Config } from './config/schema.js';
import type { Logger } from './core/logger.js';
import { SystemClock } from './core/clock.js';
import { GatewayAuth } from './gateway-auth.js';
import { grpcServerSettings } from './gateway-settings.js';
import { AuthCounts } from './metrics/auth-counts.js';
import { readTlsMaterial } from './transport/grpc/tls-files.js';

/**
 * Reads the files that a configuration names, as a start would. Throws a
 * StartError, one sentence for a person, for the first that can't be used.
 */
export function checkFiles(config: Config): void {
  const { tls } = grpcServerSettings(config);
  if (tls !== undefined) readTlsMaterial(tls);
  // What it builds reads its files as it is built.
  new GatewayAuth({
    config,
    clock: new SystemClock(),
    logger: SILENT,
    counts: new AuthCounts(),
    onRevoked: nothing,
  }).stop();
}

function nothing(): void {
  // Nobody is connected, and who is told is told by exception.
}

const SILENT: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
