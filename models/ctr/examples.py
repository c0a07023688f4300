"""Outcomes to examples: what was known when a clip was shown, the counts that followed, and the split."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.columns import TIME, conform, epoch_us, take_rows
from models.ctr.history import past_counts
from models.ctr.labels import band_names
from models.ctr.options import CtrOptions
from models.ctr.schema import EXAMPLE_SCHEMA, OUTCOME_SCHEMA
from models.ctr.split import SPLIT_SALT, hashed_entities, latest_entities
from models.ctr.validate import flags
from models.family import TEST, TRAIN, VALID, Window
from models.splits import assign_split

VALID_OF_TRAIN = 0.2
#: Where rows have no time, all are of this one.
NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)
HOUR_US = 3_600_000_000


def source_span(window: Window, options: CtrOptions) -> Window:  # noqa: ARG001 - the contract's
    """The window itself: the source knows when an outcome is final."""
    return window


def collect(sources: Mapping[str, pa.Table], window: Window, options: CtrOptions) -> pa.Table:
    """Examples of the outcomes that became final in ``window``, ordered by their key.

    Args:
        options: where the bands begin.
        sources: ``outcomes``, as ``storage/sources/ctr.py`` reads them: with the clip and the counts of the
        past
            as they were known at ``started_at``, and ``known_at``, when the counts became final.
        window: half-open span of ``known_at``.
    """
    outcomes = sources["outcomes"]
    final = epoch_us(outcomes["known_at"]).to_numpy()
    start, end = (np.datetime64(moment.replace(tzinfo=None), "us").astype(np.int64) for moment in
                  (window.start, window.end))  # fmt: skip
    inside = take_rows(outcomes, (final >= start) & (final < end))
    history = {name: inside[name] for name in inside.column_names if name.endswith(("_impressions", "_clicks"))}
    return build(inside, history, options, source="outcome").sort_by([("outcome", "ascending")])


def examples_from_rows(rows: Mapping[str, pa.Table], options: CtrOptions) -> dict[str, pa.Table]:
    """Labelled examples by role out of plain files' clean rows (``train``, ``test``, and maybe ``valid``).

    A role knows only what came before it: training rows take counts of the past from the training file alone,
    test rows may look back into all files. A group that stands in two files belongs to the later role, since
    its clips were compared with each other; so does a row without a group that stands in both. Without a file
    for it, ``valid`` is the latest fifth of the training file's entities, or where nothing has a time, any
    fifth.
    """
    own = _one_role_each(rows)
    known: list[pa.Table] = []
    examples: dict[str, pa.Table] = {}
    for role in (TRAIN, VALID, TEST):
        if role not in own:
            continue
        known.append(own[role])
        asked = own[role]
        history = past_counts(asked, pa.concat_tables(known), options)
        built = build(_timed(asked, role), history, options, source="file")
        examples[role] = _with(built, "split", pa.array([role] * built.num_rows, pa.string()))
    if VALID not in examples:
        moments = examples[TRAIN]["at"]
        cut = latest_entities if len(moments.unique()) > 1 else hashed_entities
        examples[TRAIN], examples[VALID] = cut(examples[TRAIN], VALID_OF_TRAIN)
    return examples


def build(outcomes: pa.Table, history: Mapping[str, Any], options: CtrOptions, *, source: str) -> pa.Table:
    """One example for each row of ``outcomes``.

    Args:
        outcomes: columns of ``OUTCOME_SCHEMA``, with times and key, ``known_at``, and ``predicted_ctr`` and
            ``predicted_version`` where known.
        history: the columns of ``HISTORY_FIELDS``.
        options: where the bands begin.
        source: where the rows are from.
    """
    rows = outcomes.num_rows
    shown, clicked = (outcomes[name].to_numpy() for name in ("impressions", "clicks"))
    entity = pc.coalesce(outcomes["group_id"], outcomes["clip_id"])
    columns: dict[str, Any] = {name: outcomes[name] for name in outcomes.column_names} | dict(history)
    columns |= {
        "outcome": outcomes["key"],
        "entity": entity,
        "at": outcomes["started_at"],
        "hour": hours(outcomes["started_at"], outcomes["ended_at"]),
        "label": pa.array(band_names(clicked, shown, options), pa.string()),
        "source": pa.array([source] * rows, pa.string()),
        "flag": flags(shown, clicked),
        "split": assign_split(entity, SPLIT_SALT),
    }
    return conform(pa.table(columns), EXAMPLE_SCHEMA)


def hours(started: Any, ended: Any) -> Any:
    """The hour of day of each span, null where it is longer than an hour."""
    length = pc.subtract(epoch_us(ended), epoch_us(started))
    hour = pc.hour(pc.cast(started, pa.timestamp("us")))
    return pc.if_else(pc.less_equal(length, HOUR_US), pc.cast(hour, pa.int8()), pa.scalar(None, pa.int8()))


def _one_role_each(rows: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """The same rows with each group, and each key of a row without one, in its latest role only."""
    own: dict[str, pa.Table] = {}
    groups: set[str] = set()
    keys: set[str] = set()
    for role in (TEST, VALID, TRAIN):
        if role not in rows:
            continue
        table = conform(rows[role], OUTCOME_SCHEMA)
        again = pc.or_(
            pc.is_in(table["group_id"], value_set=pa.array(sorted(groups), pa.string())),
            pc.and_(
                pc.is_valid(table["started_at"]),
                pc.is_in(table["key"], value_set=pa.array(sorted(keys), pa.string())),
            ),
        )
        own[role] = table.filter(pc.invert(pc.fill_null(again, False)))
        groups.update(pc.unique(own[role]["group_id"].drop_null()).to_pylist())
        keys.update(own[role]["key"].drop_null().to_pylist())
    return own


def _timed(rows: pa.Table, role: str) -> pa.Table:
    """``rows`` with a time and a key each: of a file, counts are known when their span is over."""
    instead = pa.scalar(NO_TIME, TIME)
    ended = pc.coalesce(rows["ended_at"], pc.coalesce(rows["started_at"], instead))
    numbered = pa.array([f"{role}-{number}" for number in range(rows.num_rows)], pa.string())
    timed = _with(rows, "started_at", pc.coalesce(rows["started_at"], instead))
    timed = _with(_with(timed, "ended_at", ended), "key", pc.coalesce(rows["key"], numbered))
    return timed.append_column("known_at", ended)


def _with(table: pa.Table, name: str, values: Any) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), table.schema.field(name), values)
