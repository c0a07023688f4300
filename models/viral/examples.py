"""Snapshots to examples: history known at the snapshot, the outcome at the horizon, and the split."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.columns import TIME, conform, epoch_us, take_rows, time_us
from models.family import TEST, TRAIN, VALID, Window
from models.splits import assign_split
from models.viral.labels import class_index, outcome_index, previous_index
from models.viral.options import ViralOptions
from models.viral.predictions import join_predictions, read_predictions
from models.viral.schema import EXAMPLE_SCHEMA, SNAPSHOT_SCHEMA
from models.viral.split import latest_videos
from models.viral.validate import flags

VALID_OF_TRAIN = 0.2
#: Part of every video's side for ever: not to be changed.
SPLIT_SALT = "viral"
KEY = ["video_id", "taken_at"]


def source_span(window: Window, options: ViralOptions) -> Window:
    """The span of snapshots that :func:`collect` needs for ``window``: back to the history of the earliest
    snapshot that matures in it, on to the end of its last day.
    """
    day = timedelta(days=1)
    last = (window.end - timedelta(microseconds=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return Window(window.start - options.horizon - options.history, max(window.end, last + day))


def collect(sources: Mapping[str, pa.Table], window: Window, options: ViralOptions) -> pa.Table:
    """Examples whose horizon lies in ``window`` and whose outcome is known, ordered by their key.

    Args:
        options: horizon and thresholds.
        window: half-open span of ``taken_at + horizon``.
        sources: ``snapshots`` (inputs and ``first_seen_at``) and, where there are any, ``predictions``
            (``video_id``, ``taken_at``, ``inputs`` and ``answer`` as JSON, ``version``).
    """
    snapshots = _sorted(sources["snapshots"])
    predictions = read_predictions(sources.get("predictions"))
    observed = conform(snapshots, pa.schema([*SNAPSHOT_SCHEMA, EXAMPLE_SCHEMA.field("first_seen_at")]))
    asked, answers = join_predictions(observed, predictions)
    start, end = (time_us(moment - options.horizon) for moment in (window.start, window.end))
    moments = epoch_us(asked["taken_at"]).to_numpy()
    inside = (moments >= start) & (moments < end)
    asked = take_rows(asked, inside)
    examples = build(asked, observed, options, take_rows(answers, inside))
    return _sorted(examples.filter(examples["label"].is_valid()))


def examples_from_rows(rows: Mapping[str, pa.Table], options: ViralOptions) -> dict[str, pa.Table]:
    """Labelled examples by role out of plain files' clean rows (``train``, ``test``, and maybe ``valid``).

    A role knows only what came before it: training rows take history and outcomes from the training file
    alone, test rows may look back into all files. A row that stands in two files belongs to the later role.
    Without a file for it, ``valid`` is the latest fifth of the training file's videos.
    """
    known: list[pa.Table] = []
    examples: dict[str, pa.Table] = {}
    later: dict[str, pa.Table] = {}
    for role in (TEST, VALID, TRAIN):
        if role in rows:
            asked = conform(rows[role], SNAPSHOT_SCHEMA)
            for other in later.values():
                asked = asked.join(other.select(KEY), KEY, join_type="left anti")
            later[role] = conform(asked, SNAPSHOT_SCHEMA)
    for role in (TRAIN, VALID, TEST):
        if role not in later:
            continue
        known.append(later[role])
        observed = _sorted(pa.concat_tables(known))
        asked = _sorted(later[role])
        built = build(asked, observed, options)
        built = built.filter(built["label"].is_valid())
        examples[role] = built.set_column(
            built.schema.get_field_index("split"),
            EXAMPLE_SCHEMA.field("split"),
            pa.array([role] * built.num_rows, pa.string()),
        )
    if VALID not in examples and examples[TRAIN].num_rows:
        examples[TRAIN], examples[VALID] = latest_videos(examples[TRAIN], VALID_OF_TRAIN)
    return examples


def build(
    asked: pa.Table, observed: pa.Table, options: ViralOptions, answers: pa.Table | None = None
) -> pa.Table:
    """One example for each row of ``asked``, with history and outcome out of ``observed``; where no outcome is
    known, ``label`` is null.

    Args:
        options: horizon and thresholds.
        asked: snapshot columns, and ``first_seen_at``, ``previous_views``, ``previous_taken_at`` where known.
        observed: snapshots, and ``first_seen_at`` where known (else a video's first observation).
        answers: (rows of ``asked``) ``predicted_*`` and ``source``.
    """
    codes = pc.dictionary_encode(pa.chunked_array([*observed["video_id"].chunks, *asked["video_id"].chunks]))
    entity = codes.combine_chunks().indices.to_numpy() if len(codes) else np.zeros(0, np.int64)
    seen, query = entity[: observed.num_rows], entity[observed.num_rows :]
    times, query_times = epoch_us(observed["taken_at"]).to_numpy(), epoch_us(asked["taken_at"]).to_numpy()
    views = observed["views"].to_numpy()
    columns: dict[str, Any] = {
        name: asked[name] for name in asked.column_names if name in SNAPSHOT_SCHEMA.names
    }

    previous = previous_index(seen, times, query, query_times, options)
    columns["previous_views"] = _picked(views, previous, pa.int64())
    columns["previous_taken_at"] = _picked(times, previous, TIME)
    for name in ("previous_views", "previous_taken_at"):
        if name in asked.column_names:
            columns[name] = pc.coalesce(asked[name].combine_chunks(), columns[name])

    outcome = outcome_index(seen, times, query, query_times, options)
    columns["views_at_horizon"] = _picked(views, outcome, pa.int64())
    columns["horizon_at"] = _picked(times, outcome, TIME)
    names = np.asarray(options.classes)[class_index(np.append(views, 0)[outcome], options)]
    columns["label"] = pa.array(names, type=pa.string(), mask=outcome < 0)

    first = _first_seen(asked, observed, seen, times, query)
    columns["first_seen_at"] = pa.array(first).cast(TIME)
    columns["split"] = assign_split(asked["video_id"], SPLIT_SALT)
    columns["source"] = pa.array(["snapshot"] * asked.num_rows, type=pa.string())
    if answers is not None:
        columns.update({name: answers[name] for name in answers.column_names})
    columns["flag"] = pa.nulls(asked.num_rows, pa.string())
    examples = conform(pa.table(columns), EXAMPLE_SCHEMA)
    return examples.set_column(
        examples.schema.get_field_index("flag"), EXAMPLE_SCHEMA.field("flag"), flags(examples)
    )


def _first_seen(
    asked: pa.Table, observed: pa.Table, seen: np.ndarray, times: np.ndarray, query: np.ndarray
) -> np.ndarray:
    """(rows of asked,) int64: when each row's video was first seen, the same for all rows of a video."""
    if "first_seen_at" in observed.column_names:
        times = np.minimum(
            times, pc.fill_null(epoch_us(observed["first_seen_at"]), np.iinfo(np.int64).max).to_numpy()
        )
    size = int(max(seen.max(initial=-1), query.max(initial=-1))) + 1
    first = np.full(size, np.iinfo(np.int64).max)
    np.minimum.at(first, seen, times)
    unseen = first[query] == np.iinfo(np.int64).max
    return np.where(unseen, epoch_us(asked["taken_at"]).to_numpy(), first[query])


def _picked(values: np.ndarray, index: np.ndarray, kind: pa.DataType) -> Any:
    return pa.array(np.append(values, 0)[index], mask=index < 0).cast(kind)


def _sorted(table: pa.Table) -> pa.Table:
    return table.sort_by([(name, "ascending") for name in KEY]).combine_chunks()
