/**
 * The peer everybody writes first: grpc-js with proto-loader, an echo in a data listener. No queue, no
 * session, no limit.
 */
import { fileURLToPath } from 'node:url';

import {
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type GrpcObject,
  type ServerDuplexStream,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const proto = fileURLToPath(new URL('../../proto/sluice/v1/stream.proto', import.meta.url));
// Numbers and enum values as numbers: the cheapest way to run proto-loader.
const definition = loadSync(proto, {
  includeDirs: [fileURLToPath(new URL('../../proto', import.meta.url))],
  longs: Number,
  enums: Number,
});

interface Message {
  readonly type?: number;
  readonly sessionId?: string;
  readonly data?: Buffer;
}
interface Batch {
  readonly messages?: readonly Message[];
}

function echoOf(message: Message): object {
  return { type: message.type, sessionId: message.sessionId, timestampMs: Date.now(), data: message.data };
}

function echo<M>(answer: (message: M) => object): (call: ServerDuplexStream<M, object>) => void {
  return (call) => {
    call.on('data', (message: M) => {
      call.write(answer(message));
    });
    call.on('end', () => {
      call.end();
    });
    call.on('error', () => {
      // A client that leaves in the middle is no failure of the peer.
    });
  };
}

const packages = loadPackageDefinition(definition);
const service = (packages['sluice'] as GrpcObject)['v1'] as GrpcObject;
const server = new Server();
server.addService((service['StreamService'] as ServiceClientConstructor).service, {
  StreamData: echo<Message>(echoOf),
  StreamBatches: echo<Batch>((batch) => ({ messages: (batch.messages ?? []).map(echoOf) })),
});
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stdout.write(`${JSON.stringify({ msg: 'gateway ready', grpc: [`127.0.0.1:${String(port)}`] })}\n`);
});
