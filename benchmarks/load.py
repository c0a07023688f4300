"""A load generator: ``python -m benchmarks.load URL BODY_FILE CLIENTS SECONDS``; connections are kept alive.

Its own process, so that it does not share an interpreter with what it measures; raw sockets under asyncio, so
that it costs little beside it. Each client sends its next request when its last answer is complete. Prints one
JSON object: requests, failures, seconds, and the latencies' percentiles in milliseconds.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

MAX_REQUESTS = 500_000


class Client(asyncio.Protocol):
    """One connection that sends the next of ``requests`` again and again until ``until``."""

    def __init__(
        self, requests: Iterator[bytes], until: float, latencies: list[float], done: asyncio.Future[None]
    ) -> None:
        self._requests, self._until, self._latencies, self.done = requests, until, latencies, done
        self._buffer = b""
        self.failures = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0])
        if len(self._buffer) < end + 4 + length:
            return
        now = time.perf_counter()
        self._latencies.append(now - self._sent)
        if self._buffer[9:10] != b"2":
            self.failures += 1
        self._buffer = b""
        if now >= self._until or len(self._latencies) >= MAX_REQUESTS:
            self._transport.close()
            self._finish()
        else:
            self._ask()

    def connection_lost(self, _: Exception | None) -> None:
        if not self.done.done():
            self.failures += 1
            self._finish()

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def drive(url: str, requests: Sequence[Iterator[bytes]], seconds: float) -> dict[str, float]:
    """Send each of ``requests`` over a connection of its own to the host of ``url`` for ``seconds``."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    began = time.perf_counter()
    running = []
    for asked in requests:
        client = Client(asked, began + seconds, latencies, loop.create_future())
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


def post(url: str, body: bytes) -> bytes:
    """A request with a JSON body, as it goes over the wire."""
    parts = urlsplit(url)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


if __name__ == "__main__":
    address, body_file, number, duration = sys.argv[1:]
    same = itertools.repeat(post(address, Path(body_file).read_bytes()))
    print(json.dumps(asyncio.run(drive(address, [same] * int(number), float(duration)))))
