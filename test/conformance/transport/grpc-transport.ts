import { isCallMethod } from '../../../src/transport/contract.js';
import { encodeBatch, batchSize, encodeMessage, messageSize } from '../../../src/wire/codec.js';
import { decodeStatusDetails } from '../../../src/wire/status-details.js';
import { type HandlerKind, startGrpcHarness } from '../../helpers/grpc-harness.js';
import { frame, RawCall } from '../../helpers/raw-http2-call.js';
import { PlainCall } from '../../helpers/plain-call.js';
import type { ConformanceClient, ConnectOptions, TransportHarness } from './harness.js';

/** One of the two ways of serving gRPC, with clients of grpc-js and, for what those would not send, of node:http2. */
export function grpcTransport(kind: HandlerKind): TransportHarness {
  return {
    // An HTTP/2 window, what Node reads before it stops, and a message being gathered.
    readAheadBytes: 512 * 1024,
    start: async (accept, options) => {
      const harness = await startGrpcHarness(kind, accept, options);
      return {
        faults: harness.faults,
        connect: (connectOptions) =>
          connectOptions.raw === true || connectOptions.serverDeadlineMs !== undefined
            ? rawClient(harness.address, connectOptions)
            : plainClient(harness.address, connectOptions),
        breakNetwork: () => {
          harness.breakConnections();
        },
        activeTimers: () => harness.clock.activeTimers,
        close: () => harness.close(),
      };
    },
  };
}

function plainClient(address: string, options: ConnectOptions): ConformanceClient {
  const { method } = options;
  if (isCallMethod(method)) throw new Error('a plain client makes streams only: connect with raw');
  const call = new PlainCall(address, { ...options, method });
  return {
    send: (...messages) => {
      call.send(...messages);
    },
    sendBytes: () => {
      throw new Error('a grpc-js client sends messages only: connect with raw');
    },
    halfClose: () => {
      call.halfClose();
    },
    cancel: () => {
      call.cancel();
    },
    stopReading: () => {
      call.stopReading();
    },
    startReading: () => {
      call.startReading();
    },
    receive: () => call.receive(),
    ended: call.status.then(({ code, details, metadata }) => {
      const [bytes] = metadata.get('grpc-status-details-bin');
      return {
        code,
        message: details,
        details: bytes === undefined ? undefined : decodeStatusDetails(bytes as Buffer),
      };
    }),
  };
}

function rawClient(address: string, options: ConnectOptions): ConformanceClient {
  const call = new RawCall(address, {
    ':path': `/sluice.v1.StreamService/${options.method}`,
    ...(options.serverDeadlineMs === undefined ? {} : { 'grpc-timeout': `${options.serverDeadlineMs}m` }),
    ...options.metadata,
  });
  return {
    send: (...messages) => {
      if (options.method === 'StreamBatches') {
        const body = Buffer.alloc(batchSize(messages));
        encodeBatch(messages, body, 0);
        call.write(frame(body));
        return;
      }
      for (const message of messages) {
        const body = Buffer.alloc(messageSize(message));
        encodeMessage(message, body, 0);
        call.write(frame(body));
      }
    },
    sendBytes: (body) => {
      call.write(frame(body));
    },
    halfClose: () => {
      call.halfClose();
    },
    cancel: () => {
      call.stream.close(8);
    },
    stopReading: () => {
      call.stream.pause();
    },
    startReading: () => {
      call.stream.resume();
    },
    receive: () => Promise.reject(new Error('a raw client only sends')),
    ended: call.response.then((response) => ({
      code: response.status ?? -1,
      message: response.message ?? '',
      details: response.details === undefined ? undefined : decodeStatusDetails(response.details),
    })),
  };
}
