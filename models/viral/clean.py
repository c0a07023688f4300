"""Strangers' rows to snapshots: columns found, values converted, each row checked, bad ones set aside."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.columns import epoch_us
from models.convert import convert, hashed_ids, rejected_rows, texts, wanted_type
from models.family import Rejected
from models.viral.aliases import PICTURE_LINKS, resolve_columns
from models.viral.schema import SNAPSHOT_SCHEMA

EARLIEST, LATEST = datetime(2005, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
#: A file's days have no time of day, so that a video may seem published up to a day after its snapshot.
CLOCK_SLACK = timedelta(days=1)
_PICTURE_ID = r"/vi(?:_webp)?/(?P<id>[^/?#]+)"
_MANGLED = r"^#(NAME\?|REF!|VALUE!|DIV/0!|N/A|NUM!|NULL!)$"


def clean(
    table: pa.Table, mapping: Mapping[str, str] | None = None, as_of: datetime | None = None
) -> tuple[pa.Table, list[Rejected]]:
    """Snapshots out of a plain file's rows.

    Args:
        table: the file's rows, text or typed.
        mapping: canonical field -> column of the file, where known names do not find it.
        as_of: where given, a snapshot taken later than this is set aside as lying in the future.

    Returns:
        the good rows in ``SNAPSHOT_SCHEMA``, in the file's order, and the rejected ones with their reasons.

    Raises:
        InputError: the columns do not tell snapshots.
    """
    columns = resolve_columns(table.column_names, mapping)
    converted, unfit = _convert(table, columns)
    reasons: list[list[str]] = [[] for _ in range(table.num_rows)]
    for field, rows in unfit.items():
        for row in rows:
            reasons[row].append(f"{field} is not {wanted_type(SNAPSHOT_SCHEMA.field(field).type)}")
    mangled = converted.pop("_mangled")
    for row in np.flatnonzero(mangled):
        reasons[row].append("video_id is an error of a spreadsheet, and no picture link tells the id")
    snapshots = pa.table([converted[name] for name in SNAPSHOT_SCHEMA.names], names=SNAPSHOT_SCHEMA.names)
    unfit_cells = {field: set(rows.tolist()) for field, rows in unfit.items()}
    for row, field, reason in _failures(snapshots, as_of or LATEST):
        if row not in unfit_cells.get(field, ()) and not (field == "video_id" and mangled[row]):
            reasons[row].append(reason)
    good = np.fromiter((not found for found in reasons), dtype=bool, count=len(reasons))
    for row in _superseded(snapshots, good):
        reasons[row].append("another row of the same video and time comes later and wins")
        good[row] = False
    rejected = rejected_rows(table, reasons, np.flatnonzero(~good))
    return snapshots.filter(pa.array(good)).cast(SNAPSHOT_SCHEMA), rejected


def _convert(table: pa.Table, columns: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Converted columns by field, and the rows of each whose value was there but did not fit."""
    converted: dict[str, Any] = {}
    unfit: dict[str, np.ndarray] = {}
    for field in SNAPSHOT_SCHEMA:
        if field.name not in columns:
            converted[field.name] = pa.nulls(table.num_rows, field.type)
            continue
        raw = table[columns[field.name]].combine_chunks()
        value = convert(raw, field.type)
        converted[field.name] = value
        lost = _truth(pc.is_null(value)) & _truth(pc.is_valid(texts(raw)))
        if lost.any():
            unfit[field.name] = np.flatnonzero(lost)
    if "video_id" in columns:
        converted["video_id"], converted["_mangled"] = _mended_ids(table, converted["video_id"])
    else:
        known = [converted[name] for name in ("title", "creator_id", "published_at")]
        ids = hashed_ids(*known)
        converted["video_id"] = pc.if_else(pc.is_valid(known[0]), ids, pa.scalar(None, pa.string()))
        converted["_mangled"] = np.zeros(table.num_rows, bool)
    return converted, unfit


def _mended_ids(table: pa.Table, ids: Any) -> tuple[Any, np.ndarray]:
    """Ids that a spreadsheet took for formulas, read from the picture's address; and which stay mangled."""
    mangled = _truth(pc.match_substring_regex(ids, _MANGLED))
    link = next((name for name in PICTURE_LINKS if name in table.column_names), None)
    if mangled.any() and link is not None:
        found = pc.struct_field(pc.extract_regex(texts(table[link].combine_chunks()), _PICTURE_ID), "id")
        ids = pc.if_else(pa.array(mangled), found, ids)
        mangled &= _truth(pc.is_null(ids))
    return pc.if_else(pa.array(mangled), pa.scalar(None, pa.string()), ids), mangled


def _failures(snapshots: pa.Table, latest: datetime) -> list[tuple[int, str, str]]:
    """(row, field, reason) of each check that a row does not pass (pandera)."""
    import pandas as pd
    import pandera.pandas as pandera

    counts = [f.name for f in SNAPSHOT_SCHEMA if pa.types.is_integer(f.type) or pa.types.is_floating(f.type)]
    not_negative = pandera.Check(lambda s: s >= 0, error="is negative")
    times = [
        pandera.Check(lambda s: s >= EARLIEST, error="lies before 2005"),
        pandera.Check(lambda s: s <= latest, error="lies in the future"),
    ]
    schema = pandera.DataFrameSchema(
        {
            **{name: pandera.Column(nullable=name != "views", checks=not_negative) for name in counts},
            "video_id": pandera.Column(nullable=False),
            "taken_at": pandera.Column(nullable=False, checks=times),
            "lead": pandera.Column(
                nullable=True, checks=pandera.Check(lambda s: s <= CLOCK_SLACK, error="lies after taken_at")
            ),
        }
    )
    frame = pd.DataFrame({name: snapshots[name].to_pandas() for name in (*counts, "video_id", "taken_at")})
    frame["lead"] = snapshots["published_at"].to_pandas() - frame["taken_at"]
    try:
        schema.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        cases = errors.failure_cases.dropna(subset=["index"])
        return [_failure(*case) for case in cases[["index", "column", "check"]].itertuples(index=False)]
    return []


def _failure(row: Any, column: str, check: str) -> tuple[int, str, str]:
    field = "published_at" if column == "lead" else column
    return int(row), field, f"{field} is absent" if check == "not_nullable" else f"{field} {check}"


def _superseded(snapshots: pa.Table, good: np.ndarray) -> list[int]:
    """Good rows whose video and time come again in a later row."""
    rows = np.flatnonzero(good)
    kept = snapshots.select(["video_id", "taken_at"]).filter(pa.array(good))
    codes = pc.dictionary_encode(kept["video_id"].combine_chunks()).indices.to_numpy()
    times = epoch_us(kept["taken_at"]).to_numpy()
    order = np.lexsort((np.arange(len(rows)), times, codes))
    first, second = order[:-1], order[1:]
    same = (codes[first] == codes[second]) & (times[first] == times[second])
    return [int(row) for row in rows[first[same]]]


def _truth(column: Any) -> np.ndarray:
    return np.asarray(pc.fill_null(column, False)).astype(bool)
