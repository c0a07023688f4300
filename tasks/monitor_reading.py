"""What the monitor judges a family by on a day: read from the platform as it was at the end of that day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import pyarrow as pa

from config.errors import DatasetError, ModelInvalid, ModelNotFound
from models.columns import conform, time_us
from models.family import Family, Predictor
from models.monitoring.contract import Watch
from models.monitoring.inputs import DayInputs, Rules
from registry.records import ModelVersion
from storage import history
from storage.datasets.manifest import Manifest
from storage.erasure import rows_guard
from storage.prediction_samples import sample_predictions
from tasks import monitor_rows as rows
from tasks.monitor_reference import Reference, read_reference
from tasks.options import options_of
from tasks.outcome_rows import unseen, watch_of, with_outcome
from tasks.periods import day_window
from tasks.platform import Platform

T = TypeVar("T")

#: Days whose rows are counted, beside the window; and how many windows back rows with outcomes are looked for.
COUNTED_DAYS, LIVE_WINDOWS = 56, 4


@dataclass(frozen=True)
class Judged:
    """The version that is judged, since when it is in production, and its figures at that moment."""

    version: ModelVersion
    since: dt.datetime | None
    metrics: Mapping[str, float]


@dataclass
class _Notes:
    said: list[str] = field(default_factory=list)


def read_day(
    parts: Platform,
    family: Family,
    day: dt.date,
    *,
    as_of: dt.datetime | None = None,
    version: str | None = None,
    accuracy: bool = True,
) -> DayInputs:
    """All that is known of ``family`` at the end of ``day`` and that its check needs.

    While it is read nobody is forgotten: an erasure waits.

    Args:
        parts: the platform.
        family: whose; it has a ``watch``.
        day: the last day of the window.
        as_of: the version in production at that moment is judged; None: at the end of ``day``.
        version: judge this version in its place, as if it had been in production.
        accuracy: whether rows with outcomes are read, and what the version was measured on.

    Raises:
        ModelNotFound: ``version`` is none.
        StoreUnavailable, DatabaseUnavailable, RegistryUnavailable: a store is away.
    """
    watch, rules, notes = watch_of(family), Rules.of(parts.settings), _Notes()
    end = day_window(day).end
    with rows_guard(parts.engine, family.name, shared=True):
        days = _days(parts, family.name, day, COUNTED_DAYS + rules.window_days)
        window = _between(days, day, rules.window_days)
        judged = judged_version(parts, family.name, as_of or end, version)
        if judged is None:
            notes.said.append("Nothing is in production.")
        reference = None
        if judged is not None:
            learned = partial(read_reference, parts, family, judged.version.dataset, rules)
            reference = _tried(notes, f"What version {judged.version.version} learned from", learned)
        live = None
        if accuracy and judged is not None and reference is not None:
            live = _tried(
                notes,
                "Rows with outcomes",
                partial(_live, parts, family, days, day, judged, reference, rules, forced=version is not None),
            )
        return DayInputs(
            day=day,
            version=judged.version.version if judged else None,
            reference_name=judged.version.dataset if judged else None,
            predictor=_predictor(parts, family, judged, notes),
            reference=reference.rows if reference else None,
            current=_tried(
                notes,
                "Rows of the last days",
                partial(rows.light_rows, parts, family, window, rules.sample_rows, rules.seed),
            ),
            asked=_asked(parts, family, watch, day, rules),
            reference_pictures=reference.pictures if reference else None,
            current_pictures=_tried(
                notes,
                "Pictures of the last days",
                partial(_current_pictures, parts, family, watch, window, rules.seed),
            ),
            held_out=reference.held_out if reference and accuracy else None,
            live=live,
            promoted=judged.metrics if judged else {},
            counts=_counts(days),
            notes=tuple(notes.said),
        )


def _tried(notes: _Notes, what: str, read: Callable[[], T]) -> T | None:
    """What was read; None, with a note, where the versions are damaged, or retention has deleted them."""
    try:
        return read()
    except DatasetError as error:
        notes.said.append(f"{what} cannot be read: {error.message}")
        return None


def judged_version(
    parts: Platform, family: str, as_of: dt.datetime, version: str | None = None
) -> Judged | None:
    """The version that was in production at ``as_of``, by the history of promotions; or ``version``.

    None: none was.
    """
    moves = [move for move in history.list_promotions(parts.engine, family) if move.at <= as_of]
    if version is None:
        if not moves:
            return None
        version = moves[0].to_version
    found = parts.registry.version(family, version)
    since, metrics = None, found.metrics
    for move in moves:  # the newest first: back to where this version came in
        if move.to_version != version:
            break
        since = move.at
        metrics = move.figures.get("metrics") or metrics
    return Judged(found, since, {name: float(value) for name, value in metrics.items() if value is not None})


def _days(parts: Platform, family: str, last: dt.date, count: int) -> list[Manifest]:
    """The candidates versions of the ``count`` days up to ``last``, oldest first."""
    back = [last - dt.timedelta(days=number) for number in range(count)]
    months = sorted({f"{one:%Y-%m}-" for one in back})
    found = [each for month in months for each in parts.datasets.latest_of_each(family, "candidates", month)]
    return _between(found, last, count)


def _between(days: Sequence[Manifest], last: dt.date, count: int) -> list[Manifest]:
    """Those of ``days`` that are among the ``count`` days up to ``last``."""
    first = (last - dt.timedelta(days=count - 1)).isoformat()
    return [one for one in days if first <= one.period <= last.isoformat()]


def _counts(days: Sequence[Manifest]) -> dict[dt.date, int]:
    """Rows of each day, from the first one on that had any."""
    began = next((one.period for one in days if one.rows), "9999")
    return {dt.date.fromisoformat(one.period): one.rows for one in days if one.period >= began}


def _predictor(parts: Platform, family: Family, judged: Judged | None, notes: _Notes) -> Predictor | None:
    if judged is None:
        return None
    try:
        return parts.registry.load(family.name, judged.version.version).predictor
    except (ModelInvalid, ModelNotFound) as error:
        notes.said.append(f"Version {judged.version.version} does not load: {error.message}")
        return None


def _asked(parts: Platform, family: Family, watch: Watch, day: dt.date, rules: Rules) -> pa.Table | None:
    if watch.asked is None:
        return None
    end = day_window(day).end
    start = end - dt.timedelta(days=rules.window_days)
    return sample_predictions(parts.engine, family.name, start, end, rules.sample_rows)


def _current_pictures(
    parts: Platform, family: Family, watch: Watch, window: Sequence[Manifest], seed: int
) -> pa.Table | None:
    if watch.picture is None or not window:
        return None
    share, room = rows.PICTURE_ROWS / max(sum(one.rows for one in window), 1), rows.PART_BYTES // len(window)
    found = []
    for manifest in window:
        thin = rows.thinned(manifest, seed, room)
        wanted = max(1, round(share * manifest.rows))
        stream = rows.sampled(rows.streamed(parts, family, thin), wanted, seed)
        # days of before a column came do not have it
        found += [conform(pa.Table.from_batches([batch]), family.schema) for batch in stream.batches()]
    return pa.concat_tables(found) if found else None


def _live(
    parts: Platform,
    family: Family,
    days: Sequence[Manifest],
    day: dt.date,
    judged: Judged,
    reference: Reference,
    rules: Rules,
    *,
    forced: bool,
) -> Any:
    """Rows with outcomes that the version did not learn from: of the window, or of as many windows before it as
    give enough rows.

    A row counts when it is younger than all that the version learned from, was asked after the version came
    into production, and is about nobody (nothing) that it learned from, unless these come back by their nature.
    """
    end = day_window(day).end
    since = float("-inf") if forced or judged.since is None else time_us(judged.since)
    found = None
    for windows in range(1, LIVE_WINDOWS + 1):
        count = windows * rules.window_days
        build = rows.settled(parts, family, _between(days, day, count), end - dt.timedelta(days=count), end)
        found = unseen(family, rows.rows_of(family, build), reference.learned, since)
        if found.num_rows >= rules.min_rows:
            break
    if found is None or not found.num_rows:
        return None
    limit = rows.EVALUATED_PICTURES if family.heavy else rules.sample_rows
    known = with_outcome(family, found, [reference.learned], options_of(family, parts.settings), since)
    return rows.sampled(known, limit, rules.seed) if known.num_rows else None
