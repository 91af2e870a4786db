"""The backend of the proxy tests on grpcio: it does with each call what the call's metadata say (play-steps.ts)."""

import argparse
import asyncio
import base64
import hashlib
import json
import signal

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
SERVICE = "foreign.Calls"
SPREADING = 0.2  # seconds in which word gets round that it leaves: grpcio cancels what comes after


def entries(pairs):
    return [(name, base64.b64decode(value) if name.endswith("-bin") else value) for name, value in pairs]


def seen(context):
    """What came with the call, in the form that every backend gives it."""
    metadata = {}
    for name, value in sorted(context.invocation_metadata(), key=lambda entry: entry[0]):
        text = base64.b64encode(value).decode() if isinstance(value, bytes) else value
        metadata.setdefault(name, []).append(text)
    remaining = context.time_remaining()
    return {"metadata": metadata, "remainingMs": None if remaining is None else remaining * 1000}


class Play:
    """One call."""

    def __init__(self, requests, context):
        self.requests = requests
        self.context = context
        self.report = {"read": 0, "sent": 0, "halfClosed": False, "over": False, "cancelled": False}
        self.over = asyncio.Event()
        self.hash = hashlib.sha256()
        self.bytes = 0
        self.trailers = []

    async def run(self):
        try:
            for step, *arguments in json.loads(dict(self.context.invocation_metadata())["x-steps"]):
                await getattr(self, f"do_{step}")(*arguments)
            self.context.set_trailing_metadata(self.trailers)
        except asyncio.CancelledError:
            self.report["cancelled"] = True
            raise
        finally:
            self.report["over"] = True
            self.over.set()

    async def do_headers(self, pairs):
        await self.context.send_initial_metadata(entries(pairs))

    async def do_echo(self, count):
        async for message in self.messages(count):
            await self.send(message)

    async def do_read(self, count):
        async for _ in self.messages(count):
            pass

    async def do_send(self, count, size):
        for n in range(count):
            await self.send(bytes([n % 251]) * size)

    async def do_digest(self):
        digest = {"messages": self.report["read"], "bytes": self.bytes, "sha256": self.hash.hexdigest()}
        await self.send(json.dumps(digest).encode())

    async def do_seen(self):
        await self.send(json.dumps(seen(self.context)).encode())

    async def do_gzip(self):
        self.context.set_compression(grpc.Compression.Gzip)

    async def do_trailers(self, pairs):
        self.trailers += entries(pairs)

    async def do_end(self, code, message):
        status = next(each for each in grpc.StatusCode if each.value[0] == code)
        self.context.set_code(status)
        self.context.set_details(message)

    async def do_sleep(self, milliseconds):
        await asyncio.sleep(milliseconds / 1000)

    async def do_wait(self):
        await asyncio.Event().wait()

    async def messages(self, count):
        while count != 0:
            message = await self.context.read()
            if message is grpc.aio.EOF:
                self.report["halfClosed"] = True
                return
            self.report["read"] += 1
            self.bytes += len(message)
            self.hash.update(message)
            yield message
            count -= 1

    async def send(self, message):
        await self.context.write(message)
        self.report["sent"] += 1


class Calls(grpc.GenericRpcHandler):
    def __init__(self):
        self.plays = {}
        self.running = set()

    def service(self, details):
        if details.method == f"/{SERVICE}/Look":
            return grpc.unary_unary_rpc_method_handler(self.look)
        if details.method == f"/{SERVICE}/Report":
            return grpc.unary_unary_rpc_method_handler(self.report)
        if details.method.startswith(f"/{SERVICE}/"):
            return grpc.stream_stream_rpc_method_handler(self.play)
        return None

    async def play(self, requests, context):
        play = Play(requests, context)
        name = dict(context.invocation_metadata()).get("x-call")
        if name is not None:
            self.plays[name] = play
        task = asyncio.current_task()
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        await play.run()

    async def find(self, name, context):
        play = self.plays.get(name.decode())
        if play is None:
            await context.abort(grpc.StatusCode.NOT_FOUND)
        return play

    async def look(self, name, context):
        return json.dumps((await self.find(name, context)).report).encode()

    async def report(self, name, context):
        play = await self.find(name, context)
        await play.over.wait()
        return json.dumps(play.report).encode()


async def serve(address):
    server = grpc.aio.server(options=OPTIONS)
    calls = Calls()
    server.add_generic_rpc_handlers((calls,))
    watched = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(watched, server)
    port = server.add_insecure_port(address)
    await server.start()
    await watched.set("", health_pb2.HealthCheckResponse.SERVING)
    print(f"serving on port {port}", flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await watched.enter_graceful_shutdown()
    await asyncio.sleep(SPREADING)
    while calls.running:
        await asyncio.wait(calls.running)
    await asyncio.sleep(SPREADING)
    await server.stop(None)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="127.0.0.1:0")
    asyncio.run(serve(parser.parse_args().address))
