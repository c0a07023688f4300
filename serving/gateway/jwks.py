"""Public keys of RS256 tokens, out of a file or an address (RFC 7517); read when they are needed, then kept."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from serving.gateway.tokens import refused
from serving.problems import Problem

logger = logging.getLogger(__name__)

#: Keys that were taken back are known no longer after this.
FRESH_SECONDS = 600.0
#: Who sends tokens of unknown keys makes us read no more often than this.
PAUSE_SECONDS = 15.0
#: Fewer bits are within reach of who wants to sign (NIST SP 800-131A).
LEAST_BITS = 2048


class KeySet:
    """Keys by their ids.

    Args:
        read: gives the document; may raise anything.
        clock: seconds that only grow.
    """

    def __init__(
        self, read: Callable[[], Awaitable[bytes]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._clock = clock
        self._keys: dict[str | None, Any] = {}
        self._read_at = self._tried_at = float("-inf")
        self._lock = asyncio.Lock()
        self.last_error: str | None = None

    async def find(self, kid: str | None) -> Any:
        """The key of that id; without an id, the only one there is.

        Raises:
            Problem: 401 when there is no such key, 503 when none could be read at all.
        """
        if self._found(kid) is None or self._clock() - self._read_at > FRESH_SECONDS:
            await self._refresh()
        key = self._found(kid)
        if key is not None:
            return key
        if not self._keys and self.last_error:
            raise Problem(
                503, "Tokens cannot be checked now: their public keys could not be read.",
                headers=((b"retry-after", b"%d" % PAUSE_SECONDS),),
            )  # fmt: skip
        raise refused("its key is not known")

    def complaints(self) -> list[str]:
        """What is not as it should be, a sentence each."""
        return [f"the public keys of tokens cannot be read ({self.last_error})"] if self.last_error else []

    def _found(self, kid: str | None) -> Any:
        if kid is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid) if isinstance(kid, str) else None

    async def _refresh(self) -> None:
        async with self._lock:
            now = self._clock()
            if now - self._tried_at < PAUSE_SECONDS:
                return
            self._tried_at = now
            try:
                self._keys = _usable(orjson.loads(await self._read()))
                self._read_at, self.last_error = now, None
            except Exception as error:  # noqa: BLE001 - whatever it is, the keys of before go on
                self.last_error = type(error).__name__
                logger.warning("the public keys of tokens cannot be read: %r", error)


def _usable(document: Any) -> dict[str | None, Any]:
    """RSA keys for RS256 signatures; others of the set are somebody else's business."""
    import jwt

    keys: dict[str | None, Any] = {}
    for entry in document["keys"]:
        if entry.get("kty") != "RSA" or entry.get("use", "sig") != "sig" or "d" in entry:
            continue
        if entry.get("alg", "RS256") != "RS256":
            continue
        try:
            key = jwt.PyJWK(entry, "RS256").key
        except jwt.PyJWTError as error:
            logger.warning("a public key of tokens is not usable: %s", error)
            continue
        if key.key_size >= LEAST_BITS:
            keys[entry.get("kid")] = key
    return keys
