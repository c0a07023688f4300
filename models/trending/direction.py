"""Whether an item rises or falls beyond chance: its share of all engagement, now against before.

Both counts are of accounts, in two windows of one length. Given their sum n, the count of now is binomial with
the share of engagement that lies in the present window (the conditional test of two Poisson rates: Przyborowski
and Wilenski 1940, Biometrika 31). As that share is the platform's own, more engagement everywhere, as in the
evening, makes no item rise. It is the median over the items with enough accounts, which those that trend do not
move, however large they are. With few items it is that of all other items together.

People come in crowds, so that shares scatter more than by chance alone: the log-odds of the share has the
variance 1 / (n p (1 - p)) + scatter ** 2 (a random effect on the logit: Williams 1982, Applied Statistics 31,
his model III). ``scatter`` is estimated over all items of the list, and by their median, which the few items
that do trend hardly move; 0.2 says that an item's growth strays by 20 % without a cause. The p-value is the
greater one of the exact binomial test, which is right for few accounts, and of the normal test with the wider
scatter. Of many items some look unusual by chance: Benjamini and Hochberg 1995 bounds the share of false alarms
among those called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

#: Share of false alarms among the items that are called rising or falling.
FALSE_ALARMS = 0.05
#: An item that changed by less is called stable, however sure the change is.
LEAST_GROWTH = 1.5
#: With fewer accounts in both windows together nothing is said.
LEAST_ACCOUNTS = 12
#: With less engagement beside the item's own, on either side, there is nothing to compare with.
LEAST_TOTAL = 30
#: Items, and accounts of each, that the platform's share and the scatter are estimated from; with fewer items
#: ``SCATTER`` is taken for granted.
SCATTER_ITEMS, SCATTER_ACCOUNTS = 30, 20
SCATTER = 0.3
#: Pseudo-accounts on each side of ``growth``, so that 1 account after none is no endless growth.
PRIOR = 3.0
_MEDIAN_CHI2 = 0.4549364


@dataclass(frozen=True)
class Directions:
    """What became of n items.

    Attributes:
        growth: (n,) share now over share before, drawn a little towards 1; NaN where it cannot be said.
        p_value: (n,) two-sided; 1 where nothing was tested.
        q_value: (n,) p-value after Benjamini and Hochberg.
        direction: (n,) 1 rising, -1 falling, 0 stable.
        scatter: standard deviation of log growth beyond chance that was reckoned with.
    """

    growth: Floats
    p_value: Floats
    q_value: Floats
    direction: NDArray[np.int8]
    scatter: float


def directions(now: Counts, before: Counts, total_now: int, total_before: int) -> Directions:
    """Judge n items of one list.

    Args:
        now: (n,) accounts that engaged with each item in the window.
        before: (n,) accounts in the window of the same length just before.
        total_now: the same over all items of the list, also those that are not among the n.
        total_before: likewise.
    """
    comparable, share = _shares(now, before, total_now, total_before)
    tested = comparable & (now + before >= LEAST_ACCOUNTS)
    expected = before * share / (1 - share)
    growth = np.where(comparable, (now + PRIOR) / (expected + PRIOR), np.nan)
    p_value, q_value, extra = np.ones(len(now)), np.ones(len(now)), SCATTER
    if tested.any():
        extra = scatter(now[tested], before[tested], share[tested])
        p_value[tested] = p_values(now[tested], before[tested], share[tested], extra)
        q_value[tested] = adjusted(p_value[tested])
    sure = tested & (q_value <= FALSE_ALARMS)
    direction = np.zeros(len(now), np.int8)
    direction[sure & (growth >= LEAST_GROWTH)] = 1
    direction[sure & (growth <= 1 / LEAST_GROWTH)] = -1
    return Directions(growth, p_value, q_value, direction, extra)


def _shares(now: Counts, before: Counts, total_now: int, total_before: int) -> tuple[Any, Floats]:
    """(n,) whether there is something to compare with, and the share of engagement that lies in the window."""
    rest_now, rest_before = total_now - now, total_before - before
    comparable = np.minimum(rest_now, rest_before) >= LEAST_TOTAL
    n = now + before
    enough = n >= SCATTER_ACCOUNTS
    if enough.sum() < SCATTER_ITEMS:
        return comparable, np.where(comparable, rest_now / np.maximum(rest_now + rest_before, 1), 0.5)
    # neither 0 nor 1, where half of the items have engagement in one window only
    typical = np.clip(np.median(now[enough] / n[enough]), 0.01, 0.99)
    return comparable, np.full(len(now), typical)


def scatter(now: Counts, before: Counts, share: Floats) -> float:
    """Standard deviation of log growth over items that do not trend, beyond chance.

    The least value at which the squared deviations fit a chi-square with one degree of freedom: no more of them
    than half, and one standard error of that share, lie above its median.
    """
    enough = now + before >= SCATTER_ACCOUNTS
    if enough.sum() < SCATTER_ITEMS:
        return SCATTER
    growth, variance = _log_growth(now[enough], before[enough], share[enough])
    squared, allowed = growth**2, 0.5 + 0.5 / np.sqrt(enough.sum())
    low, high = 0.0, 4.0
    if np.mean(squared / variance > _MEDIAN_CHI2) <= allowed:
        return 0.0
    for _ in range(40):
        middle = (low + high) / 2
        if np.mean(squared / (variance + middle) > _MEDIAN_CHI2) > allowed:
            low = middle
        else:
            high = middle
    return float(np.sqrt(high))


def p_values(now: Counts, before: Counts, share: Floats, extra: float) -> Floats:
    """(n,) two-sided p-values of "the item's share is as it was", with ``extra`` as of :func:`scatter`."""
    from scipy.stats import binom, norm

    n = now + before
    exact = np.minimum(1.0, 2 * np.minimum(binom.cdf(now, n, share), binom.sf(now - 1, n, share)))
    growth, variance = _log_growth(now, before, share)
    return np.asarray(np.maximum(exact, 2 * norm.sf(np.abs(growth) / np.sqrt(variance + extra**2))))


def _log_growth(now: Counts, before: Counts, share: Floats) -> tuple[Floats, Floats]:
    """(n,) log of the growth, and its variance by chance alone where there is none."""
    log_odds = np.log((now + 0.5) / (before + 0.5)) - np.log(share / (1 - share))
    return log_odds, 1 / ((now + before) * share * (1 - share))


def adjusted(p_value: Floats) -> Floats:
    """(n,) q-values: the least share of false alarms at which each item is called."""
    order = np.argsort(p_value)
    scaled = p_value[order] * len(p_value) / np.arange(1, len(p_value) + 1)
    result = np.empty_like(p_value)
    result[order] = np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])
    return result
