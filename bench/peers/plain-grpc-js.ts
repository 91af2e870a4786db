/**
 * The peer everybody writes first: grpc-js with proto-loader, a data listener that answers. No queue, no
 * session, no limit, and nobody looks at what `write` returns.
 */
import { fileURLToPath } from 'node:url';

import {
  loadPackageDefinition,
  Server,
  ServerCredentials,
  status,
  type GrpcObject,
  type handleUnaryCall,
  type MethodDefinition,
  type ServerDuplexStream,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

import { announce, HOST, tlsFromFlags } from './peer.js';

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
/** A stream that is sent messages, or what is encoded already. */
type Call<M> = ServerDuplexStream<M, object>;
type Serve<M> = (call: Call<M>) => void;

function echoOf(message: Message): object {
  return { type: message.type, sessionId: message.sessionId, timestampMs: Date.now(), data: message.data };
}

function answering<M>(onMessage: (call: Call<M>, message: M) => void): Serve<M> {
  return (call) => {
    call.on('data', (message: M) => {
      onMessage(call, message);
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
const { service } = ((packages['sluice'] as GrpcObject)['v1'] as GrpcObject)[
  'StreamService'
] as ServiceClientConstructor;
const streamData = service['StreamData'] as MethodDefinition<Message, object>;
const encode = streamData.responseSerialize;

const subscribers = new Set<Call<Message>>();

/** What a stream does, by its metadata x-route. */
const ROUTES: Readonly<Record<string, Serve<Message>>> = {
  echo: answering((call, message) => {
    call.write(echoOf(message));
  }),
  sink: answering(() => undefined),
  'fanout-in': answering((_, message) => {
    // Encoded once, however many there are.
    const bytes = encode(echoOf(message));
    for (const subscriber of subscribers) subscriber.write(bytes);
  }),
  'fanout-out': (call) => {
    answering<Message>(() => {
      subscribers.add(call);
    })(call);
    // Whoever goes, one way or the other.
    call.on('close', () => subscribers.delete(call));
    call.on('end', () => subscribers.delete(call));
    call.on('cancelled', () => subscribers.delete(call));
  },
};

const BATCH_ROUTES: Readonly<Record<string, Serve<Batch>>> = {
  echo: answering((call, batch) => {
    call.write({ messages: (batch.messages ?? []).map(echoOf) });
  }),
  sink: answering(() => undefined),
};

function byRoute<M>(routes: Readonly<Record<string, Serve<M>>>): Serve<M> {
  return (call) => {
    const route = String(call.metadata.get('x-route')[0] ?? 'echo');
    const serve = routes[route];
    if (serve !== undefined) serve(call);
    else call.emit('error', { code: status.NOT_FOUND, details: `no route "${route}"` });
  };
}

/** The echo as a unary call, for what streaming saves. */
const exchange = {
  Echo: {
    ...streamData,
    path: '/sluice.bench.v1.Exchange/Echo',
    requestStream: false,
    responseStream: false,
  },
};
const echo: handleUnaryCall<Message, object> = (call, callback) => {
  callback(null, echoOf(call.request));
};

const server = new Server();
server.addService(
  {
    ...service,
    StreamData: {
      ...streamData,
      responseSerialize: (value: object) => (Buffer.isBuffer(value) ? value : encode(value)),
    },
  },
  { StreamData: byRoute(ROUTES), StreamBatches: byRoute(BATCH_ROUTES) },
);
server.addService(exchange, { Echo: echo });

const tls = tlsFromFlags();
const credentials =
  tls === undefined
    ? ServerCredentials.createInsecure()
    : ServerCredentials.createSsl(null, [{ cert_chain: tls.cert, private_key: tls.key }]);
server.bindAsync(`${HOST}:0`, credentials, (error, port) => {
  if (error !== null) throw error;
  announce(port);
});
