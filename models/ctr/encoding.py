"""Ids and names as numbers: how far the rate of a value lies from the base rate, shrunk by how little is known.

The deviation is in log odds, of (clicks + m base) / (exposure + m): empirical Bayes' smoothing (Micci-Barreca
2001, "A preprocessing scheme for high-cardinality categorical attributes"). Exposure is in effective
impressions (see :mod:`models.ctr.spread`). A value never seen has deviation 0, that of the base rate; an
absent one is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from models.ctr.spread import log_odds

#: What is encoded, in the order of the features. The device came later, and stands at the end of all features:
#: so those of a version that does not know it keep their places.
CATEGORIES = ("placement", "audience", "category", "language", "creator_id", "advertiser_id", "creative_id")
DEVICE = "device"
ENCODED = (*CATEGORIES, DEVICE)
#: Values kept of one column, those with most exposure.
MOST_VALUES = 50_000
#: Prior exposure, in rows' worth: rows of one value are less alike than their impressions are.
PRIOR_ROWS = 3.0

Encoding = Mapping[str, float]


def fit_encoding(
    values: Sequence[str | None], clicks: np.ndarray, exposure: np.ndarray, base: float, prior: float
) -> dict[str, float]:
    """The deviation in log odds of each value.

    Args:
        values: (n,) of one column.
        clicks: (n,) effective clicks.
        exposure: (n,) effective impressions.
        base: the base rate.
        prior: effective impressions that the base rate counts for.
    """
    sums: dict[str, list[float]] = {}
    for value, hit, shown in zip(values, clicks.tolist(), exposure.tolist(), strict=True):
        if value is not None:
            found = sums.setdefault(value, [0.0, 0.0])
            found[0] += hit
            found[1] += shown
    if len(sums) > MOST_VALUES:
        kept = sorted(sums, key=lambda value: (-sums[value][1], value))[:MOST_VALUES]
        sums = {value: sums[value] for value in kept}
    names = sorted(sums)
    totals = np.array([sums[name] for name in names]).reshape(len(names), 2)
    rates = (totals[:, 0] + prior * base) / (totals[:, 1] + prior)
    return dict(zip(names, (log_odds(rates) - log_odds(base)).tolist(), strict=True))


def encode(encoding: Encoding, value: str | None) -> float:
    """The deviation of one value; NaN where it is absent."""
    return float("nan") if value is None else encoding.get(value, 0.0)


def encode_column(encoding: Encoding, values: Sequence[str | None]) -> np.ndarray:
    """(n,) :func:`encode` of each value."""
    return np.array([encode(encoding, value) for value in values], dtype=np.float64)
