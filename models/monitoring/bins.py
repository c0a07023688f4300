"""A column of the reference cut into bins, and any column of that name counted by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

BINS, MOST_CATEGORIES = 10, 20
MISSING, OTHER = "(missing)", "(other)"


@dataclass(frozen=True)
class Bins:
    """``labels`` of the bins, the last one of what is missing. Of numbers ``edges`` (bins - 2,) begin each bin
    but the first; of categories there are none, and the bin before the last is of all others.
    """

    labels: tuple[str, ...]
    edges: np.ndarray | None

    def codes(self, column: pa.ChunkedArray) -> np.ndarray:
        """(n,) the bin of each value."""
        if self.edges is None:
            known = pa.array(self.labels[:-2], pa.string())
            found = pc.index_in(texts(column), value_set=known)
            codes = np.array(pc.fill_null(found, len(self.labels) - 2), dtype=np.int64)
            codes[np.asarray(column.is_null())] = len(self.labels) - 1
            return codes
        values = numbers(column)
        codes = np.searchsorted(self.edges, values, side="right").astype(np.int64)
        codes[np.isnan(values)] = len(self.labels) - 1
        return codes

    def count(self, codes: np.ndarray) -> np.ndarray:
        """(bins,) how many rows lie in each."""
        return np.bincount(codes, minlength=len(self.labels))

    def shares(self, codes: np.ndarray) -> Mapping[str, float]:
        """{bin: share of the rows}, for a plot."""
        counts = self.count(codes)
        return dict(zip(self.labels, (counts / max(counts.sum(), 1)).tolist(), strict=True))


def is_number(column: pa.ChunkedArray) -> bool:
    """Whether a column is compared as numbers; truths are categories."""
    kind = column.type
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def numbers(column: pa.ChunkedArray) -> np.ndarray:
    """(n,) float64; what is missing or infinite is NaN."""
    values = np.array(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
    values[~np.isfinite(values)] = np.nan
    return values


def texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values as text."""
    return column.cast(pa.string())


def cut(column: pa.ChunkedArray) -> Bins:
    """Bins of a reference's column: tenths of its rows for numbers (or each value, where they are few; a value
    that is more than one of the tenths has a bin of its own), the most frequent values for categories.
    """
    if not is_number(column):
        counts = pc.value_counts(texts(column).drop_null().combine_chunks()).to_pylist()
        ranked = sorted(counts, key=lambda row: (-row["counts"], row["values"]))
        return Bins((*(row["values"] for row in ranked[:MOST_CATEGORIES]), OTHER, MISSING), None)
    values = numbers(column)
    values = values[~np.isnan(values)]
    distinct = np.unique(values)
    if len(distinct) <= BINS and len(distinct) != 1:
        labels = _distinct(tuple(map(shown, distinct.tolist()))) or ("any",)
        edges = (distinct[1:] + distinct[:-1]) / 2 if len(distinct) else np.empty(0)
        return Bins((*labels, MISSING), edges)
    tenths, times = np.unique(np.quantile(values, np.arange(1, BINS) / BINS), return_counts=True)
    # what all or most rows had, such as zeros, may leave its value on either side, and only a bin of its own
    # shows that
    edges = np.union1d(tenths, np.nextafter(tenths[times > 1], np.inf))
    return Bins((*_distinct(_between(edges)), MISSING), edges)


def _between(edges: np.ndarray) -> tuple[str, ...]:
    """Labels of the bins that ``edges`` begin, and of the one below them."""
    names = [shown(edge) for edge in edges.tolist()]
    alone = np.nextafter(edges[:-1], np.inf) == edges[1:]
    begins = [f"above {names[at - 1]}" if at and alone[at - 1] else name for at, name in enumerate(names)]
    inner = zip(pairwise(names), begins[:-1], alone, strict=True)
    last = begins[-1] if len(alone) and alone[-1] else f"from {names[-1]}"
    return (f"below {names[0]}", *(a if one else f"{begin} to {b}" for (a, b), begin, one in inner), last)


def shown(value: float) -> str:
    """A number for people."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.4g}"


def _distinct(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Labels that rounding made equal, told apart by their place."""
    return tuple(f"{label} #{at}" if labels.count(label) > 1 else label for at, label in enumerate(labels))


def population_stability(reference: np.ndarray, current: np.ndarray) -> float:
    """The population stability index of two counts over the same bins: the sum of (a - b) ln(a / b) of shares.

    That is Jeffreys' divergence (Jeffreys 1946), as credit scoring uses it (Siddiqi 2006, "Credit Risk
    Scorecards"): below 0.1 nothing, from 0.2 on a shift. An empty bin counts as half a row of the smaller side.
    """
    total = reference.sum(), current.sum()
    if not min(total):
        return 0.0
    floor = 0.5 / min(total)
    before, now = np.maximum(reference / total[0], floor), np.maximum(current / total[1], floor)
    return float(((now - before) * np.log(now / before)).sum())
