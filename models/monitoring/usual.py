"""How far the reference's own weeks lie from one another: the empirical null of drift.

A test asks whether two samples are of one distribution, but no two weeks of real rows are. What a window
shows is held against what windows of the same length within the reference show against the rest of it.
"""

from __future__ import annotations

import numpy as np

from models.monitoring.bins import population_stability

#: Fewer windows' worth of days tell nothing of what is usual.
LEAST_SPAN = 3
#: A window of fewer rows is mostly noise.
LEAST_ROWS = 30


def usual_psi(codes: np.ndarray, days: np.ndarray, bins: int, window: int) -> float | None:
    """The largest index of any ``window`` days of the reference against all its other rows; None: it spans too
    few days.

    Args:
        codes: (n,) the bin of each row of the reference.
        days: (n,) the day of each row, as a number.
        bins: how many bins there are.
        window: days.
    """
    windows = starts(days, window)
    if windows is None:
        return None
    first = int(days.min())
    table = np.bincount((days - first) * bins + codes, minlength=(int(days.max()) - first + 1) * bins)
    upto = np.vstack([np.zeros(bins, int), table.reshape(-1, bins).cumsum(axis=0)])
    total = upto[-1]
    seen = []
    for start in windows - first:
        inside = upto[start + window] - upto[start]
        if inside.sum() >= LEAST_ROWS and (total - inside).sum() >= LEAST_ROWS:
            seen.append(population_stability(total - inside, inside))
    return max(seen) if len(seen) >= LEAST_SPAN else None


def starts(days: np.ndarray, window: int) -> np.ndarray | None:
    """The first days of all whole windows of the reference; None: it spans too few days."""
    if not len(days):
        return None
    first, last = int(days.min()), int(days.max())
    if last - first + 1 < LEAST_SPAN * window:
        return None
    return np.arange(first, last - window + 2)


def some_starts(days: np.ndarray, window: int, count: int) -> np.ndarray | None:
    """At most ``count`` windows that do not overlap, the first and the last among them, evenly spread."""
    every = starts(days, window)
    if every is None:
        return None
    most = min(count, (int(every[-1]) - int(every[0])) // window + 1)
    return np.unique(np.linspace(every[0], every[-1], most).round().astype(int))
