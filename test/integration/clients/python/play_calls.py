"""Calls of each shape by grpcio's own client, with no stubs: what it sees of each, as JSON, for each target in turn."""

import argparse
import base64
import hashlib
import json

import grpc

SERVICE = "foreign.Calls"
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
DETAILS = bytes([8, 5, 18, 4]) + b"gone" + bytes([0xBA, 0x3E, 3, 0, 0xFF, 0x80])
ENTRIES = [["x-one", "first"], ["x-one", "second"], ["x-raw-bin", base64.b64encode(bytes(range(256))).decode()]]
ENDED = [
    ["trailers", [*ENTRIES, ["grpc-status-details-bin", base64.b64encode(DETAILS).decode()]]],
    ["end", 5, "größer: 100% 🌡"],
]
MESSAGE = bytes(range(256)) * 16

# Name, shape, steps, messages, how the client compresses.
CALLS = [
    ("unary", "Unary", [["headers", ENTRIES], ["echo", 1], ["trailers", ENTRIES]], [MESSAGE], None),
    ("upload", "Upload", [["read", -1], ["digest"]], [MESSAGE] * 500, None),
    ("follow", "Follow", [["headers", ENTRIES], ["send", 500, 4096]], [b""], None),
    ("talk", "Talk", [["echo", -1], ["trailers", ENTRIES]], [MESSAGE] * 500, None),
    ("large", "Talk", [["echo", -1]], [bytes(4 << 20)] * 2, None),
    ("empty", "Talk", [["echo", -1]], [b""] * 5, None),
    ("nothing", "Talk", [["echo", -1]], [], None),
    ("gzip", "Talk", [["gzip"], ["echo", -1]], [MESSAGE] * 20, grpc.Compression.Gzip),
    ("gzip unary", "Unary", [["gzip"], ["echo", 1]], [MESSAGE], grpc.Compression.Gzip),
    ("error", "Unary", ENDED, [MESSAGE], None),
    ("error at once", "Talk", ENDED, [], None),
    ("error in mid-stream", "Follow", [["send", 3, 10], *ENDED], [b""], None),
    ("early end", "Talk", [["read", 2], ["send", 1, 1], *ENDED], [MESSAGE] * 200, None),
    ("seen", "Unary", [["read", 1], ["seen"]], [MESSAGE], None),
]


def entries(metadata):
    texts = [(name, value.hex() if isinstance(value, bytes) else value) for name, value in metadata or ()]
    return sorted([name, value] for name, value in texts if name != "date")


def play(channel, shape, steps, messages, compression):
    sender = {"Unary": channel.unary_unary, "Upload": channel.stream_unary}
    sender |= {"Follow": channel.unary_stream, "Talk": channel.stream_stream}
    ask = sender[shape](f"/{SERVICE}/{shape}")
    request = messages[0] if shape in ("Unary", "Follow") else iter(messages)
    sent = [("x-steps", json.dumps(steps)), ("x-said", "one"), ("x-said", "two"), ("x-raw-bin", bytes(range(256)))]
    answers = []
    try:
        if shape in ("Unary", "Upload"):
            answer, call = ask.with_call(request, metadata=sent, compression=compression, timeout=60)
            answers.append(answer)
        else:
            call = ask(request, metadata=sent, compression=compression, timeout=60)
            answers.extend(call)
    except grpc.RpcError as error:
        call = error
    return {
        "initial": entries(call.initial_metadata()),
        "answers": [answer.hex() if len(answer) < 2000 else hashlib.sha256(answer).hexdigest() for answer in answers],
        "code": call.code().name,
        "message": call.details(),
        "trailers": entries(call.trailing_metadata()),
    }


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--descriptors", help="not needed: there are no stubs")
parser.add_argument("targets", nargs="+")
results = {}
for target in parser.parse_args().targets:
    with grpc.insecure_channel(target, OPTIONS) as channel:
        results[target] = {name: play(channel, *call) for name, *call in CALLS}
print(json.dumps(results))
