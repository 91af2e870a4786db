"""Runs examples/python-client/echo_numbers.py with stubs made at run time from a descriptor set.

The stubs are what grpcio-tools would have generated, as far as the example uses them.
"""

import argparse
import pathlib
import runpy
import sys
import types

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.internal import builder

EXAMPLE = pathlib.Path(__file__).parents[4] / "examples" / "python-client"


def generate(descriptors: str) -> None:
    files = descriptor_pb2.FileDescriptorSet()
    files.ParseFromString(pathlib.Path(descriptors).read_bytes())
    messages = types.ModuleType("sluice.v1.stream_pb2")
    for file in files.file:
        added = descriptor_pool.Default().AddSerializedFile(file.SerializeToString())
        if file.name == "sluice/v1/stream.proto":
            builder.BuildMessageAndEnumDescriptors(added, vars(messages))
            builder.BuildTopDescriptorsAndMessages(added, messages.__name__, vars(messages))

    class StreamServiceStub:
        def __init__(self, channel):
            self.StreamData = channel.stream_stream(
                "/sluice.v1.StreamService/StreamData",
                request_serializer=messages.DataMessage.SerializeToString,
                response_deserializer=messages.DataMessage.FromString,
            )

    stubs = types.ModuleType("sluice.v1.stream_pb2_grpc")
    stubs.StreamServiceStub = StreamServiceStub
    package = types.ModuleType("sluice.v1")
    package.stream_pb2 = messages
    for module in (types.ModuleType("sluice"), package, messages, stubs):
        sys.modules[module.__name__] = module


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--descriptors", required=True)
options, rest = parser.parse_known_args()
generate(options.descriptors)
script = EXAMPLE / "echo_numbers.py"
sys.argv = [str(script), *rest]
sys.path.insert(0, str(EXAMPLE))
runpy.run_path(str(script), run_name="__main__")
