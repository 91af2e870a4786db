"""The stubs that the examples import, made at run time from a descriptor set.

They are what grpcio-tools would have generated, as far as the examples use them.
"""

import pathlib
import sys
import types

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.internal import builder


def generate(descriptors: str) -> None:
    files = descriptor_pb2.FileDescriptorSet()
    files.ParseFromString(pathlib.Path(descriptors).read_bytes())
    messages = types.ModuleType("sluice.v1.stream_pb2")
    for file in files.file:
        added = descriptor_pool.Default().AddSerializedFile(file.SerializeToString())
        if file.name == "sluice/v1/stream.proto":
            builder.BuildMessageAndEnumDescriptors(added, vars(messages))
            builder.BuildTopDescriptorsAndMessages(added, messages.__name__, vars(messages))
    codec = dict(
        request_deserializer=messages.DataMessage.FromString,
        response_serializer=messages.DataMessage.SerializeToString,
    )

    class StreamServiceStub:
        def __init__(self, channel):
            self.StreamData = channel.stream_stream(
                "/sluice.v1.StreamService/StreamData",
                request_serializer=messages.DataMessage.SerializeToString,
                response_deserializer=messages.DataMessage.FromString,
            )

    class SessionServiceServicer:
        pass

    def add_session_service(servicer, server):
        handle = grpc.stream_stream_rpc_method_handler(servicer.Handle, **codec)
        service = grpc.method_handlers_generic_handler("sluice.v1.SessionService", {"Handle": handle})
        server.add_generic_rpc_handlers((service,))

    stream = types.ModuleType("sluice.v1.stream_pb2_grpc")
    stream.StreamServiceStub = StreamServiceStub
    session = types.ModuleType("sluice.v1.session_pb2_grpc")
    session.SessionServiceServicer = SessionServiceServicer
    session.add_SessionServiceServicer_to_server = add_session_service
    package = types.ModuleType("sluice.v1")
    package.stream_pb2, package.stream_pb2_grpc, package.session_pb2_grpc = messages, stream, session
    for module in (types.ModuleType("sluice"), package, messages, stream, session):
        sys.modules[module.__name__] = module
