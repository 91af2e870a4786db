import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Server } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { protoPath as healthProtoPath } from 'grpc-health-check';

/** The package's proto directory: as far from src/transport/grpc as from dist/transport/grpc. */
const PROTO_DIRECTORY = fileURLToPath(new URL('../../../proto', import.meta.url));

/**
 * Adds gRPC server reflection (v1 and v1alpha), which tells tools the services
 * of sluice.v1 and grpc.health.v1, so that they need no .proto files.
 */
export function addReflection(server: Server): void {
  const directory = 'sluice/v1';
  const files = readdirSync(join(PROTO_DIRECTORY, directory))
    .filter((name) => name.endsWith('.proto'))
    .map((name) => `${directory}/${name}`);
  const healthRoot = dirname(dirname(dirname(healthProtoPath)));
  const definition = loadSync([...files, 'health/v1/health.proto'], {
    includeDirs: [PROTO_DIRECTORY, healthRoot],
  });
  new ReflectionService(definition).addToServer(server);
}
