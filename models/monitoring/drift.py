"""Drift of features: how far now lies from the training rows, if by chance, and if more than usual."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pyarrow as pa

from models.monitoring.bins import cut, is_number, numbers, population_stability
from models.monitoring.clusters import effective_rows
from models.monitoring.contract import Compared
from models.monitoring.inputs import Rules
from models.monitoring.side import Side, alike
from models.monitoring.usual import usual_psi

#: Cells that expect fewer rows are put together before a chi-square test (Cochran 1954).
LEAST_EXPECTED = 5.0


def compare_columns(
    reference: Side, current: Side, rules: Rules, kind: Literal["answer"] | None = None
) -> list[Compared]:
    """Each column of both sides compared, in their order; nothing is corrected or judged yet. A column that has
    no value on either side is left out.
    """
    names = [
        name
        for name in reference.columns.column_names
        if name in current.columns.column_names
        and any(side.columns[name].null_count < side.rows for side in (reference, current))
    ]
    return [_compare_column(name, reference, current, rules, kind) for name in names]


def _compare_column(
    name: str, reference: Side, current: Side, rules: Rules, kind: Literal["answer"] | None
) -> Compared:
    """One column of both sides: the index over bins of the reference, Kolmogorov-Smirnov's distance for numbers
    and chi-square for categories, each with as many rows as they are worth.
    """
    before, now = reference.columns[name], _as(current.columns[name], reference.columns[name].type)
    bins = cut(before)
    codes, now_codes = bins.codes(before), bins.codes(now)
    sets, now_sets = alike(reference, current)
    days = (reference.days, current.days)
    worth, now_worth = effective_rows(
        (codes, sets), (now_codes, now_sets), len(bins.labels), days, is_number(before)
    )
    counts, now_counts = bins.count(codes), bins.count(now_codes)
    if is_number(before):
        test = "Kolmogorov-Smirnov"
        statistic, p = numbers_apart(
            numbers(before), numbers(now), worth / len(codes), now_worth / len(now_codes)
        )
        _, missing = shares_apart(_missing(counts), _missing(now_counts), worth, now_worth)
        p = min(1.0, 2 * min(p, missing))
    else:
        test = "chi-square"
        statistic, p = shares_apart(counts, now_counts, worth, now_worth)
    return Compared(
        name=name,
        kind=kind or ("number" if is_number(before) else "category"),
        psi=population_stability(counts, now_counts),
        statistic=statistic,
        test=test,
        p=p,
        adjusted_p=p,
        usual=usual_psi(codes, reference.days, len(bins.labels), rules.window_days),
        nulls=(float(counts[-1] / counts.sum()), float(now_counts[-1] / now_counts.sum())),
        drifted=False,
        reference=bins.shares(codes),
        current=bins.shares(now_codes),
    )


def _as(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    return column if column.type == kind else column.cast(kind)


def _missing(counts: np.ndarray) -> np.ndarray:
    return np.array([counts[:-1].sum(), counts[-1]])


def numbers_apart(before: np.ndarray, now: np.ndarray, worth: float, now_worth: float) -> tuple[float, float]:
    """Kolmogorov-Smirnov's distance of two samples, missing values left out, and its p-value (asymptotic).

    Args:
        before: (n,) values, NaN where missing.
        now: (m,) values.
        worth: how many independent rows each row of ``before`` is worth, at most 1.
        now_worth: the same of ``now``.
    """
    from scipy.stats import ks_2samp, kstwobign

    before, now = before[~np.isnan(before)], now[~np.isnan(now)]
    if not len(before) or not len(now):
        return 0.0, 1.0
    distance = float(ks_2samp(before, now, method="asymp").statistic)
    rows, now_rows = len(before) * worth, len(now) * now_worth
    return distance, float(kstwobign.sf(distance * math.sqrt(rows * now_rows / (rows + now_rows))))


def shares_apart(
    counts: np.ndarray, now_counts: np.ndarray, worth: float, now_worth: float
) -> tuple[float, float]:
    """Chi-square of two samples over the same cells, and its p-value, with ``worth`` and ``now_worth``
    independent rows (the first-order correction of Rao & Scott 1984).
    """
    from scipy.stats import chi2

    if not counts.sum() or not now_counts.sum():
        return 0.0, 1.0
    before, now = worth * counts / counts.sum(), now_worth * now_counts / now_counts.sum()
    pooled = (before + now) / (worth + now_worth)
    rare = pooled * min(worth, now_worth) < LEAST_EXPECTED
    before, now, pooled = (np.append(cells[~rare], cells[rare].sum()) for cells in (before, now, pooled))
    used = pooled > 0
    freedom = int(used.sum()) - 1
    if freedom < 1:
        return 0.0, 1.0
    apart = (now[used] / now_worth - before[used] / worth) ** 2
    statistic = float((apart / (pooled[used] * (1 / worth + 1 / now_worth))).sum())
    return statistic, float(chi2.sf(statistic, freedom))


def settled(compared: Sequence[Compared], rules: Rules) -> list[Compared]:
    """The comparisons of a day with p-values corrected over all of them, and whether each drifted.

    The correction is Holm's (1979): it holds whatever the features have to do with one another. Drifted is
    what is significant then, shifts by at least ``rules.psi``, and by more than was usual. Where nobody knows
    what is usual, twice the shift is asked for.
    """
    if not compared:
        return []
    adjusted = holm([one.p for one in compared])
    return [
        dataclasses.replace(one, adjusted_p=p, drifted=p < rules.alpha and one.psi >= bar(one, rules))
        for one, p in zip(compared, adjusted, strict=True)
    ]


def bar(one: Compared, rules: Rules) -> float:
    """The shift from which on a comparison is drift."""
    return 2 * rules.psi if one.usual is None else max(rules.psi, one.usual)


def holm(p_values: Sequence[float]) -> list[float]:
    """(n,) p-values corrected for their number, family-wise (Holm 1979, "A simple sequentially rejective
    multiple test procedure").
    """
    # statsmodels' own collects garbage at each call, which takes longer than all tests of a family together
    values = np.asarray(p_values, float)
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(p) for p in adjusted]
