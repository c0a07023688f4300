"""Strangers' rows to outcomes: columns found, values converted, each row checked, bad ones set aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.columns import TIME
from models.convert import convert, hashed_ids, rejected_rows, texts, wanted_type
from models.ctr.aliases import WHEN, require_for_import, resolve_columns
from models.ctr.moments import spans, times
from models.ctr.schema import CLIP_FIELDS, OUTCOME_SCHEMA
from models.family import Rejected

EARLIEST = datetime(2005, 1, 1, tzinfo=UTC)
#: Parts of the content that names a clip which has no id.
_CONTENT = [field.name for field in CLIP_FIELDS if field.name != "published_at"]
_SPAN = ("clip_id", "started_at", "ended_at", "placement", "audience")
#: Beside the span: left out where there is none, so that keys from before there were devices are the same.
_DEVICE = "device"


def clean(
    table: pa.Table, mapping: Mapping[str, str] | None = None, as_of: datetime | None = None
) -> tuple[pa.Table, list[Rejected]]:
    """Outcomes out of a plain file's rows: counts of a span, or a log with a row for each impression.

    A clip without an id gets one out of what describes it; a row without a key gets one out of its clip, span,
    placement, audience and device.

    Args:
        table: the file's rows, text or typed.
        mapping: canonical field -> column of the file, where known names do not find it.
        as_of: where given, rows are to be kept: each needs a time, and a span that was not over by then is set
            aside. Without it they are only measured.

    Returns:
        the good rows in ``OUTCOME_SCHEMA``, in the file's order, and the rejected ones with their reasons.

    Raises:
        InputError: the columns do not tell clicks, or to keep the rows, when and of what.
    """
    columns = resolve_columns(table.column_names, mapping)
    if as_of is not None:
        require_for_import(columns, table.column_names)
    raw = {field: table[column].combine_chunks() for field, column in columns.items()}
    reasons: list[list[str]] = [[] for _ in range(table.num_rows)]
    outcomes = _converted(raw, table.num_rows, reasons)
    _check(outcomes, reasons, "impressions" in columns, as_of)
    good = np.array([not found for found in reasons], dtype=bool)
    outcomes = _named(outcomes, _log_rows(table) if _bare(outcomes) else None, good)
    if "impressions" in columns or "key" in columns:
        for row in _superseded(outcomes, good):
            reasons[row].append(
                "another row of the same key comes later and wins: send each span of a clip once"
            )
            good[row] = False
    elif as_of is None:
        outcomes = _set(outcomes, "key", pa.nulls(table.num_rows, pa.string()))
    return outcomes.filter(pa.array(good)).cast(OUTCOME_SCHEMA), rejected_rows(
        table, reasons, np.flatnonzero(~good)
    )


def _converted(raw: Mapping[str, Any], rows: int, reasons: list[list[str]]) -> pa.Table:
    """All columns, nullable; what does not fit is null, with a reason."""
    converted: dict[str, Any] = {}
    for field in OUTCOME_SCHEMA:
        if field.name in ("started_at", "ended_at"):
            continue
        if field.name not in raw:
            converted[field.name] = pa.nulls(rows, field.type)
            continue
        converted[field.name] = convert(raw[field.name], field.type)
        lost = pc.and_(pc.is_null(converted[field.name]), pc.is_valid(texts(raw[field.name])))
        _note(reasons, np.flatnonzero(lost), f"{field.name} is not {wanted_type(field.type)}")
    if "impressions" not in raw:
        converted["impressions"] = pa.array(np.ones(rows, np.int64))
    when = {name: raw[name] for name in ("started_at", "ended_at", *WHEN) if name in raw}
    began, ended, unfit = spans(when, rows)
    for name, wrong in unfit.items():
        wanted = {"week": "a week such as 201446", "hour": "an hour from 0 to 23"}.get(name, "a date or time")
        _note(reasons, np.flatnonzero(wrong), f"{name} is not {wanted}")
    converted["started_at"], converted["ended_at"] = times(began), times(ended)
    return pa.table([converted[name] for name in OUTCOME_SCHEMA.names], names=OUTCOME_SCHEMA.names)


def _check(outcomes: pa.Table, reasons: list[list[str]], counted: bool, as_of: datetime | None) -> None:
    """Add what is wrong with each row; what does not fit its type has its reason already."""
    told = np.array([bool(found) for found in reasons], dtype=bool)

    def note(wrong: Any, reason: str) -> None:
        _note(reasons, np.flatnonzero(pc.fill_null(wrong, False)), reason)

    shown, clicks, duration = outcomes["impressions"], outcomes["clicks"], outcomes["duration"]
    for name, column in (("impressions", shown), ("clicks", clicks)):
        absent = np.asarray(pc.is_null(column)) & ~told
        _note(reasons, np.flatnonzero(absent), f"{name} is absent: give the count, 0 if there was none")
        note(pc.less(column, 0), f"{name} is negative")
    over = pc.and_(pc.greater(clicks, shown), pc.greater_equal(shown, 0))
    note(
        over, "there are more clicks than impressions" if counted else "clicks is neither 0 nor 1, as in a log"
    )
    note(pc.less(duration, 0), "duration is negative")
    began, ended = outcomes["started_at"], outcomes["ended_at"]
    note(pc.less(began, pa.scalar(EARLIEST, TIME)), "started_at lies before 2005")
    note(pc.less_equal(ended, began), "ended_at is not later than started_at")
    if as_of is not None:
        note(
            pc.greater(ended, pa.scalar(as_of, TIME)),
            "the span is not over yet: import it when its counts are whole",
        )
        absent = np.asarray(pc.is_null(began)) & ~told
        _note(reasons, np.flatnonzero(absent), "started_at is absent: say when the counts began")


def _bare(outcomes: pa.Table) -> bool:
    """Whether the columns tell nothing of the clips."""
    return all(outcomes[name].null_count == outcomes.num_rows for name in ("clip_id", *_CONTENT))


def _log_rows(table: pa.Table) -> list[Any]:
    return [texts(table[name].combine_chunks()) for name in table.column_names]


def _named(outcomes: pa.Table, whole: Sequence[Any] | None, good: np.ndarray) -> pa.Table:
    """``outcomes`` with a clip and a key each. Clips that are described alike in one span are told apart by
    their order, and so are impressions of a log that have no name.
    """
    absent = pc.is_null(outcomes["clip_id"]).to_numpy()
    if absent.any():
        parts = whole or [outcomes[name].cast(pa.string()).combine_chunks() for name in _CONTENT]
        content = hashed_ids(*parts).to_pylist()
        spans = [outcomes[name].cast(pa.int64()).to_pylist() for name in ("started_at", "ended_at")]
        places = [outcomes[name].to_pylist() for name in ("placement", "audience", _DEVICE)]
        numbered = _numbered(content, zip(content, *spans, *places, strict=True), good & absent)
        ids = [own or made for own, made in zip(outcomes["clip_id"].to_pylist(), numbered, strict=True)]
        outcomes = _set(outcomes, "clip_id", pa.array(ids, pa.string()))
    if outcomes["key"].null_count:
        span = [outcomes[name].cast(_text_type(outcomes[name])).combine_chunks() for name in _SPAN]
        made, device = hashed_ids(*span), outcomes[_DEVICE].combine_chunks()
        if device.null_count < len(device):
            made = pc.if_else(pc.is_valid(device), hashed_ids(*span, device), made)
        outcomes = _set(outcomes, "key", pc.coalesce(outcomes["key"].combine_chunks(), made))
    return outcomes


def _text_type(column: Any) -> pa.DataType:
    return pa.int64() if pa.types.is_timestamp(column.type) else pa.string()


def _numbered(names: Sequence[str], keys: Iterable[Any], good: np.ndarray) -> list[str]:
    """``names``, the second one of a key with ``-2`` behind it, and so on."""
    seen: Counter[Any] = Counter()
    found = []
    for name, key, counts in zip(names, keys, good.tolist(), strict=True):
        seen[key] += counts
        found.append(f"{name}-{seen[key]}" if counts and seen[key] > 1 else name)
    return found


def _superseded(outcomes: pa.Table, good: np.ndarray) -> list[int]:
    """Good rows whose key comes again in a later one."""
    last: dict[str, int] = {}
    earlier = []
    keys = outcomes["key"].to_pylist()
    for row in np.flatnonzero(good).tolist():
        if keys[row] in last:
            earlier.append(last[keys[row]])
        last[keys[row]] = row
    return earlier


def _note(reasons: list[list[str]], rows: Any, reason: str) -> None:
    for row in rows:
        reasons[row].append(reason)


def _set(table: pa.Table, name: str, values: Any) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, values)
