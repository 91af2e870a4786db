"""Sends a file line by line over StreamData and writes what comes back to another file.

At most --outstanding lines are on their way at once. Half-closes after the last
line, then reads to the end of the call. Prints one JSON object.
"""

import argparse
import json
import queue
import threading

import grpc
from stream_service import DATA, HEALTH_CHECK, UNSPECIFIED, StreamService


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--descriptors", required=True)
    parser.add_argument("--address", required=True)
    parser.add_argument("--input", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--session", default="file")
    parser.add_argument("--client-id", default="python")
    parser.add_argument("--outstanding", type=int, default=256)
    options = parser.parse_args()

    service = StreamService(options.descriptors, options.address)
    data_message = service.message("DataMessage")
    outgoing = queue.Queue()
    slots = threading.Semaphore(options.outstanding)
    ended = threading.Event()
    sent = 0

    def feed() -> None:
        nonlocal sent
        with open(options.input, "rb") as lines:
            for line in lines:
                slots.acquire()
                if ended.is_set():
                    break
                outgoing.put(data_message(session_id=options.session, data=line))
                sent += 1
        outgoing.put(None)

    threading.Thread(target=feed, daemon=True).start()
    call = service.stream_data(iter(outgoing.get, None), options.client_id)

    received = 0
    other_types = {}
    try:
        with open(options.output, "wb") as output:
            for message in call:
                if message.type in (UNSPECIFIED, DATA):
                    output.write(message.data)
                    received += 1
                    slots.release()
                    continue
                other_types[message.type] = other_types.get(message.type, 0) + 1
                if message.type == HEALTH_CHECK and message.ack == 0:
                    message.ack = message.sequence
                    outgoing.put(message)
    except grpc.RpcError:
        pass  # The status tells.
    ended.set()
    slots.release()
    service.channel.close()
    print(
        json.dumps(
            {
                "sent": sent,
                "received": received,
                "otherTypes": other_types,
                "code": call.code().name,
                "details": call.details(),
            }
        )
    )


if __name__ == "__main__":
    main()
