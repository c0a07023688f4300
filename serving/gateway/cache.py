"""Answers that the gateway keeps, in this process or in Redis for all replicas."""

from __future__ import annotations

import hashlib
import logging
import struct
import time
import warnings
from dataclasses import dataclass
from typing import Any

import orjson

from config.settings import Settings
from serving.gateway.figures import GatewayFigures
from serving.redis_keys import key_prefix

logger = logging.getLogger(__name__)

#: Of this process, where there is no Redis: an answer takes some KB.
ENTRIES = 20_000
REDIS_SECONDS, PAUSE_SECONDS, CONNECTIONS = 0.05, 2.0, 32
_TIME = struct.Struct("!d")


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that is kept. ``fresh``: it is good as it is; else only where there is none better."""

    body: bytes
    fresh: bool


class AnswerCache:
    """Bodies by key. For one event loop.

    Args:
        settings: ``redis_url``.
        figures: told of each look; of its kind a key tells by what stands before its first colon.
    """

    def __init__(self, settings: Settings, figures: GatewayFigures | None = None) -> None:
        self._figures = figures
        self._url = settings.redis_url
        self._prefix = key_prefix(settings, "gateway")
        self._made: Any = None
        self._not_before = 0.0
        self.last_error: str | None = None

    async def get(self, key: str, seconds: float) -> Kept | None:
        """What is kept under ``key``; fresh where it is no older than ``seconds``. Never raises."""
        found = await self._ask("get", self._prefix + key) if seconds else None
        kept = None
        if isinstance(found, bytes) and len(found) >= _TIME.size:
            age = time.time() - _TIME.unpack_from(found)[0]
            kept = Kept(found[_TIME.size :], age <= seconds)
        if self._figures is not None:
            outcome = "miss" if kept is None else "hit" if kept.fresh else "stale"
            self._figures.looked(key.split(":", 1)[0], outcome)
        return kept

    async def put(self, key: str, body: bytes, seconds: float, *, stale_seconds: float = 0.0) -> None:
        """Keep a body; ``stale_seconds`` longer than it is fresh. Never raises."""
        if seconds:
            value = _TIME.pack(time.time()) + body
            await self._ask("set", self._prefix + key, value, expire=seconds + stale_seconds)

    async def generation(self, name: str) -> str:
        """A word that is part of keys: :meth:`drop` changes it, and nothing that is kept is found any more."""
        found = await self._ask("get", f"{self._prefix}generation:{name}")
        return found.decode() if isinstance(found, bytes) else "0"

    async def drop(self, name: str) -> None:
        """Give ``name`` another generation. It outlives whatever is kept."""
        word = str(time.time_ns()).encode()
        await self._ask("set", f"{self._prefix}generation:{name}", word, expire=30 * 86_400)

    def complaints(self) -> list[str]:
        """What is not as it should be, a sentence each."""
        return [f"Redis does not answer ({self.last_error}): no answer is kept"] if self.last_error else []

    async def close(self) -> None:
        """Let the connections go."""
        if self._made is not None:
            with warnings.catch_warnings():  # cashews calls them by a name that redis-py has given up
                warnings.simplefilter("ignore", DeprecationWarning)
                await self._made[0].close()

    async def _ask(self, what: str, *arguments: Any, **options: Any) -> Any:
        if time.monotonic() < self._not_before:
            return None
        cache, faults = self._made or self._make()
        try:
            found = await getattr(cache, what)(*arguments, **options)
        except faults as error:
            cause = error.__cause__ or error
            if self.last_error is None:
                logger.warning("the cache does not answer, nothing is kept: %r", cause)
            self.last_error = type(cause).__name__
            self._not_before = time.monotonic() + PAUSE_SECONDS
            return None
        self.last_error = None
        return found

    def _make(self) -> Any:
        from cashews import Cache
        from cashews.exceptions import CacheError

        cache = Cache()
        if self._url is not None:
            cache.setup(
                self._url.get_secret_value(),
                suppress=False,
                socket_timeout=REDIS_SECONDS,
                socket_connect_timeout=REDIS_SECONDS,
                wait_for_connection_timeout=REDIS_SECONDS,
                max_connections=CONNECTIONS,
                pickle_type="null",
                check_repr=False,
            )
        else:  # no sweep: it would look at every entry each second, in the event loop; the size bounds memory
            cache.setup("mem://", size=ENTRIES, check_interval=0, pickle_type="null", check_repr=False)
        self._made = cache, (CacheError, OSError, TimeoutError)
        return self._made


def digest(value: Any) -> str:
    """Stands for a JSON value in a key, whatever the order of its names."""
    data = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(data, digest_size=20).hexdigest()
