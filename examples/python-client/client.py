"""One session that outlives its connections: docs/protocol.md as a page of Python."""

import asyncio
import logging
import os
import random
import time

import grpc
from sluice.v1 import stream_pb2 as pb
from sluice.v1.stream_pb2_grpc import StreamServiceStub

WINDOW = dict(window_messages=256, window_bytes=1 << 20)  # what we are prepared to hold
OVERHEAD = 512  # bytes of a message beside its payload, at most
FINAL = ("INVALID_ARGUMENT", "NOT_FOUND", "PERMISSION_DENIED", "UNAUTHENTICATED", "UNIMPLEMENTED")
OPTIONS = [
    # A channel for each connection: a lasting one has its own, slower, idea of when to try again.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    ("grpc.max_receive_message_length", 16 << 20),  # grpc's own limit is below the gateway's
]
log = logging.getLogger(__name__)


class Violation(Exception):
    """The gateway did what the protocol forbids."""


class Session:
    """`consume(data)` is awaited for each payload, in order, each once, and then it is acknowledged.
    `lost(first, last, reason)` tells of messages that will not come, `failed(sequence, error)` of
    one of ours that the route could not handle. `fetch_token()`, where one has to be shown, is awaited
    before each connection, and again before the token expires."""

    def __init__(self, session_id, route, consume, lost, failed, fetch_token=None):
        self.id, self.route, self.fetch_token = session_id, route, fetch_token
        self.consume, self.lost, self.failed = consume, lost, failed
        self.token, self.attempt, self.was_opened = os.urandom(16), 0, False
        self.over = None  # (code, reason) at its end
        self.unacknowledged = {}  # ours by sequence, acked + 1 to last; up to `written` it is under way
        self.acked = self.written = self.last = 0
        self.errors = {}  # of what is not settled yet
        self.window = None  # the gateway's, in messages and bytes; nothing is sent before we know it
        self.position = self.consumed = 0  # the last one received, the last one consumed
        self.inbox = asyncio.Queue()  # between the two; our window bounds it
        self.urgent = {}  # goes first, the newest of each type: an answer to a health check, a fresh token
        self.is_open = self.ack_due = self.closing = self.close_due = False
        self.wake, self.room = asyncio.Event(), asyncio.Event()  # something to write; something settled
        self.connections = 0

    async def send(self, data):
        """Returns the payload's sequence (of its last message, if it takes several) as soon as the
        gateway's window has room for it: from then on it is not lost."""
        while not (self.over or self.closing):
            pieces = self.split(data) if self.window else []
            if pieces and self.fits(self.unacknowledged.values(), pieces):
                for piece in pieces:
                    self.last += 1
                    piece.sequence = self.last
                    self.unacknowledged[self.last] = piece
                self.wake.set()
                return self.last
            if pieces and not self.unacknowledged:
                raise ValueError(f"{len(data)} bytes are more than the gateway's window, {self.window}")
            self.room.clear()
            await self.room.wait()
        raise ConnectionError(f"the session is over, or closing: {self.over}")

    def close(self):
        """Asks for the end, behind all that was sent; `run` returns when it is there."""
        self.closing = self.close_due = True
        self.wake.set()
        self.room.set()

    async def run(self, address, client_id, credentials=None):
        """Keeps the session attached until it is over; returns (code, reason), code "" if we closed it.
        `credentials` are grpc's, for TLS."""
        consuming = asyncio.ensure_future(self.consume_all())
        failures = 0  # connections in a row that did not get as far as Opened
        try:
            while not self.over:
                async with self.channel(address, credentials) as channel:
                    code, details = await self.connect(channel, client_id, consuming)
                log.debug("connection over: %s %s", code, details)
                expired = code == "UNAUTHENTICATED" and self.fetch_token and failures == 0
                if code in FINAL and not expired:
                    self.end(code, details)
                failures = 0 if self.is_open else failures + 1
                self.is_open = False
                if not self.over:  # at random: a gateway's clients must not all come back at once
                    await asyncio.sleep(random.uniform(0, min(5.0, 0.1 * 2 ** min(failures, 10))))
            self.inbox.put_nowait(None)
            await consuming
            return self.over
        finally:
            consuming.cancel()

    def channel(self, address, credentials):
        if credentials:
            return grpc.aio.secure_channel(address, credentials, options=OPTIONS)
        return grpc.aio.insecure_channel(address, options=OPTIONS)

    async def connect(self, channel, client_id, consuming):
        """One connection, until it is of no more use; returns the code and the details it ended with."""
        metadata = [("x-client-id", client_id)]
        if self.fetch_token:
            try:
                metadata.append(("authorization", f"Bearer {await self.fetch_token()}"))
            except Exception as error:
                log.warning("no token: %s", error)
                return "", str(error)
        call = StreamServiceStub(channel).StreamData(metadata=metadata)
        self.connections += 1
        self.work = [asyncio.ensure_future(self.read(call)), asyncio.ensure_future(self.write(call))]
        try:
            await asyncio.wait([*self.work, consuming], return_when=asyncio.FIRST_COMPLETED)
        finally:
            call.cancel()  # where it has not ended
            for task in self.work:
                task.cancel()
            endings = await asyncio.gather(*self.work, return_exceptions=True)
        if consuming.done():
            consuming.result()  # raises what `consume` raised
        for ending in endings:
            if isinstance(ending, Violation):
                raise ending
        return (await call.code()).name, await call.details()

    async def consume_all(self):
        payload = bytearray()
        while message := await self.inbox.get():
            gap = message.control.gap
            if gap.to_sequence:
                self.lost(gap.from_sequence, gap.to_sequence, gap.reason)
            else:
                payload += message.data
                if message.more:  # acknowledged with the last: the gateway sees to it that all fit our window
                    continue
                await self.consume(bytes(payload))
                payload.clear()
            self.consumed, self.ack_due = gap.to_sequence or message.sequence, True
            self.wake.set()

    def split(self, data):
        starts = range(0, max(1, len(data)), self.largest)
        pieces = [self.message(pb.MESSAGE_TYPE_DATA, data=data[at : at + self.largest]) for at in starts]
        for piece in pieces[:-1]:
            piece.more = True
        return pieces

    def fits(self, held, following):
        """Whether there is room behind what is held. A single message always fits when nothing is."""
        both = [*held, *following]
        messages, size = self.window
        return len(both) == 1 or (len(both) <= messages and sum(len(each.data) for each in both) <= size)

    def message(self, kind, **fields):
        return pb.DataMessage(type=kind, session_id=self.id, **fields)

    def control(self, **action):
        return self.message(pb.MESSAGE_TYPE_CONTROL, control=pb.Control(**action))

    # One connection, writing: one task, the only one that writes, as fast as the network takes it.

    async def write(self, call):
        message = self.open()
        while True:
            if message is not None:
                await call.write(message)
                written_at = time.monotonic()
            self.wake.clear()
            message = self.next()
            if message is None:
                silence = time.monotonic() - written_at
                try:
                    await asyncio.wait_for(
                        self.wake.wait(), self.heartbeat and max(0, self.heartbeat - silence)
                    )
                except asyncio.TimeoutError:
                    message = pb.DataMessage(type=pb.MESSAGE_TYPE_HEARTBEAT)

    def open(self):
        self.heartbeat = None  # in seconds, once Welcome has told it
        self.urgent.clear()
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
        """What is to be written now: what is urgent; after Opened what the window has room for, the ack,
        at last Close."""
        if self.urgent:
            return self.urgent.popitem()[1]
        if not self.is_open:
            return None
        following = self.unacknowledged.get(self.written + 1)
        flight = [each for each in self.unacknowledged.values() if each.sequence <= self.written]
        if following is not None and self.fits(flight, [following]):
            self.written += 1
            following.ack, self.ack_due = self.consumed, False
            return following
        if self.ack_due:
            self.ack_due = False
            return self.message(pb.MESSAGE_TYPE_ACK, ack=self.consumed)
        if self.close_due and self.written == self.last:
            self.close_due = False
            return self.control(close=pb.Close())
        return None

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
                    self.urgent[message.type] = message
            elif action == "welcome":
                self.heartbeat = message.control.welcome.heartbeat_interval_ms / 1000 or None
                self.largest = message.control.welcome.max_message_bytes - OVERHEAD
                patience = self.heartbeat and 2 * self.heartbeat
            elif action == "throttle" and message.control.throttle.scope == "token" and self.fetch_token:
                renewing = self.renew(message.control.throttle.retry_after_ms / 1000)
                self.work.append(asyncio.ensure_future(renewing))
            elif action == "drain" and message.control.drain.reason.startswith("connection"):
                return  # only this connection ends; when the gateway leaves, stay until Closed
            elif message.session_id == self.id and not self.receive(message, action):
                return
            self.wake.set()
            self.room.set()

    async def renew(self, left):
        """Shows a fresh token when three quarters of the seconds that the present one has left are over.
        If none is to be had by the end of it, the connection ends, and the next one asks again."""
        while left > 0.1:
            await asyncio.sleep(left * 3 / 4)
            left /= 4
            try:
                control = pb.Control(authenticate=pb.Authenticate(token=await self.fetch_token()))
            except Exception as error:
                log.warning("no fresh token: %s", error)
                continue
            self.urgent[pb.MESSAGE_TYPE_CONTROL] = pb.DataMessage(
                type=pb.MESSAGE_TYPE_CONTROL, control=control
            )
            self.wake.set()
            return

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
