"""Rows whose outcome became known lately, and that none of some versions learned from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from config.errors import DatasetError
from models.columns import time_us
from models.family import Evaluation, Family, Predictor
from models.monitoring.clusters import cluster_codes
from models.monitoring.rollouts import LossGap, loss_gap
from registry.records import ModelVersion
from storage.erasure import rows_guard
from tasks import monitor_rows as rows
from tasks.options import options_of
from tasks.outcome_rows import Learned, dataset_of, learned_of, unseen, watch_of, with_outcome
from tasks.platform import Platform


@dataclass(frozen=True)
class Measured:
    """Two versions' losses on the same rows, and the clusters of these."""

    champion: np.ndarray
    challenger: np.ndarray
    clusters: tuple[np.ndarray, ...]


def rows_since(
    parts: Platform,
    family: Family,
    start: dt.datetime,
    end: dt.datetime,
    learned: Sequence[ModelVersion],
) -> Any:
    """Rows with outcomes of the days from ``start`` to ``end``; None: there are none.

    What lies in the dataset of a version in ``learned`` is left out: rows that are no younger than its youngest
    (where outcomes come by themselves), and rows about anything that is in it, unless such come back by nature.
    While they are read nobody is forgotten: an erasure waits.

    Raises:
        DatasetError: the dataset of a version cannot be read, so that nobody knows what it learned from.
        StoreUnavailable, DatabaseUnavailable: a store is away.
    """
    watch = watch_of(family)
    with rows_guard(parts.engine, family.name, shared=True):
        known = [_learned(parts, family, name) for name in sorted({one.dataset for one in learned})]
        # what came in between is part of the histories that later questions show
        begin = min(start, _newest(known, start)) if watch.history else start
        first, last = begin.date().isoformat(), end.date().isoformat()
        every = parts.datasets.latest_of_each(family.name, "candidates")
        days = [one for one in every if first <= one.period <= last]
        found = rows.rows_of(family, rows.settled(parts, family, days, begin, end))
        for one in known:
            found = unseen(family, found, one)
        if not found.num_rows:
            return None
        since = time_us(start) if watch.history else float("-inf")
        judged = with_outcome(family, found, known, options_of(family, parts.settings), since)
        limit = rows.EVALUATED_PICTURES if family.heavy else parts.settings.monitor_sample_rows
    # the oldest, so that a later look has what an earlier one had: the bounds hold for all looks together
    sample = rows.oldest(judged, family.time, limit)
    return sample if sample.num_rows else None


def gap_since(
    parts: Platform, family: Family, champion: str, challenger: str, start: dt.datetime, end: dt.datetime
) -> LossGap | None:
    """Which of two versions errs less on :func:`rows_since` that are news to both; None: there are none.

    Raises:
        ModelInvalid: one of them does not load.
        DatasetError: what one of them learned from cannot be read, or they measure other rows.
        StoreUnavailable, DatabaseUnavailable, RegistryUnavailable: a store is away.
        Exception: whatever a predictor or the family raise.
    """
    settings = parts.settings
    before, after = (parts.registry.load(family.name, version) for version in (champion, challenger))
    live = rows_since(parts, family, start, end, [before.version, after.version])
    if live is None:
        return None
    both = measure_both(parts, family, before.predictor, after.predictor, live)
    return loss_gap(
        both.champion,
        both.challenger,
        both.clusters,
        alpha=1 - settings.gate_confidence,
        least_rows=settings.monitor_min_rows,
    )


def measure_both(
    parts: Platform, family: Family, champion: Predictor, challenger: Predictor, live: Any
) -> Measured:
    """Both versions asked the same ``live`` rows, as the family measures them.

    Raises:
        DatasetError: they measure other rows, so that they cannot be compared.
    """
    options, seed = options_of(family, parts.settings), parts.settings.training_seed
    first: Evaluation = family.evaluate(champion, live, options, seed)
    second: Evaluation = family.evaluate(challenger, live, options, seed)
    if len(first.losses) != len(second.losses) or not np.array_equal(first.groups, second.groups):
        raise DatasetError(f"The two versions of '{family.name}' do not measure the same rows.")
    clusters = [np.unique(first.groups.astype(str), return_inverse=True)[1]]
    if len(first.losses) == live.num_rows:
        light = live if isinstance(live, pa.Table) else live.table
        clusters += cluster_codes(light, (family.entity, family.person, family.about))
    return Measured(first.losses, second.losses, tuple(clusters))


def _learned(parts: Platform, family: Family, name: str) -> Learned:
    manifest = dataset_of(parts, name)
    if watch_of(family).history:
        return learned_of(family, parts.datasets.table(manifest))
    named = [family.time, family.entity]
    return learned_of(family, pa.Table.from_batches(parts.datasets.skim(manifest, named)))


def _newest(learned: Sequence[Learned], default: dt.datetime) -> dt.datetime:
    newest = max(one.newest for one in learned)
    return dt.datetime.fromtimestamp(newest / 1e6, dt.UTC) if newest > float("-inf") else default
