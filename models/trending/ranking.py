"""From what the windows hold to the lists: directions over all items, scores, and the first ones of each kind,
category and language.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.trending import windows
from models.trending.direction import directions
from models.trending.score import credited, scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: So many items are kept of each window, region, kind, category and language.
KEEP = 50
NAMES = {1: "rising", 0: "stable", -1: "falling"}
#: (hours, region) -> accounts (now, before) over all items.
Totals = Mapping[tuple[int, str], tuple[int, int]]


@dataclass(frozen=True)
class Ranking:
    """The lists, and how they came about.

    Attributes:
        rows: hours, region, item_kind, item_id, score, velocity, accounts, direction, growth, p_value, q_value.
        judged: by window's name, of the list of all regions: how many items were looked at, and how many of
            them rise and fall.
        scatter: likewise: standard deviation of log growth beyond chance.
    """

    rows: pa.Table
    judged: Mapping[str, Mapping[str, int]]
    scatter: Mapping[str, float]


def rank(counts: pa.Table, totals: Totals, as_of: datetime, min_accounts: int) -> Ranking:
    """The lists at ``as_of``.

    Args:
        counts: one row an item, window and region ("" for all): hours, region, item_kind, item_id, category,
            language, known, fresh, weight, fresh_weight, known_before.
        totals: over all items, also those that are not in ``counts``.
        as_of: the moment.
        min_accounts: an item that fewer accounts engaged with is in no list.
    """
    lists = [
        _one(counts, places, totals.get(key, (0, 0)), key, as_of, min_accounts)
        for key, places in _by_window_and_region(counts).items()
    ]
    rows = pa.concat_tables([SCHEMA.empty_table(), *(each.rows for each in lists)])
    overall = {each.window: each for each in lists if each.region == ""}
    return Ranking(
        rows,
        {name: overall[name].judged for name in windows.WINDOWS if name in overall},
        {name: overall[name].scatter for name in windows.WINDOWS if name in overall},
    )


def parts(counts: pa.Table) -> list[pa.Table]:
    """``counts`` by window, shortest first: what is ranked of one depends on no other."""
    hours = sorted(pc.unique(counts["hours"]).to_pylist())
    return [counts.filter(pc.equal(counts["hours"], each)) for each in hours]


def together(rankings: Sequence[Ranking]) -> Ranking:
    """The rankings of :func:`parts` as that of the whole."""
    judged = {name: each for ranking in rankings for name, each in ranking.judged.items()}
    scatter = {name: each for ranking in rankings for name, each in ranking.scatter.items()}
    return Ranking(
        pa.concat_tables([SCHEMA.empty_table(), *(ranking.rows for ranking in rankings)]),
        {name: judged[name] for name in windows.WINDOWS if name in judged},
        {name: scatter[name] for name in windows.WINDOWS if name in scatter},
    )


SCHEMA = pa.schema(
    [
        ("hours", pa.int64()), ("region", pa.string()), ("item_kind", pa.string()), ("item_id", pa.string()),
        ("score", pa.float64()), ("velocity", pa.float64()), ("accounts", pa.int64()),
        ("direction", pa.string()), ("growth", pa.float64()), ("p_value", pa.float64()),
        ("q_value", pa.float64()),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class _List:
    window: str
    region: str
    rows: pa.Table
    judged: Mapping[str, int]
    scatter: float


def _one(
    counts: pa.Table,
    places: NDArray[np.int64],
    total: tuple[int, int],
    key: tuple[int, str],
    as_of: datetime,
    min_accounts: int,
) -> _List:
    hours, region = key
    part = counts.take(pa.array(places))
    known, fresh, before = (part[name].to_numpy() for name in ("known", "fresh", "known_before"))
    cover = next(cover for cover in windows.covers(as_of) if cover.hours == hours)
    found = directions(known, before, *total)
    engaged = credited(part["weight"].to_numpy(), part["fresh_weight"].to_numpy())
    velocity, score = scores(engaged, cover.elapsed_hours(as_of), found.growth)
    first = _first(part, np.where(known + fresh >= min_accounts, score, 0))
    chosen: dict[str, Any] = {
        "score": score, "velocity": velocity, "accounts": known + fresh, "p_value": found.p_value,
        "growth": found.growth, "q_value": found.q_value,
    }  # fmt: skip
    rows = pa.table(
        {
            **{name: part[name].take(pa.array(first)) for name in ("hours", "region", "item_kind", "item_id")},
            **{name: values[first] for name, values in chosen.items()},
            "direction": [NAMES[int(each)] for each in found.direction[first]],
        }
    )
    judged = {
        "items": len(places),
        "rising": int((found.direction == 1).sum()),
        "falling": int((found.direction == -1).sum()),
        "too few accounts": int(((known + fresh > 0) & (known + fresh < min_accounts)).sum()),
        "listed": len(first),
    }
    name = next(name for name, length in windows.WINDOWS.items() if length == hours)
    return _List(name, region, rows.select(SCHEMA.names).cast(SCHEMA), judged, found.scatter)


def _first(part: pa.Table, score: NDArray[np.float64]) -> NDArray[np.int64]:
    """Places of the ``KEEP`` best ones of each kind, category and language; none with a score of 0."""
    group = _codes(part, ("item_kind", "category", "language"))
    order = np.lexsort((-score, group))
    sorted_group = group[order]
    begins = np.flatnonzero(np.r_[True, sorted_group[1:] != sorted_group[:-1]])
    lengths = np.diff(np.r_[begins, len(order)])
    place = np.arange(len(order)) - np.repeat(begins, lengths)
    kept = order[(place < KEEP) & (score[order] > 0)]
    return np.asarray(np.sort(kept), dtype=np.int64)


def _by_window_and_region(counts: pa.Table) -> dict[tuple[int, str], NDArray[np.int64]]:
    if counts.num_rows == 0:
        return {}
    codes = _codes(counts, ("hours", "region"))
    order = np.argsort(codes, kind="stable")
    begins = np.flatnonzero(np.r_[True, codes[order][1:] != codes[order][:-1]])
    hours, regions = counts["hours"], counts["region"]
    return {
        (int(hours[int(places[0])].as_py()), str(regions[int(places[0])].as_py())): places
        for places in np.split(order, begins[1:])
    }


def _codes(table: pa.Table, names: tuple[str, ...]) -> NDArray[np.int64]:
    """(n,) one number for each combination of the columns' values; an absent value is a value."""
    codes = np.zeros(table.num_rows, np.int64)
    for name in names:
        encoded = table[name].combine_chunks().dictionary_encode(null_encoding="encode")
        codes = codes * (len(encoded.dictionary) + 1) + encoded.indices.to_numpy(zero_copy_only=False)
    return codes
