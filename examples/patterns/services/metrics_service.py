"""MetricsService in Python, as a program: it knows nothing of any gateway either.

    python examples/patterns/services/metrics_service.py --listen 127.0.0.1:50062

It needs grpcio and protobuf (4.22 or newer). The messages are described here once more, so that it needs no compiler for them.
"""

import argparse
import json
import math
import signal
from concurrent import futures

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

FIELD = descriptor_pb2.FieldDescriptorProto


def messages():
    """Metric and MetricsSummary of protos/metrics.proto."""
    file = descriptor_pb2.FileDescriptorProto(name="metrics.proto", package="patterns", syntax="proto3")
    metric = file.message_type.add(name="Metric")
    metric.field.add(name="name", number=1, type=FIELD.TYPE_STRING, label=FIELD.LABEL_OPTIONAL)
    metric.field.add(name="value", number=2, type=FIELD.TYPE_DOUBLE, label=FIELD.LABEL_OPTIONAL)
    summary = file.message_type.add(name="MetricsSummary")
    summary.field.add(name="count", number=1, type=FIELD.TYPE_UINT32, label=FIELD.LABEL_OPTIONAL)
    entry = summary.nested_type.add(name="AveragesEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=FIELD.TYPE_STRING, label=FIELD.LABEL_OPTIONAL)
    entry.field.add(name="value", number=2, type=FIELD.TYPE_DOUBLE, label=FIELD.LABEL_OPTIONAL)
    summary.field.add(
        name="averages",
        number=2,
        type=FIELD.TYPE_MESSAGE,
        label=FIELD.LABEL_REPEATED,
        type_name=".patterns.MetricsSummary.AveragesEntry",
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return [
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"patterns.{name}"))
        for name in ("Metric", "MetricsSummary")
    ]


Metric, MetricsSummary = messages()


def fault_of(metric):
    if not metric.name:
        return "a measurement has no name"
    if not math.isfinite(metric.value):
        value = "NaN" if math.isnan(metric.value) else "Infinity" if metric.value > 0 else "-Infinity"
        return f"{metric.name} is {value}, which is no number"
    return None


def record_metrics(metrics, context):
    sums = {}
    for metric in metrics:
        fault = fault_of(metric)
        if fault is not None:
            text = fault.encode()
            # google.rpc.Status: its code and message.
            details = bytes([0x08, grpc.StatusCode.INVALID_ARGUMENT.value[0], 0x12, len(text)]) + text
            context.set_trailing_metadata([("grpc-status-details-bin", details)])
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, fault)
        count, total = sums.get(metric.name, (0, 0.0))
        sums[metric.name] = (count + 1, total + metric.value)
    return MetricsSummary(
        count=sum(count for count, _ in sums.values()),
        averages={name: total / count for name, (count, total) in sums.items()},
    )


def serve(address):
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    method = grpc.stream_unary_rpc_method_handler(
        record_metrics,
        request_deserializer=Metric.FromString,
        response_serializer=MetricsSummary.SerializeToString,
    )
    handler = grpc.method_handlers_generic_handler("patterns.MetricsService", {"RecordMetrics": method})
    server.add_generic_rpc_handlers([handler])
    port = server.add_insecure_port(address)
    server.start()
    print(json.dumps({"listening": f"{address.rpartition(':')[0]}:{port}"}), flush=True)
    signal.signal(signal.SIGTERM, lambda *_: server.stop(None))
    server.wait_for_termination()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", default="127.0.0.1:0")
    serve(parser.parse_args().listen)
