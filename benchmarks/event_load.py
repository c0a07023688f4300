"""Batches of events, none of them twice: ``python -m benchmarks.event_load URL CLIENTS BATCH SECONDS SEED``.

As :mod:`benchmarks.load`, its own process on raw sockets. Prints one JSON object, with the ``events`` sent.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

from benchmarks.load import drive, post

_EVENT = (
    '{{"event_id":"{id}","user_id":"user-{user}","item_id":"video-{item}","kind":"view","at":"{at}",'
    '"watch_share":0.{share},"region":"DE"}}'
)


def batches(url: str, size: int, seed: int) -> Iterator[bytes]:
    """Requests with events that nobody sent before."""
    draw, numbers, at = random.Random(seed).random, itertools.count(), datetime.now(UTC).isoformat()
    while True:
        body = ",".join(
            _EVENT.format(
                id=f"{seed}-{next(numbers)}",
                user=int(draw() * 20_000),
                item=int(draw() * 50_000),
                at=at,
                share=int(draw() * 100),
            )
            for _ in range(size)
        )
        yield post(url, f'{{"events":[{body}]}}'.encode())


if __name__ == "__main__":
    address, *numbers = sys.argv[1:]
    clients, size, seconds, seed = (int(number) for number in numbers)
    asked = [batches(address, size, seed * 100 + number) for number in range(clients)]
    found = asyncio.run(drive(address, asked, seconds))
    print(json.dumps({**found, "events": size * found["requests"]}))
