"""Parts of the live rows that got worse while the mean did not."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.monitoring.contract import Slice
from models.monitoring.drift import holm
from models.monitoring.inputs import Rules
from models.monitoring.live import Judged, mean_loss

#: A part and the rest need this many rows on both sides; its loss must grow by this share beyond the others'.
LEAST_ROWS, LEAST_GROWTH = 50, 0.25
#: Most values of a column that are looked at, the most frequent first.
MOST_VALUES = 12


def slices_apart(held_out: Judged, live: Judged, before: pa.Table, now: pa.Table, rules: Rules) -> list[Slice]:
    """Each part with rows enough: its loss then and now, and whether it grew beyond that of all other rows.

    Args:
        held_out: what the version was measured on then.
        live: what it was measured on since.
        before: the string columns of ``Watch.slices`` for the held-out rows.
        now: the same for the live rows.
        rules: how much chance is allowed.

    The growth of a part less the growth of the rest is tested one-sided (Welch, variances over clusters), and
    corrected over all parts by Holm.
    """
    found = [
        (column, value, held, alive)
        for column in now.column_names
        if column in before.column_names
        for value, held, alive in _parts(before[column], now[column])
    ]
    tests = [_growth(held_out, live, held, alive) for *_, held, alive in found]
    adjusted = holm([p for _, p, _ in tests]) if tests else []
    return [
        Slice(
            column=column,
            value=value,
            rows=int(alive.sum()),
            loss=mean_loss(live, rules.seed, alive),
            reference_loss=mean_loss(held_out, rules.seed, held),
            adjusted_p=p,
            worse=bool(p < rules.alpha and own > 0 and excess >= LEAST_GROWTH * abs(held_out.loss(held))),
        )
        for (column, value, held, alive), (excess, _, own), p in zip(found, tests, adjusted, strict=True)
    ]


def _parts(before: pa.ChunkedArray, now: pa.ChunkedArray) -> list[tuple[str, np.ndarray, np.ndarray]]:
    counts = pc.value_counts(now.drop_null().combine_chunks()).to_pylist()
    ranked = sorted(counts, key=lambda row: (-row["counts"], row["values"]))[:MOST_VALUES]
    parts = []
    for row in ranked:
        held, alive = (_equals(column, row["values"]) for column in (before, now))
        if all(LEAST_ROWS <= keep.sum() <= len(keep) - LEAST_ROWS for keep in (held, alive)):
            parts.append((row["values"], held, alive))
    return parts


def _equals(column: pa.ChunkedArray, value: str) -> np.ndarray:
    return np.asarray(pc.fill_null(pc.equal(column, value), False)).astype(bool)


def _growth(held_out: Judged, live: Judged, held: np.ndarray, alive: np.ndarray) -> tuple[float, float, float]:
    """(growth of the part's mean loss beyond that of the rest, its p-value, the part's own growth)."""
    from scipy.stats import norm

    own = live.loss(alive) - held_out.loss(held)
    excess = own - (live.loss(~alive) - held_out.loss(~held))
    error = math.sqrt(sum(judged.variance(part) for judged, keep in ((held_out, held), (live, alive))
                          for part in (keep, ~keep)))  # fmt: skip
    return excess, float(norm.sf(excess / error)) if error > 0 else 1.0, own
