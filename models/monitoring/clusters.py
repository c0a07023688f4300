"""Rows that are no independent witnesses: how many there are in truth.

Rows of one video, creator or user say nearly the same, so that n of them count for n / deff. The design effect
is estimated as Rao & Scott (1981, "The analysis of categorical data from complex sample surveys", JASA 76)
have it: the variance of the shares over whole clusters beside that of independent rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa


def cluster_codes(table: pa.Table, names: Sequence[str | None]) -> list[np.ndarray]:
    """(n,) numbers of the clusters by each of ``names`` that is a column; a row without one is its own."""
    return [_codes(table[name]) for name in dict.fromkeys(names) if name in table.column_names]


def _codes(column: pa.ChunkedArray) -> np.ndarray:
    indices = column.combine_chunks().dictionary_encode().indices
    missing = indices.is_null().to_numpy(zero_copy_only=False)
    codes = np.asarray(indices.fill_null(0)).astype(np.int64)
    codes[missing] = len(codes) + np.arange(missing.sum())
    return np.unique(codes, return_inverse=True)[1]


def mean_size(clusters: np.ndarray) -> float:
    """The size of a cluster as a row meets it (large ones weigh more)."""
    sizes = np.bincount(clusters)
    return float((sizes**2).sum() / max(sizes.sum(), 1))


def design_effect(codes: np.ndarray, clusters: np.ndarray, bins: int, ordered: bool = False) -> float:
    """How many times larger the variance of the bins' shares is than with independent rows; at least 1.

    Args:
        codes: (n,) the bin of each row, n > 0.
        clusters: (n,) the cluster of each row.
        bins: how many bins there are.
        ordered: the bins are of a number. Then the shares up to each bin are looked at, which is what
            Kolmogorov-Smirnov's distance is made of, and the largest effect counts.
    """
    rows, groups = len(codes), int(clusters.max()) + 1
    if groups < 2:
        return float(rows)
    if groups == rows:
        return 1.0
    counts = np.bincount(clusters * bins + codes, minlength=groups * bins).reshape(groups, bins)
    sizes = counts.sum(axis=1, keepdims=True)
    counts = counts.cumsum(axis=1) if ordered else counts
    shares = counts.sum(axis=0) / rows
    inside = (shares > 0) & (shares < 1)
    if not inside.any():
        return 1.0
    residual = counts[:, inside] - sizes * shares[inside]
    variance = groups / (groups - 1) * (residual**2).sum(axis=0) / rows**2
    # the mean of the generalised design effects (Rao & Scott 1984, first-order correction)
    plain = shares[inside] * (1 - shares[inside]) / rows
    weights = 1 - shares[inside]
    effects = variance / plain
    return max(1.0, float(effects.max() if ordered else (weights * effects).sum() / weights.sum()))


def effective_rows(
    reference: tuple[np.ndarray, Sequence[np.ndarray]],
    current: tuple[np.ndarray, Sequence[np.ndarray]],
    bins: int,
    days: tuple[np.ndarray, np.ndarray] | None = None,
    ordered: bool = False,
) -> tuple[float, float]:
    """How many independent rows each side is worth: (bin of each row, its clusters by each column).

    With few clusters an own estimate is too hopeful. So the likeness within the reference's clusters (Kish's
    rho) is held against the current ones' sizes as well, and the larger design effect counts. Rows of one of
    the ``days`` (those of the reference, those of now) are alike too; of now only what is carried over counts,
    since a change that began amid the days makes them differ.
    """
    codes, sets = reference
    now, now_sets = current
    worst, worst_now = 1.0, 1.0
    for clusters, now_clusters in zip(sets, now_sets, strict=True):
        effect, carried = _carried(codes, clusters, now_clusters, bins, ordered)
        worst = max(worst, effect)
        worst_now = max(worst_now, carried, design_effect(now, now_clusters, bins, ordered))
    if days is not None and len(np.unique(days[0])) > 1:
        before, after = (np.unique(each, return_inverse=True)[1] for each in days)
        effect, carried = _carried(codes, before, after, bins, ordered)
        worst, worst_now = max(worst, effect), max(worst_now, carried)
    return max(1.0, len(codes) / worst), max(1.0, len(now) / worst_now)


def _carried(
    codes: np.ndarray, clusters: np.ndarray, now_clusters: np.ndarray, bins: int, ordered: bool
) -> tuple[float, float]:
    """The design effect of the reference, and what it is for clusters of the sizes of now."""
    effect = design_effect(codes, clusters, bins, ordered)
    size = mean_size(clusters)
    rho = min(1.0, (effect - 1) / (size - 1)) if size > 1 else 0.0
    return effect, 1 + rho * (mean_size(now_clusters) - 1)


def mean_variance(values: np.ndarray, sets: Sequence[np.ndarray]) -> float:
    """The variance of the mean of ``values`` (n,) with rows clustered by each of ``sets``: the largest."""
    rows = len(values)
    centred = values - values.mean()
    largest = float(values.var(ddof=1) / rows) if rows > 1 else np.inf
    for clusters in sets:
        sums = np.bincount(clusters, weights=centred)
        groups = len(sums)
        if groups > 1:
            largest = max(largest, float(groups / (groups - 1) * (sums**2).sum() / rows**2))
        elif rows > 1:
            return np.inf
    return largest
