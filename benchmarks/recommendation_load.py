"""Lists for many users in turns: ``python -m benchmarks.recommendation_load URL USERS_FILE CLIENTS SECONDS``.

The file holds a user's id a line. As :mod:`benchmarks.load`, its own process on raw sockets; prints one JSON
object.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.load import Client

LIMIT = 20


class UserClient(Client):
    """A connection that asks for the next user each time."""

    requests: Iterator[bytes]

    def _ask(self) -> None:
        self._request = next(self.requests)
        super()._ask()


def requests(url: str, users: list[str]) -> Iterator[bytes]:
    """A request for each user, again and again."""
    parts = urlsplit(url)
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
    bodies = [json.dumps({"user_id": user, "limit": LIMIT}) for user in users]
    return itertools.cycle([f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode() for body in bodies])


async def load(url: str, users: list[str], clients: int, seconds: float) -> dict[str, float]:
    """Ask for ``users`` in turns from ``clients`` connections for ``seconds``."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    asked = requests(url, users)
    began = time.perf_counter()
    running = []
    for _ in range(clients):
        client = UserClient(b"", began + seconds, latencies, loop.create_future())
        client.requests = asked
        await loop.create_connection(lambda client=client: client, parts.hostname, parts.port)
        running.append(client)
    async with asyncio.timeout(seconds + 60):
        await asyncio.gather(*(client.done for client in running))
    took = time.perf_counter() - began
    ordered = sorted(latencies)
    return {
        "requests": len(ordered),
        "failures": sum(client.failures for client in running),
        "seconds": took,
        "per_second": len(ordered) / took,
        **{f"p{part}": 1000 * ordered[min(len(ordered) - 1, len(ordered) * part // 100)] for part in (50, 99)},
    }


if __name__ == "__main__":
    address, users_file, number, duration = sys.argv[1:]
    names = Path(users_file).read_text().split()
    print(json.dumps(asyncio.run(load(address, names, int(number), float(duration)))))
