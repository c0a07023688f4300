"""Rows a day against the same weekday's past, by a rule that a few odd days do not move."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np

#: The same weekday of this many past weeks is looked at; of fewer than the second nothing is said.
WEEKS, LEAST_WEEKS = 8, 3
#: A day is odd this many robust deviations off, and by at least this ratio.
DEVIATIONS, RATIO = 5.0, 1.5
#: Days vary by this much on the log scale even where the past weeks happened to be alike.
LEAST_SPREAD = 0.1
#: Below this many rows a day an odd day is noise.
LEAST_ROWS = 20


@dataclass(frozen=True)
class Volume:
    """Rows of the day, the middle of the same weekday's past, between which counts a day is usual, and whether
    it is ``low``, ``high`` or neither.
    """

    rows: int
    expected: float
    low: float
    high: float
    odd: Literal["low", "high"] | None


def volume(counts: Mapping[date, int], day: date) -> Volume | None:
    """Judge the rows of ``day``; None: too little of its past is known.

    The day's logarithm is held against the median of the same weekday in the past weeks, in units of 1.4826
    times their median absolute deviation (Leys et al. 2013), Poisson noise added.
    """
    weeks = [day - timedelta(weeks=back) for back in range(1, WEEKS + 1)]
    past = np.array([counts[week] for week in weeks if week in counts], dtype=np.float64)
    if len(past) < LEAST_WEEKS or day not in counts:
        return None
    logs = np.log1p(past)
    middle = float(np.median(logs))
    spread = 1.4826 * float(np.median(np.abs(logs - middle)))
    # a spread out of few weeks is itself uncertain
    spread *= 1 + 2 / len(past)
    width = max(DEVIATIONS * math.sqrt(max(spread, LEAST_SPREAD) ** 2 + math.exp(-middle)), math.log(RATIO))
    rows = counts[day]
    off = math.log1p(rows) - middle
    enough = max(rows, math.expm1(middle)) >= LEAST_ROWS
    odd: Literal["low", "high"] | None = None
    if enough and (rows == 0 or abs(off) > width):
        odd = "low" if off < 0 else "high"
    low, high = math.expm1(middle - width), math.expm1(middle + width)
    return Volume(rows, math.expm1(middle), max(0.0, low), high, odd)
