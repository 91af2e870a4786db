"""One session that outlives its connections: docs/protocol.md as a page of Python."""

import asyncio
import os
import random
import time

import grpc
from sluice.v1 import stream_pb2 as pb
from sluice.v1.stream_pb2_grpc import StreamServiceStub

WINDOW = dict(window_messages=256, window_bytes=1 << 20)  # what we are prepared to hold
FINAL = ("INVALID_ARGUMENT", "NOT_FOUND", "PERMISSION_DENIED", "UNAUTHENTICATED", "UNIMPLEMENTED")


class Violation(Exception):
    """The gateway did what the protocol forbids."""


class Session:
    """`consume(data)` is awaited for each message, in order, each once, and then it is acknowledged.
    `lost(first, last, reason)` tells of messages that will not come, `failed(sequence, error)` of
    one of ours that the route could not handle."""

    def __init__(self, session_id, route, consume, lost, failed):
        self.id, self.route = session_id, route
        self.consume, self.lost, self.failed = consume, lost, failed
        self.token, self.attempt, self.was_opened = os.urandom(16), 0, False
        self.over = None  # (code, reason) at its end
        self.unacknowledged = {}  # ours by sequence, acked + 1 to last; up to `written` it is under way
        self.acked = self.written = self.last = 0
        self.errors = {}  # of what is not settled yet
        self.window = None  # the gateway's, in messages and bytes; nothing is sent before we know it
        self.position = self.consumed = 0  # the last one received, the last one consumed
        self.inbox = asyncio.Queue()  # between the two; our window bounds it
        self.answer = None  # to a health check
        self.is_open = self.ack_due = self.closing = self.close_due = False
        self.wake, self.room = asyncio.Event(), asyncio.Event()  # something to write; something settled
        self.connections = 0

    async def send(self, data):
        """Returns when the gateway's window has taken the message: from then on it is not lost."""
        message = pb.DataMessage(type=pb.MESSAGE_TYPE_DATA, session_id=self.id, data=data)
        while not self.over and not self.fits(list(self.unacknowledged.values()), message):
            self.room.clear()
            await self.room.wait()
        if self.over or self.closing:
            raise ConnectionError(f"the session is over, or closing: {self.over}")
        self.last += 1
        message.sequence = self.last
        self.unacknowledged[self.last] = message
        self.wake.set()

    def close(self):
        """Asks for the end, behind all that was sent; `run` returns when it is there."""
        self.closing = self.close_due = True
        self.wake.set()

    async def run(self, address, client_id):
        """Keeps the session attached until it is over; returns (code, reason), code "" if we closed it."""
        consuming = asyncio.ensure_future(self.consume_all())
        failures = 0
        while not self.over:
            self.connections += 1
            # A channel for each connection: a lasting one has its own, slower, idea of when to try again.
            options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
            async with grpc.aio.insecure_channel(address, options=options) as channel:
                call = StreamServiceStub(channel).StreamData(metadata=[("x-client-id", client_id)])
                work = [asyncio.ensure_future(self.read(call)), asyncio.ensure_future(self.write(call))]
                await asyncio.wait([*work, consuming], return_when=asyncio.FIRST_COMPLETED)
                for task in work:
                    task.cancel()
                call.cancel()  # where it has not ended
                for ending in await asyncio.gather(*work, return_exceptions=True):
                    if isinstance(ending, Violation):
                        raise ending
                if consuming.done():
                    consuming.result()  # raises what `consume` raised
                if (await call.code()).name in FINAL:
                    self.end((await call.code()).name, await call.details())
            failures = 0 if self.is_open else failures + 1
            self.is_open = False
            if not self.over:  # at random: a gateway's clients must not all come back at once
                await asyncio.sleep(random.uniform(0, min(5.0, 0.1 * 2**failures)))
        await self.inbox.put(None)
        await consuming
        return self.over

    async def consume_all(self):
        while message := await self.inbox.get():
            gap = message.control.gap
            if gap.to_sequence:
                self.lost(gap.from_sequence, gap.to_sequence, gap.reason)
            else:
                await self.consume(message.data)
            self.consumed, self.ack_due = gap.to_sequence or message.sequence, True
            self.wake.set()

    def fits(self, held, message):
        """A message always fits when nothing else is held, and never before the window is known."""
        messages, size = self.window or (0, 0)
        held_bytes = sum(len(each.data) for each in held)
        return messages and (
            not held or (len(held) < messages and held_bytes + len(message.data) <= size)
        )

    # One connection, writing: one task, the only one that writes, as fast as the network takes it.

    async def write(self, call):
        self.heartbeat = None  # of this connection, in seconds, once Welcome has told it
        message = self.open()
        while True:
            if message is not None:
                await call.write(message)
                written_at = time.monotonic()
            self.wake.clear()
            message, self.answer = self.answer or self.next(), None
            if message is None:
                silence = time.monotonic() - written_at
                try:
                    await asyncio.wait_for(
                        self.wake.wait(), self.heartbeat and max(0, self.heartbeat - silence)
                    )
                except asyncio.TimeoutError:
                    message = pb.DataMessage(type=pb.MESSAGE_TYPE_HEARTBEAT)

    def open(self):
        resume = self.attempt > 0
        self.attempt += 1  # so that the newest attachment wins
        return self.control(
            open=pb.Open(
                route=self.route,
                resume=resume,
                resume_token=self.token,
                attempt=self.attempt,
                last_received_sequence=self.position,
                **WINDOW,
            )
        )

    def next(self):
        """What is to be written now: after Opened the ack, then what the window has room for, at last Close."""
        if not self.is_open:
            return None
        following = self.unacknowledged.get(self.written + 1)
        flight = [each for each in self.unacknowledged.values() if each.sequence <= self.written]
        if following is not None and self.fits(flight, following):
            self.written += 1
            following.ack, self.ack_due = self.consumed, False
            return following
        if self.ack_due:
            self.ack_due = False
            return pb.DataMessage(type=pb.MESSAGE_TYPE_ACK, session_id=self.id, ack=self.consumed)
        if self.close_due and self.written == self.last:
            self.close_due = False
            return self.control(close=pb.Close())
        return None

    def control(self, **action):
        control = pb.Control(**action)
        return pb.DataMessage(type=pb.MESSAGE_TYPE_CONTROL, session_id=self.id, control=control)

    # One connection, reading. It ends when the session is over or the connection is to be left.

    async def read(self, call):
        patience = 10  # for Welcome; later a gateway that lives is heard from in every interval
        while not self.over:
            message = await asyncio.wait_for(call.read(), patience)
            if message is grpc.aio.EOF:
                return
            action = message.control.WhichOneof("action")
            if message.type == pb.MESSAGE_TYPE_HEALTH_CHECK:
                if message.ack == 0:  # else it is an answer
                    message.ack = message.sequence
                    self.answer = message
            elif action == "welcome":
                self.heartbeat = message.control.welcome.heartbeat_interval_ms / 1000 or None
                patience = self.heartbeat and 2 * self.heartbeat
            elif action == "drain" and message.control.drain.reason.startswith("connection"):
                return  # only this connection ends; when the gateway leaves, stay until Closed
            elif message.session_id == self.id and not self.receive(message, action):
                return
            self.wake.set()
            self.room.set()

    def receive(self, message, action):
        """Returns whether the connection is still of use."""
        if action == "opened":
            return self.opened(message.control.opened, message.ack)
        self.settle(message.ack)  # an ack comes before what it rides on
        if message.type in (pb.MESSAGE_TYPE_UNSPECIFIED, pb.MESSAGE_TYPE_DATA):
            self.received(message, message.sequence, message.sequence)
        elif action == "gap":
            self.received(message, message.control.gap.from_sequence, message.control.gap.to_sequence)
        elif action == "error" and message.control.error.sequence in self.unacknowledged:
            self.errors[message.control.error.sequence] = message.control.error
        elif action == "window":  # 0 leaves a part as it is
            messages, size = message.control.window.messages, message.control.window.bytes
            self.window = (messages or self.window[0], size or self.window[1])
        elif action == "closed":
            self.end(message.control.closed.code, message.control.closed.reason)
        return True

    def opened(self, opened, ack):
        if not opened.resume_token:
            if self.was_opened:  # what is unacknowledged was handled or not: the application must know
                self.end("GONE", "the gateway no longer has this session")
            else:  # the first Open was lost with its connection, and nothing was sent: open afresh
                self.token, self.attempt = os.urandom(16), 0
            return False
        self.is_open = self.was_opened = True
        self.window = (opened.window_messages, opened.window_bytes)
        self.written = opened.last_received_sequence  # what is above it is sent again
        self.settle(ack)
        self.ack_due = self.consumed > 0  # what an older connection was told may be lost
        self.close_due = self.closing
        return True

    def settle(self, ack):
        while self.acked < ack:
            self.acked += 1
            del self.unacknowledged[self.acked]
            if self.acked in self.errors:
                self.failed(self.acked, self.errors.pop(self.acked))

    def received(self, message, first, last):
        if first != self.position + 1:
            raise Violation(f"{first} does not follow {self.position}")
        self.position = last
        self.inbox.put_nowait(message)

    def end(self, code, reason):
        self.over = (code, reason)
        self.room.set()
