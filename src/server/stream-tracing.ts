import { context, propagation, SpanKind, SpanStatusCode, trace, type Span } from '@opentelemetry/api';
import type { ClientConnection } from '../pool/client-connection.js';
import type { StreamInterceptor } from './stream-interceptor.js';

const METADATA_GETTER = {
  get: (metadata: ReadonlyMap<string, string>, name: string): string | undefined => metadata.get(name),
  keys: (metadata: ReadonlyMap<string, string>): string[] => [...metadata.keys()],
};

/**
 * One OpenTelemetry span a stream, from its opening to its end, in the trace
 * that the client's metadata names (`traceparent`). Costs nothing until the
 * process registers an OpenTelemetry SDK. Attribute names follow the semantic
 * conventions for RPC.
 */
export function streamTracing(): StreamInterceptor {
  const spans = new WeakMap<ClientConnection, Span>();
  return {
    opened(connection, routeName) {
      const { id, clientId, stream } = connection;
      const span = trace.getTracer('sluice').startSpan(
        `sluice.v1.StreamService/${stream.method}`,
        {
          kind: SpanKind.SERVER,
          attributes: {
            'rpc.system': 'grpc',
            'rpc.service': 'sluice.v1.StreamService',
            'rpc.method': stream.method,
            'network.peer.address': stream.peer,
            'sluice.connection': id,
            'sluice.client': clientId,
            'sluice.route': routeName,
          },
        },
        propagation.extract(context.active(), stream.metadata, METADATA_GETTER),
      );
      if (span.isRecording()) spans.set(connection, span);
    },
    ended(connection, end, error) {
      const span = spans.get(connection);
      if (span === undefined) return;
      spans.delete(connection);
      span.setAttributes({
        'sluice.end': end,
        'sluice.messages.received': connection.messagesReceived,
        'sluice.messages.sent': connection.messagesSent,
      });
      if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
      span.end();
    },
  };
}
