"""Counts of the past in plain files: what had been counted of a clip, creator or advertiser by a moment.

The same sums that ``storage/ctr_history.py`` takes from the database: counts are known once they are final.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.columns import epoch_us, microseconds
from models.ctr.options import CtrOptions

WHO = {"clip": "clip_id", "creator": "creator_id", "advertiser": "advertiser_id"}


def past_counts(asked: pa.Table, observed: pa.Table, options: CtrOptions) -> dict[str, Any]:
    """The columns of ``HISTORY_FIELDS`` for each row of ``asked`` at its ``started_at``.

    Args:
        asked: rows of ``OUTCOME_SCHEMA``.
        observed: rows of the same form that may be known by then; those without times are known to nobody.
        options: the maturity of counts.
    """
    timed = observed.filter(pc.is_valid(observed["ended_at"]))
    settled = epoch_us(timed["ended_at"]).to_numpy() + microseconds(options.maturity)
    moments = pc.fill_null(epoch_us(asked["started_at"]), np.iinfo(np.int64).min).to_numpy()
    counts = [timed[name].to_numpy() for name in ("impressions", "clicks")]
    columns: dict[str, Any] = {}
    for who, column in WHO.items():
        known, query = _codes(timed[column], asked[column])
        sums, found = _sums_before(known, settled, counts, query, moments)
        for name, values in zip(("impressions", "clicks"), sums, strict=True):
            columns[f"{who}_{name}"] = pa.array(values, pa.int64(), mask=~found)
    return columns


def _codes(known: Any, asked: Any) -> tuple[np.ndarray, np.ndarray]:
    """Numbers for the names of both columns, -1 for none."""
    chunks = [*known.chunks, *asked.chunks]
    encoded = pa.chunked_array(chunks, known.type).combine_chunks().dictionary_encode()
    codes = pc.fill_null(encoded.indices, -1).to_numpy()
    return codes[: len(known)], codes[len(known) :]


def _sums_before(
    known: np.ndarray, settled: np.ndarray, counts: list[np.ndarray], query: np.ndarray, moments: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray]:
    """For each query the sums of the ``counts`` of its own name that were settled by its moment, and whether
    there were any, by one sort of both.
    """
    here = known >= 0
    names = np.concatenate([known[here], query])
    times = np.concatenate([settled[here], moments])
    asks = np.concatenate([np.zeros(int(here.sum()), bool), np.ones(len(query), bool)])
    order = np.lexsort((asks, times, names))
    ranked = names[order]
    starts = np.flatnonzero(np.append(np.ones(min(len(ranked), 1), bool), ranked[1:] != ranked[:-1]))
    lengths = np.diff(np.append(starts, len(order)))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    back = place[len(order) - len(query) :]
    nothing = np.zeros(len(query), np.int64)
    results = []
    for values in (np.ones(int(here.sum()), np.int64), *(count[here] for count in counts)):
        added = np.concatenate([values, nothing])[order]
        running = np.cumsum(added)
        results.append((running - np.repeat((running - added)[starts], lengths))[back])
    found = (results[0] > 0) & (query >= 0)
    return results[1:], found
