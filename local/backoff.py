"""How long to wait before a part that died is started again."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass
class Backoff:
    """Exponential back-off with jitter that forgets earlier deaths after a healthy ``reset_after`` seconds.

    The n-th wait in a row lies in [0.5, 1] x min(longest, first x 2^n) seconds: never zero, so that a part
    that dies at once cannot spin, and spread, so that parts that died together do not start together.
    """

    random: random.Random = field(default_factory=random.Random)
    first: float = 0.5
    longest: float = 30.0
    reset_after: float = 60.0
    deaths: int = 0

    def after(self, uptime: float) -> float:
        """Seconds to wait now that the part died after ``uptime`` healthy seconds (0: it never was ready)."""
        if uptime >= self.reset_after:
            self.deaths = 0
        limit = min(self.longest, self.first * 2.0 ** min(self.deaths, 32))
        self.deaths += 1
        return limit * self.random.uniform(0.5, 1.0)
