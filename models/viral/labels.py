"""Outcomes: what a snapshot's video had come to at the horizon, and which class that is.

The outcome of a snapshot is the observation of the same video nearest to ``taken_at + horizon``, at most
``reach`` away from it, and not later than the end of that moment's UTC day. The last rule makes the outcome
a settled fact once the day is over: a nightly collection and a back-fill a year later agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from config.errors import InputError
from models.columns import microseconds
from models.viral.options import ViralOptions

DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Neighbours:
    """For each query the index of the last observation at or before it, and of the first one after it;
    -1 where the entity has none.
    """

    before: np.ndarray
    after: np.ndarray


def neighbours(
    entities: np.ndarray, times: np.ndarray, query_entities: np.ndarray, query_times: np.ndarray
) -> Neighbours:
    """Find each query's surrounding observations of its own entity, in one sort.

    Args:
        entities: (n,) integer codes of the observed entities.
        times: (n,) int64 moments of the observations.
        query_entities: (m,) integer codes.
        query_times: (m,) int64 moments.
    """
    count = len(entities)
    codes = np.concatenate([entities, query_entities])
    is_query = np.concatenate([np.zeros(count, bool), np.ones(len(query_entities), bool)])
    order = np.lexsort((is_query, np.concatenate([times, query_times]), codes))
    position = np.arange(len(order))
    observed = ~is_query[order]
    last = np.maximum.accumulate(np.where(observed, position, -1))
    following = np.minimum.accumulate(np.where(observed, position, len(order))[::-1])[::-1]
    result = []
    asked = np.flatnonzero(~observed)
    for found in (last[asked], following[asked]):
        index = order[np.clip(found, 0, len(order) - 1)]
        known = (found >= 0) & (found < len(order)) & (codes[index] == codes[order[asked]])
        answer = np.full(len(query_entities), -1)
        answer[order[asked] - count] = np.where(known, index, -1)
        result.append(answer)
    return Neighbours(*result)


def outcome_index(
    entities: np.ndarray,
    times: np.ndarray,
    query_entities: np.ndarray,
    query_times: np.ndarray,
    options: ViralOptions,
) -> np.ndarray:
    """(m,) index of the observation that is each snapshot's outcome, or -1 where none is known.

    Times are microseconds. Of two observations equally near, the earlier one is taken.
    """
    target = query_times + microseconds(options.horizon)
    reach = microseconds(options.reach)
    around = neighbours(entities, times, query_entities, target)
    moments = np.append(times, 0)
    early, late = moments[around.before], moments[around.after]
    early_fits = (around.before >= 0) & (early >= target - reach) & (early > query_times)
    day_end = (target // DAY_US + 1) * DAY_US
    late_fits = (around.after >= 0) & (late <= target + reach) & (late < day_end)
    take_late = late_fits & (~early_fits | (late - target < target - early))
    return np.where(take_late, around.after, np.where(early_fits, around.before, -1))


def previous_index(
    entities: np.ndarray,
    times: np.ndarray,
    query_entities: np.ndarray,
    query_times: np.ndarray,
    options: ViralOptions,
) -> np.ndarray:
    """(m,) index of the observation strictly before each snapshot, within the history, or -1."""
    before = neighbours(entities, times, query_entities, query_times - 1).before
    recent = np.append(times, 0)[before] >= query_times - microseconds(options.history)
    return np.where((before >= 0) & recent, before, -1)


def class_index(views: np.ndarray, options: ViralOptions) -> np.ndarray:
    """(n,) position of each view count's class, 0 the lowest."""
    return np.searchsorted(np.asarray(options.thresholds), views, side="right")


def correct(rows: pa.RecordBatch, labels: Mapping[int, str], options: ViralOptions) -> pa.RecordBatch:
    """Examples with labels of an admin's in place of their own.

    A model learns from the views at the horizon, so they follow: to the nearest count of the class.

    Raises:
        InputError: a label is no class.
    """
    label, views = rows.column("label").to_pylist(), rows.column("views_at_horizon").to_pylist()
    edges = (0, *options.thresholds, None)
    for row, name in labels.items():
        if name not in options.classes:
            raise InputError(f"'{name}' is no viral class.", hint=f"Classes: {', '.join(options.classes)}.")
        low, beyond = edges[options.classes.index(name) :][:2]
        count = max(views[row] or 0, low or 0)
        label[row], views[row] = name, count if beyond is None else min(count, beyond - 1)
    for column, values in (("label", label), ("views_at_horizon", views)):
        field = rows.schema.field(column)
        rows = rows.set_column(rows.schema.get_field_index(column), field, pa.array(values, field.type))
    return rows
