"""The few lines of HTTP that the hot path needs: a request, a response, and a bounded read of the body.

Bare ASGI: what a framework adds a request (routing by pattern, dependency and response objects, middleware)
costs more than a prediction does.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from serving.problems import Problem
from serving.security import SECURITY_HEADERS

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

JSON = b"application/json"
#: A client that sends too much is given this long to notice the answer before the connection closes.
DRAIN_SECONDS = 1.0
DRAIN_BYTES = 16 * 1024 * 1024
#: A client that stops in the middle of its body does not hold its request for ever.
BODY_SECONDS = 20.0
MAX_PARAMETERS = 50


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, complete in memory."""

    body: bytes
    status: int = 200
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Request:
    """A request as ASGI gives it, read on demand."""

    __slots__ = ("_receive", "closing", "parameters", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self._receive = receive
        self.closing = False
        #: Of the path, by name.
        self.parameters: dict[str, str] = {}

    def header(self, name: bytes) -> bytes | None:
        """The first header called ``name`` (lower case)."""
        for key, value in self.scope["headers"]:
            if key == name:
                return bytes(value)
        return None

    def query(self, name: str) -> str | None:
        """The last value of a query parameter.

        Raises:
            Problem: 400 when there are too many parameters.
        """
        values = self._queries().get(name)
        return values[-1] if values else None

    def query_names(self) -> list[str]:
        """The names of all query parameters. Raises Problem as :meth:`query` does."""
        return list(self._queries())

    def _queries(self) -> dict[str, list[str]]:
        raw = self.scope["query_string"]
        if not raw:
            return {}
        try:
            return parse_qs(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
        except ValueError:
            raise Problem(400, f"The query holds more than {MAX_PARAMETERS} parameters.") from None

    async def json_body(self, limit: int, take: Callable[[int], None] | None = None) -> bytes:
        """The body of a request that says it is JSON (or says nothing), at most ``limit`` bytes.

        Args:
            limit: in bytes.
            take: is told the size of each piece as it comes, and may refuse it with a Problem.

        Raises:
            Problem: 415 for another type, 413 for more bytes (they are not read), 408 when they do not come,
                400 when the client left, and what ``take`` raises.
        """
        length: int | None = None
        for key, value in self.scope["headers"]:
            if key == b"content-length":
                length = int(value) if value.isdigit() else None
            elif key == b"content-type" and not is_json(value):
                self.closing = True
                raise Problem(415, "The body must be JSON: send it with Content-Type: application/json.")
        if length is not None and length > limit:
            raise self._too_large(limit)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self._read(limit, take)
        except TimeoutError:
            self.closing = True
            raise Problem(408, f"The body was not complete after {BODY_SECONDS:.0f} seconds.") from None

    async def _read(self, limit: int, take: Callable[[int], None] | None) -> bytes:
        chunks, size, more = [], 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Problem(400, "The client went away before its request was complete.")
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > limit:
                raise self._too_large(limit)
            if take is not None:
                self._offer(take, len(chunks[-1]))
            more = message.get("more_body", False)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _offer(self, take: Callable[[int], None], size: int) -> None:
        try:
            take(size)
        except Problem:
            self.closing = True
            raise

    def _too_large(self, limit: int) -> Problem:
        self.closing = True
        return Problem(413, f"The body is larger than the {limit} bytes that this service reads.")

    async def drain(self) -> None:
        """Throw away what the client still sends, within bounds, so that it can read the answer."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                size, more = 0, True
                while more and size < DRAIN_BYTES:
                    message = await self._receive()
                    size += len(message.get("body", b""))
                    more = bool(message.get("more_body"))


def is_json(content_type: bytes) -> bool:
    """Whether a Content-Type names JSON in UTF-8."""
    if content_type == JSON:
        return True
    kind, _, parameters = content_type.lower().partition(b";")
    kind, parameters = kind.strip(), parameters.replace(b" ", b"").replace(b'"', b"")
    if b"charset=" in parameters and b"charset=utf-8" not in parameters:
        return False
    return kind == JSON or (kind.startswith(b"application/") and kind.endswith(b"+json"))


async def respond(request: Request, response: Response, send: Send) -> None:
    """Send ``response``. When the body was refused unread, say that the connection closes, and drain first."""
    head = [
        (b"content-type", response.content_type),
        (b"content-length", b"%d" % len(response.body)),
        *SECURITY_HEADERS,
        *response.headers,
    ]
    if request.closing:
        head.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": response.status, "headers": head})
    body = b"" if request.scope["method"] == "HEAD" else response.body
    if request.closing:
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await request.drain()
        body = b""
    await send({"type": "http.response.body", "body": body})
