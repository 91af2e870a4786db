"""A backend of the gateway: it answers each text in capitals. Change `answer`, and it is yours."""

import argparse
import asyncio
import signal

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from sluice.v1 import session_pb2_grpc, stream_pb2 as pb

OPTIONS = [("grpc.max_receive_message_length", 16 << 20)]  # grpc's own limit is below the gateway's
GRACE = 20  # seconds that sessions have when this process is to end; then they go on elsewhere


class Refused(Exception):
    """One message is refused, for good; its session goes on."""


def answer(data):
    """What the client gets for one of its payloads; None: nothing."""
    try:
        return data.decode().upper().encode() or None
    except UnicodeDecodeError as error:
        raise Refused(f"this is not text: {error}") from error


class Sessions(session_pb2_grpc.SessionServiceServicer):
    def __init__(self):
        self.running = set()

    async def Handle(self, requests, context):
        """One session, from its opening to its end: the gateway half-closes then. Return earlier to end it from here."""
        task = asyncio.current_task()
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        async for message in requests:
            if message.control.HasField("open"):
                # Resumed: another backend had the session before, and has greeted its client.
                if not message.control.open.resume:
                    yield data(f"hello, {message.metadata['client-id']}".encode())
            elif message.type == pb.MESSAGE_TYPE_DATA:
                # An ack says that this message, and all before it, need not come again: do it first.
                try:
                    reply = answer(message.data)
                except Refused as error:
                    yield failure(message.sequence, str(error))
                else:
                    yield ack(message.sequence) if reply is None else data(reply, message.sequence)


def data(payload, acked=0):
    return pb.DataMessage(type=pb.MESSAGE_TYPE_DATA, data=payload, ack=acked)


def ack(sequence):
    return pb.DataMessage(type=pb.MESSAGE_TYPE_ACK, ack=sequence)


def failure(sequence, reason):
    error = pb.Error(code="INVALID_MESSAGE", message=reason, sequence=sequence)
    return pb.DataMessage(type=pb.MESSAGE_TYPE_CONTROL, control=pb.Control(error=error))


async def serve(address):
    server = grpc.aio.server(options=OPTIONS)
    sessions = Sessions()
    session_pb2_grpc.add_SessionServiceServicer_to_server(sessions, server)
    watched = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(watched, server)
    port = server.add_insecure_port(address)
    await server.start()
    await watched.set("", health_pb2.HealthCheckResponse.SERVING)
    print(f"serving on port {port}", flush=True)
    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    await stop.wait()
    await watched.enter_graceful_shutdown()  # no new sessions come
    if sessions.running:
        await asyncio.wait(sessions.running, timeout=GRACE)
    await server.stop(None)  # by itself it would wait for whoever watches its health, too


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="localhost:50061")
    asyncio.run(serve(parser.parse_args().address))
