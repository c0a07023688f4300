"""How many requests a minute are taken of one user: a sliding window, here or in Redis for all replicas.

The window is the weighted sum of this minute and the last one. In Redis it is that of the library `limits`; its
in-process store starts a task over all users with each request, so that ours keeps two dictionaries.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from config.settings import Settings
from serving.problems import Problem
from serving.redis_keys import key_prefix

logger = logging.getLogger(__name__)

WINDOW = 60
#: A Redis that is not there costs no request more than this, and only one in PAUSE_SECONDS.
REDIS_SECONDS, PAUSE_SECONDS = 0.05, 2.0
Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a user stands: whether this request passes, how many more do, seconds until one more does where none
    does now, and else until the minute ends.
    """

    passes: bool
    limit: int
    remaining: int
    reset: int

    def headers(self) -> Headers:
        """As answers tell it (draft-ietf-httpapi-ratelimit-headers-07), and by the older names."""
        limit, remaining, reset = b"%d" % self.limit, b"%d" % self.remaining, b"%d" % self.reset
        return (
            (b"ratelimit-limit", limit),
            (b"ratelimit-remaining", remaining),
            (b"ratelimit-reset", reset),
            (b"ratelimit-policy", b"%d;w=%d" % (self.limit, WINDOW)),
            (b"x-ratelimit-limit", limit),
            (b"x-ratelimit-remaining", remaining),
            (b"x-ratelimit-reset", reset),
        )

    def problem(self) -> Problem:
        """429 of whoever does not pass."""
        return Problem(
            429,
            f"More than {self.limit} requests in a minute: come again in {self.reset} s.",
            headers=((b"retry-after", b"%d" % self.reset), *self.headers()),
        )


class Windows:
    """Counts of this process. ``clock`` in seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._minute = 0
        self._now: dict[str, int] = {}
        self._before: dict[str, int] = {}

    def hit(self, who: str, limit: int) -> Standing:
        """Count a request, where it passes."""
        at = self._clock()
        minute, since = int(at // WINDOW), at % WINDOW
        if minute != self._minute:
            self._before = self._now if minute == self._minute + 1 else {}
            self._now = {}
            self._minute = minute
        before, now = self._before.get(who, 0), self._now.get(who, 0)
        used = before * (WINDOW - since) / WINDOW + now
        if used + 1 > limit:
            return Standing(False, limit, 0, max(1, math.ceil(_seconds_to_pass(before, now, since, limit))))
        self._now[who] = now + 1
        return Standing(True, limit, max(0, int(limit - used - 1)), max(1, math.ceil(WINDOW - since)))


def _seconds_to_pass(before: int, now: int, since: float, limit: int) -> float:
    """Until the weighted sum leaves room for one more: within this minute, or else in the next one."""
    room = limit - 1 - now
    if room >= 0:
        return WINDOW * (1 - room / before) - since
    return WINDOW - since + WINDOW * (1 - (limit - 1) / now)


class RateLimiter:
    """Limits by name: a user, or the address of whoever shows no token.

    Args:
        settings: ``rate_limit_per_minute`` (0: any number) and ``redis_url``.
    """

    def __init__(self, settings: Settings) -> None:
        self.limit = settings.rate_limit_per_minute
        self._windows = Windows()
        self._redis_url = settings.redis_url
        self._prefix = key_prefix(settings, "gateway") + "limits"
        self._shared: Any = None
        self._not_before = 0.0
        self.last_error: str | None = None

    async def hit(self, who: str) -> Standing | None:
        """Count a request of theirs; None: there is no limit. Never raises."""
        if not self.limit:
            return None
        if self._redis_url is not None and time.monotonic() >= self._not_before:
            try:
                return await self._hit_shared(who)
            except Exception as error:  # noqa: BLE001 - whatever Redis does, there is a limit here
                self._failed(error)
        return self._windows.hit(who, self.limit)

    def complaints(self) -> list[str]:
        """What is not as it should be, a sentence each."""
        if self.last_error is None:
            return []
        return [f"Redis does not answer ({self.last_error}): requests are limited by each process for itself"]

    async def close(self) -> None:
        """Let the connections go."""
        if self._shared is not None:
            await self._shared[2].disconnect()
            self._shared = None

    async def _hit_shared(self, who: str) -> Standing:
        item, strategy, _ = self._shared or self._connected()
        passes = await strategy.hit(item, who)
        found = await strategy.get_window_stats(item, who)
        self.last_error = None
        reset = max(1, math.ceil(found.reset_time - time.time()))
        return Standing(passes, self.limit, max(0, found.remaining), min(reset, WINDOW))

    def _connected(self) -> Any:
        from limits import RateLimitItemPerMinute
        from limits.aio.storage import RedisStorage
        from limits.aio.strategies import SlidingWindowCounterRateLimiter
        from redis.asyncio import ConnectionPool

        assert self._redis_url is not None  # noqa: S101
        address = self._redis_url.get_secret_value()
        pool = ConnectionPool.from_url(
            address, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS
        )
        storage = RedisStorage(
            f"async+{address}", implementation="redispy", key_prefix=self._prefix, connection_pool=pool
        )
        strategy = SlidingWindowCounterRateLimiter(storage)
        self._shared = RateLimitItemPerMinute(self.limit), strategy, pool
        return self._shared

    def _failed(self, error: Exception) -> None:
        if self.last_error is None:
            logger.warning("Redis does not answer, requests are limited by each process: %r", error)
        self.last_error = type(error).__name__
        self._not_before = time.monotonic() + PAUSE_SECONDS
