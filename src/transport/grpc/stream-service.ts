import {
  type handleUnaryCall,
  type Server,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { GrpcStatus } from '../../core/errors.js';
import { InterceptorStream } from './interceptor-stream.js';
import { SERVED_PATHS } from './request-headers.js';
import type { StreamHandlerOptions } from './stream-options.js';

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

function methodDefinition(
  name: string,
  requestStream: boolean,
  responseStream: boolean,
): ServiceDefinition[string] {
  return {
    path: `/sluice.v1.StreamService/${name}`,
    requestStream,
    responseStream,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
}

/** `sluice.v1.StreamService` with its messages left as bytes. */
const STREAM_SERVICE: ServiceDefinition = {
  StreamData: methodDefinition('StreamData', true, true),
  StreamBatches: methodDefinition('StreamBatches', true, true),
  Subscribe: methodDefinition('Subscribe', false, true),
  Ingest: methodDefinition('Ingest', true, false),
  Publish: methodDefinition('Publish', false, false),
};

/** A call that an InterceptorStream has taken: grpc-js's own handler never hears of it. */
class TakenCall extends ServerInterceptingCall {
  readonly #stream: InterceptorStream;

  constructor(call: ServerInterceptingCallInterface, stream: InterceptorStream) {
    super(call);
    this.#stream = stream;
  }

  override start(): void {
    this.#stream.start();
  }
}

/**
 * Serves StreamService through grpc-js's interceptors, which are
 * public API: for the `interceptors` of a `grpc.Server` whose StreamService was
 * added by `addStreamService` and whose `grpc.max_receive_message_length` is
 * `options.maxMessageBytes`. Place it first, next to the network: only there
 * are grpc-js's own refusals given our details. Streams that the direct handler
 * has taken never come here, so both can be installed.
 *
 * Differences from the direct handler, all in grpc-js: a deadline of more than
 * 24 days is none, one of more than 49 days is read modulo 49.7 days; a set
 * compressed flag without `grpc-encoding` is overlooked; the HTTP method is not
 * checked; deadlines run on the platform's clock.
 */
export function streamInterceptor(options: StreamHandlerOptions): ServerInterceptor {
  return (definition, call) => {
    const method = SERVED_PATHS.get(definition.path);
    if (method === undefined) return new ServerInterceptingCall(call);
    return new TakenCall(call, new InterceptorStream(method, call, options));
  };
}

/**
 * Adds StreamService to `server`: `streamInterceptor` or the direct handler
 * serves it. Where neither is installed its calls are answered UNIMPLEMENTED.
 */
export function addStreamService(server: Server): void {
  const unimplemented: Record<string, handleUnaryCall<Buffer, Buffer>> = {};
  for (const [name, { requestStream, responseStream }] of Object.entries(STREAM_SERVICE)) {
    const status = {
      code: GrpcStatus.UNIMPLEMENTED,
      details: `sluice.v1.StreamService/${name} is not served here.`,
    };
    unimplemented[name] = (call, callback) => {
      if (responseStream) call.emit('error', status);
      else callback(status);
      if (requestStream) call.on('data', () => undefined);
    };
  }
  server.addService(STREAM_SERVICE, unimplemented);
}
