"""The messages and calls of sluice.v1.StreamService, made at run time from a descriptor set.

Needs nothing but grpcio and protobuf: no compiler, no generated files.
"""

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

UNSPECIFIED, DATA, HEARTBEAT, CONTROL, HEALTH_CHECK, ACK = range(6)


class StreamService:
    def __init__(self, descriptors: str, address: str) -> None:
        files = descriptor_pb2.FileDescriptorSet()
        with open(descriptors, "rb") as source:
            files.ParseFromString(source.read())
        self._pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            self._pool.Add(file)
        self.channel = grpc.insecure_channel(address)

    def message(self, name: str):
        descriptor = self._pool.FindMessageTypeByName(f"sluice.v1.{name}")
        if hasattr(message_factory, "GetMessageClass"):
            return message_factory.GetMessageClass(descriptor)
        # protobuf before 4.22, as Debian 12 has it.
        return message_factory.MessageFactory(self._pool).GetPrototype(descriptor)

    def stream_data(self, requests, client_id: str):
        data_message = self.message("DataMessage")
        call = self.channel.stream_stream(
            "/sluice.v1.StreamService/StreamData",
            request_serializer=data_message.SerializeToString,
            response_deserializer=data_message.FromString,
        )
        return call(requests, metadata=[("x-client-id", client_id)])
