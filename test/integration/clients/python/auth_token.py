"""Says a word over StreamData with a token, in the metadata or by Authenticate, and reads to the end.

Prints one JSON object: who Welcome says the client is, what came back, and how the call ended.
"""

import argparse
import json
import queue

import grpc
from stream_service import CONTROL, DATA, UNSPECIFIED, StreamService

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--descriptors", required=True)
parser.add_argument("--address", required=True)
parser.add_argument("--token", required=True)
parser.add_argument("--by", choices=["metadata", "authenticate"], required=True)
options = parser.parse_args()

service = StreamService(options.descriptors, options.address)
data_message = service.message("DataMessage")
outgoing = queue.Queue()
metadata = []
if options.by == "metadata":
    metadata.append(("authorization", f"Bearer {options.token}"))
else:
    first = data_message(type=CONTROL)
    first.control.authenticate.token = options.token
    outgoing.put(first)
outgoing.put(data_message(session_id="s", data=b"a word"))

call = service.channel.stream_stream(
    "/sluice.v1.StreamService/StreamData",
    request_serializer=data_message.SerializeToString,
    response_deserializer=data_message.FromString,
)(iter(outgoing.get, None), metadata=metadata)
client_id = None
words = []
try:
    for message in call:
        if message.control.WhichOneof("action") == "welcome":
            client_id = message.control.welcome.client_id
        elif message.type in (UNSPECIFIED, DATA):
            words.append(message.data.decode())
            outgoing.put(None)
except grpc.RpcError:
    outgoing.put(None)
print(
    json.dumps(
        {"clientId": client_id, "words": words, "code": call.code().name, "details": call.details()}
    )
)
service.channel.close()
