import {
  context,
  propagation,
  trace,
  type Context,
  type Span,
  type TextMapPropagator,
} from '@opentelemetry/api';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SluiceError } from '../../../src/core/errors.js';
import { streamTracing } from '../../../src/server/stream-tracing.js';
import { fakeConnection } from '../../helpers/fake-stream.js';

/** A tracer provider of the API alone: no SDK is needed to see what is asked of it. */
function registerTracer() {
  const span = { isRecording: () => true, setAttributes: vi.fn(), setStatus: vi.fn(), end: vi.fn() };
  const startSpan = vi.fn((_name: string, _options: object, _parent: Context) => span as unknown as Span);
  trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan, startActiveSpan: vi.fn() }) as never });
  return { span, startSpan };
}

afterEach(() => {
  trace.disable();
  propagation.disable();
});

describe('streamTracing', () => {
  it('makes one span of a stream, with its end and error', () => {
    const { span, startSpan } = registerTracer();
    const { connection } = fakeConnection();
    const tracing = streamTracing();
    tracing.opened?.(connection, 'echo');
    expect(startSpan.mock.calls[0]?.[0]).toBe('sluice.v1.StreamService/StreamData');
    expect(startSpan.mock.calls[0]?.[1]).toMatchObject({
      attributes: { 'sluice.client': 'ann', 'sluice.route': 'echo' },
    });
    tracing.ended?.(connection, 'STALE', new SluiceError('STALE', 'silent'));
    tracing.ended?.(connection, 'STALE', undefined);
    expect(span.setAttributes).toHaveBeenCalledWith(expect.objectContaining({ 'sluice.end': 'STALE' }));
    expect(span.setStatus).toHaveBeenCalledWith(expect.objectContaining({ message: 'silent' }));
    expect(span.end).toHaveBeenCalledTimes(1);
  });

  it("belongs to the trace the client's metadata names", () => {
    const { startSpan } = registerTracer();
    const key = Symbol('trace');
    const propagator: TextMapPropagator = {
      inject: () => undefined,
      fields: () => ['traceparent'],
      extract: (parent, carrier, getter) => parent.setValue(key, getter.get(carrier, 'traceparent')),
    };
    propagation.setGlobalPropagator(propagator);
    const { connection, stream } = fakeConnection();
    stream.metadata.set('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
    streamTracing().opened?.(connection, 'echo');
    expect(startSpan.mock.calls[0]?.[2].getValue(key)).toBe(stream.metadata.get('traceparent'));
  });

  it('without an SDK it does nothing', () => {
    const { connection } = fakeConnection();
    const tracing = streamTracing();
    tracing.opened?.(connection, 'echo');
    tracing.ended?.(connection, 'OK', undefined);
    expect(trace.getSpan(context.active())).toBeUndefined();
  });
});
