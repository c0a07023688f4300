"""The level of all rates from day to day: a smoothed base rate, for what drifts for everybody at once.

What a day knows of it are the days whose counts were final when it began: their effective clicks and
impressions are added up with weights exp(-days / ``REACH_DAYS``), and the base rate for ``PRIOR_ROWS`` rows. So
a row of the past knows as much as a question of today does, for which the level of the newest days stays. Where
the times of rows say nothing (one day only), the level is the base rate's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.ctr.spread import Spread, log_odds

REACH_DAYS = 7.0
#: Weight of the base rate, in rows' worth.
PRIOR_ROWS = 10.0
#: Counts of a day are final when the day after the next begins.
LAG_DAYS = 2
#: The oldest day that has a level of its own, before the newest.
MOST_DAYS = 3650
DAY_US = 86_400_000_000.0


@dataclass(frozen=True)
class Level:
    """Deviations from the base rate in log odds by day; ``first`` is the day (since 1970) of the first of
    them.
    """

    first: int
    deviations: np.ndarray

    def at(self, moments: Any) -> Any:
        """Deviation at microseconds since 1970, a float or (n,); NaN where the moment is missing."""
        day = np.clip(np.floor(moments / DAY_US) - self.first, 0, len(self.deviations) - 1)
        known = day == day
        return np.where(known, self.deviations[np.where(known, day, 0.0).astype(np.int64)], np.nan)

    def describe(self) -> dict[str, Any]:
        """JSON-ready form, the inverse of :meth:`restore`."""
        return {"first": self.first, "deviations": self.deviations.tolist()}

    @classmethod
    def restore(cls, stored: dict[str, Any]) -> Level:
        """Out of :meth:`describe`'s form. Raises KeyError, TypeError or ValueError."""
        deviations = np.array([float(value) for value in stored["deviations"]])
        if not len(deviations) or not np.isfinite(deviations).all():
            raise ValueError("the level of the days is not usable")
        return cls(int(stored["first"]), deviations)


def fit_level(moments: np.ndarray, rates: np.ndarray, worth: np.ndarray, spread: Spread) -> Level:
    """The level of each day between the first row and the newest, and of the days after it.

    Args:
        moments: (n,) microseconds since 1970.
        rates: (n,) observed rates.
        worth: (n,) effective impressions.
        spread: the base rate and the spread.
    """
    days = np.floor(moments / DAY_US).astype(np.int64)
    first = max(int(days.min()), int(days.max()) - MOST_DAYS + 1)
    place = np.maximum(days - first, 0)
    size = int(place.max()) + 1
    clicks, shown = np.bincount(place, worth * rates, size), np.bincount(place, worth, size)
    prior = PRIOR_ROWS * spread.phi
    level = (_known(clicks) + prior * spread.rate) / (_known(shown) + prior)
    return Level(first, np.asarray(log_odds(level) - log_odds(spread.rate)))


def _known(sums: np.ndarray) -> np.ndarray:
    """(days + LAG_DAYS,) sums over the days that were final by each day, weighted by their distance."""
    keep = float(np.exp(-1.0 / REACH_DAYS))
    known = np.concatenate([np.zeros(LAG_DAYS), sums])
    for day in range(1, len(known)):
        known[day] += keep * known[day - 1]
    return known
