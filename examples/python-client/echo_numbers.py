"""Sends numbers to a route that echoes them, and prints, as one JSON object, what came of it.

Break its connections meanwhile, as you like.
"""

import argparse
import asyncio
import json
import os
import pathlib

from client import Session


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="localhost:50051")
    parser.add_argument("--client-id", default=f"python-{os.urandom(4).hex()}")
    parser.add_argument("--route", default="echo")
    parser.add_argument("--messages", type=int, default=1_000)
    parser.add_argument("--delay", type=float, default=0, help="seconds between two messages")
    parser.add_argument("--size", type=int, default=0, help="bytes of each payload, filled up with spaces")
    parser.add_argument("--token-file", help="the token to show, read each time one is needed")
    options = parser.parse_args()
    echoes, losses, failures = [], [], []

    async def consume(data):
        echoes.append(int(data))
        if len(echoes) == options.messages:
            session.close()

    def lost(first, last, reason):
        losses.append(f"{first} to {last}: {reason}")

    def failed(sequence, error):
        failures.append(f"{sequence}: {error.code} {error.message}")

    async def fetch_token():
        return pathlib.Path(options.token_file).read_text().strip()

    async def send_all():
        for number in range(1, options.messages + 1):
            await session.send(str(number).ljust(options.size).encode())
            await asyncio.sleep(options.delay)

    token = fetch_token if options.token_file else None
    session = Session("numbers", options.route, consume, lost, failed, token)
    sending = asyncio.ensure_future(send_all())
    code, reason = await session.run(options.address, options.client_id)
    sending.cancel()
    summary = {
        "sent": session.last,
        "accepted": session.acked - len(failures),
        "received": len(echoes),
        "eachOnceInOrder": echoes == list(range(1, options.messages + 1)),
        "connections": session.connections,
        "lost": losses,
        "failed": failures,
        "closed": code,
        "reason": reason,
    }
    print(json.dumps(summary))


if __name__ == "__main__":
    asyncio.run(main())
