import { createRequire } from 'node:module';
import type Protobuf from 'protobufjs';
import type Descriptor from 'protobufjs/ext/descriptor.js';

const require = createRequire(import.meta.url);

let loaded: { readonly library: typeof Protobuf; readonly descriptors: typeof Descriptor } | undefined;

/**
 * The library that parses .proto files, and its messages of descriptor.proto.
 * Loaded with the first such file: most gateways have none, and it would be a
 * tenth of their start.
 */
function load(): NonNullable<typeof loaded> {
  loaded ??= {
    library: require('protobufjs') as typeof Protobuf,
    // Which gives the library's own classes their `toDescriptor` by the way.
    descriptors: require('protobufjs/ext/descriptor.js') as typeof Descriptor,
  };
  return loaded;
}

export function protobufjs(): typeof Protobuf {
  return load().library;
}

export function descriptorMessages(): typeof Descriptor {
  return load().descriptors;
}
