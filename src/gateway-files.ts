import type { Config } from './config/schema.js';
import { grpcServerSettings } from './gateway-settings.js';
import { readTlsMaterial } from './transport/grpc/tls-files.js';

/**
 * Reads the files that a configuration names, as a start would. Throws a
 * StartError, one sentence for a person, for the first that can't be used.
 */
export function checkFiles(config: Config): void {
  const { tls } = grpcServerSettings(config);
  if (tls !== undefined) readTlsMaterial(tls);
}
