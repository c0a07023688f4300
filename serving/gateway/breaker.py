"""A circuit breaker: a service that fails again and again is left alone for a while (Nygard, Release It!, 5.2).

Of one event loop, so that there is nothing to lock. A library would bring event classes, stores and middleware
for these thirty lines.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

State = Literal["closed", "open", "half-open"]


class Breaker:
    """Counts failures in a row.

    Args:
        failures: after so many it opens.
        seconds: for so long, until one request tries.
        clock: seconds that only grow.
    """

    def __init__(self, failures: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = failures
        self._seconds = seconds
        self._clock = clock
        self._failures = 0
        self._opened_at = 0.0
        self._trying = False

    @property
    def state(self) -> State:
        """closed: requests pass; open: none does; half-open: one may try."""
        if self._failures < self._most:
            return "closed"
        return "open" if self._clock() - self._opened_at < self._seconds else "half-open"

    @property
    def retry_after(self) -> float:
        """Seconds until a request may try."""
        return max(0.0, self._opened_at + self._seconds - self._clock()) if self.state == "open" else 0.0

    def enter(self) -> bool:
        """Whether a request may pass; it must say how it ended, by one of the three below."""
        state = self.state
        if state == "closed":
            return True
        if state == "open" or self._trying:
            return False
        self._trying = True
        return True

    def succeeded(self) -> None:
        """It was answered."""
        self._failures, self._trying = 0, False

    def failed(self) -> None:
        """It was not answered, or by a fault."""
        self._failures, self._trying = self._failures + 1, False
        if self._failures >= self._most:
            self._opened_at = self._clock()

    def left(self) -> None:
        """Whoever asked went away: it says nothing of the service."""
        self._trying = False
