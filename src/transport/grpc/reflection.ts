import { readFileSync } from 'node:fs';

import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';

import { Reader } from '../../wire/reader.js';

/**
 * What `buf build` made of the .proto files of the services served here (see test/unit/transport/reflection.test.ts
 * for the commands). Not what proto-loader makes of them at run time: its names
 * for map entries are against the rules of descriptor.proto, and tools written
 * in Go refuse the whole file for it. As far from src/ as from dist/.
 */
const DESCRIPTOR_SETS = ['sluice.v1', 'grpc.health.v1'].map(
  (name) => new URL(`../../../proto/descriptors/${name}.binpb`, import.meta.url),
);

/** Field 1, length-delimited. */
const FILE_TAG = (1 << 3) | 2;

/**
 * Adds gRPC server reflection (v1 and v1alpha), which tells tools the services
 * of sluice.v1 and grpc.health.v1, so that they need no .proto files.
 */
export function addReflection(server: Server): void {
  const fileDescriptorProtos = DESCRIPTOR_SETS.flatMap((file) => splitDescriptorSet(readFileSync(file)));
  // Of a package definition the service reads nothing but this field.
  const definition = { descriptors: { fileDescriptorProtos } } as unknown as ConstructorParameters<
    typeof ReflectionService
  >[0];
  new ReflectionService(definition).addToServer(server);
}

/** The files of a google.protobuf.FileDescriptorSet, whose one field is `repeated FileDescriptorProto file = 1`. */
function splitDescriptorSet(set: Uint8Array): Uint8Array[] {
  const reader = new Reader();
  reader.set(set, 0, set.length);
  const files: Uint8Array[] = [];
  while (reader.position < reader.end) {
    if (reader.tag() !== FILE_TAG) throw new Error('proto/descriptors does not hold descriptor sets');
    files.push(reader.bytes('file'));
  }
  return files;
}
