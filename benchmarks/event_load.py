"""Batches of events, none of them twice: ``python -m benchmarks.event_load URL CLIENTS BATCH SECONDS SEED``.

As :mod:`benchmarks.load`, its own process on raw sockets. Prints one JSON object, with the ``events`` sent.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sys
import time
from datetime import UTC, datetime
from urllib.parse import urlsplit

from benchmarks.load import Client

_EVENT = (
    '{{"event_id":"{id}","user_id":"user-{user}","item_id":"video-{item}","kind":"view","at":"{at}",'
    '"watch_share":0.{share},"region":"DE"}}'
)


class Batches:
    """Requests with events that nobody sent before."""

    def __init__(self, url: str, size: int, seed: int) -> None:
        parts = urlsplit(url)
        self._head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        self._size = size
        self._seed = seed
        self._random = random.Random(seed)
        self._numbers = itertools.count()
        self._at = datetime.now(UTC).isoformat()

    def request(self) -> bytes:
        """The next one."""
        draw = self._random.random
        body = ",".join(
            _EVENT.format(
                id=f"{self._seed}-{next(self._numbers)}",
                user=int(draw() * 20_000),
                item=int(draw() * 50_000),
                at=self._at,
                share=int(draw() * 100),
            )
            for _ in range(self._size)
        )
        body = f'{{"events":[{body}]}}'
        return f"{self._head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


class BatchClient(Client):
    """A connection that sends another batch each time."""

    batches: Batches

    def _ask(self) -> None:
        self._request = self.batches.request()
        super()._ask()


async def send(url: str, clients: int, size: int, seconds: float, seed: int) -> dict[str, float]:
    """Send batches of ``size`` from ``clients`` connections for ``seconds``."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    began = time.perf_counter()
    running = []
    for number in range(clients):
        client = BatchClient(b"", began + seconds, latencies, loop.create_future())
        client.batches = Batches(url, size, seed * 100 + number)
        await loop.create_connection(lambda client=client: client, parts.hostname, parts.port)
        running.append(client)
    async with asyncio.timeout(seconds + 60):
        await asyncio.gather(*(client.done for client in running))
    took = time.perf_counter() - began
    ordered = sorted(latencies)
    return {
        "events": size * len(ordered),
        "failures": sum(client.failures for client in running),
        "seconds": took,
        **{f"p{part}": 1000 * ordered[min(len(ordered) - 1, len(ordered) * part // 100)] for part in (50, 99)},
    }


if __name__ == "__main__":
    address, *numbers = sys.argv[1:]
    many, each, duration, start = (int(number) for number in numbers)
    print(json.dumps(asyncio.run(send(address, many, each, duration, start))))
