"""Merging dataset versions: one row a key, the latest one, and only what may pass. Pure logic on batches.

A merge reads its sources twice. The first pass reads the key (and flag) columns alone and decides, row by row,
what stays; the second streams the rows through. Memory holds 16 bytes a row for its key's hash while the first
pass runs, and one byte a row after that, whatever the rows weigh.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from config.errors import DatasetError

#: Reads a source from its start: columns (None: all) -> batches. It must give the same rows each time.
Source = Callable[[Sequence[str] | None], Iterator[pa.RecordBatch]]

ACCEPT, REJECT, CORRECT = "accept", "reject", "correct"
_HASH_KEYS = ("assay-merge-low!", "assay-merge-high")


@dataclass(frozen=True)
class Decision:
    """What an admin decided about a candidate; the latest decision on its key."""

    decision: str
    corrected_label: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None


#: (rows, row -> what was decided about it) -> the rows with their labels, and all that follows from them.
Settle = Callable[[pa.RecordBatch, Mapping[int, Decision]], pa.RecordBatch]


@dataclass(frozen=True)
class Selection:
    """Which rows must have been looked at, and what was decided.

    Attributes:
        flag: column with the reason why a row needs an admin, null where it needs none.
        decisions: key text -> decision (see :func:`decisions_by_key`).
        only_decided: whether a row stays only when it was accepted or corrected, flagged or not.
    """

    flag: str
    decisions: Mapping[str, Decision]
    only_decided: bool = False


@dataclass(frozen=True)
class MergePlan:
    """What the first pass decided.

    Attributes:
        keep: one boolean array a source, a value a row.
        decided: one mapping a source: row that stays -> the decision by which it does.
        report: rows by what became of them: ``read``, ``kept``, ``corrected``, ``accepted``, and dropped ones
            as ``superseded``, ``rejected``, and ``waiting for review`` or, where every row needs a decision,
            ``undecided``.
    """

    keep: tuple[np.ndarray, ...]
    decided: tuple[Mapping[int, Decision], ...]
    report: Mapping[str, int]


@dataclass
class _Decided:
    """What reviews say about one source's rows, before repeats are dropped."""

    hashes: list[np.ndarray] = field(default_factory=list)
    verdicts: list[np.ndarray] = field(default_factory=list)
    decisions: dict[int, Decision] = field(default_factory=dict)
    rows: int = 0


_PASSES, _ACCEPTED, _CORRECTED, _WAITS, _REJECTED = range(5)
#: verdicts from this one on drop the row
_DROPS = _WAITS
_CODES = {ACCEPT: _ACCEPTED, CORRECT: _CORRECTED, REJECT: _REJECTED}


def _figures(selection: Selection | None) -> dict[str, int]:
    """Name of a figure -> the verdict that it counts."""
    left_open = "undecided" if selection is not None and selection.only_decided else "waiting for review"
    return {left_open: _WAITS, "rejected": _REJECTED, "accepted": _ACCEPTED, "corrected": _CORRECTED}


def key_text(batch: pa.RecordBatch | pa.Table, key: Sequence[str]) -> pa.StringArray:
    """The key of each row as one text: the values joined by ``|``, a ``|`` inside of one escaped.

    Times are in UTC with microseconds. Two rows have the same text only if they have the same key.
    """
    parts = []
    for name in key:
        column = batch.column(name)
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        if pa.types.is_timestamp(column.type):
            column = pc.strftime(column, "%Y-%m-%dT%H:%M:%SZ")
        text = column.cast(pa.string())
        if text.null_count:
            raise DatasetError(f"Key column '{name}' has {text.null_count} empty values.")
        if pc.any(pc.match_substring_regex(text, r"[\\|]")).as_py():
            text = pc.replace_substring(pc.replace_substring(text, "\\", "\\\\"), "|", "\\|")
        parts.append(text)
    return pc.binary_join_element_wise(*parts, "|")


def decisions_by_key(
    decided: Mapping[str, Decision], *, key: Sequence[str], schema: pa.Schema
) -> dict[str, Decision]:
    """Decisions by :func:`key_text`, out of decisions by candidate (``storage.reviews.candidate_key``).

    A candidate's text that cannot be read as a key of this family matches no row, so it is left out.
    """
    names, rows = [], []
    for candidate in decided:
        try:
            values = json.loads(candidate)
            row = [_key_value(value, schema.field(name).type) for name, value in zip(key, values, strict=True)]
        except (ValueError, TypeError):
            continue
        names.append(candidate)
        rows.append(row)
    texts = _key_texts(rows, key, schema)
    return {text: decided[name] for name, text in zip(names, texts, strict=True) if text is not None}


def _key_texts(rows: Sequence[Sequence[Any]], key: Sequence[str], schema: pa.Schema) -> list[str | None]:
    """:func:`key_text` of rows of key values; None for one whose values do not fit the columns."""
    kinds = [schema.field(name).type for name in key]
    columns = zip(*rows, strict=True) if rows else ([] for _ in kinds)
    try:
        arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
        return key_text(pa.RecordBatch.from_arrays(arrays, list(key)), key).to_pylist()
    except (ValueError, TypeError):  # pa.ArrowInvalid is a ValueError
        if len(rows) <= 1:
            return [None] * len(rows)
        return [text for row in rows for text in _key_texts([row], key, schema)]


def _key_value(value: Any, kind: pa.DataType) -> Any:
    if value is None:
        raise ValueError("a key has no empty values")
    if not pa.types.is_timestamp(kind):
        return value
    moment = datetime.fromisoformat(value)
    # in UTC before Arrow sees it: whether Arrow minds another zone depends on what else is loaded
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def plan_merge(
    sources: Sequence[Source], *, key: Sequence[str], selection: Selection | None = None, free: int = 0
) -> MergePlan:
    """Decide which rows of ``sources`` stay. Of rows with one key the last stays: later sources win.

    Args:
        sources: oldest first.
        key: columns that identify a row.
        selection: where given, a row stays only when it is unflagged (unless every row needs a decision),
            accepted or corrected, and not rejected.
        free: of that many sources, the first ones, every row may stay: nobody needs to decide about gold.
    """
    decided = [
        _decide(source, key, None if number < free else selection) for number, source in enumerate(sources)
    ]
    hashes = [part for one in decided for part in one.hashes]
    lasts = _last_of_each(np.concatenate(hashes) if hashes else np.empty((0, 2), np.uint64))
    del hashes
    figures = _figures(selection)
    keep, kept_by, report = [], [], Counter(dict.fromkeys(("read", "kept", "superseded", *figures), 0))
    start = 0
    for one in decided:
        last = lasts[start : start + one.rows]
        start += one.rows
        verdict = np.concatenate(one.verdicts) if one.verdicts else np.empty(0, np.int8)
        stays = last & (verdict < _DROPS)
        keep.append(stays)
        kept_by.append({row: decision for row, decision in one.decisions.items() if stays[row]})
        report["read"] += one.rows
        report["kept"] += int(stays.sum())
        report["superseded"] += int((~last).sum())
        for name, code in figures.items():
            report[name] += int((last & (verdict == code)).sum())
    return MergePlan(tuple(keep), tuple(kept_by), dict(report))


def merged(
    plan: MergePlan,
    sources: Sequence[Source],
    *,
    schema: pa.Schema,
    settle: Settle,
    columns: Sequence[str] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Stream the rows that ``plan`` keeps, in the sources' order, in ``schema``, decided ones by ``settle``.

    Where ``columns`` are given only those are read, and the others are null.

    Raises:
        DatasetError: a source gave another number of rows than in the first pass.
    """
    for source, keep, decided in zip(sources, plan.keep, plan.decided, strict=True):
        start = 0
        for batch in source(columns):
            mask = keep[start : start + batch.num_rows]
            if len(mask) != batch.num_rows:
                break
            here = np.flatnonzero(mask)
            if len(here):
                chosen = batch if len(here) == len(mask) else batch.filter(pa.array(mask))
                fitted = conform(chosen, schema)
                decisions = {
                    place: decided[start + int(row)]
                    for place, row in enumerate(here)
                    if start + int(row) in decided
                }
                yield settle(fitted, decisions) if decisions else fitted
            start += batch.num_rows
        if start != len(keep):
            raise DatasetError(
                "A dataset version changed while it was being merged.", hint="Run the flow again."
            )


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """``batch`` with exactly the columns of ``schema``: absent ones null, others cast, unknown ones dropped."""
    if batch.schema.equals(schema):
        return batch
    columns = []
    for column in schema:
        if column.name in batch.schema.names:
            columns.append(batch.column(column.name).cast(column.type))
        else:
            columns.append(pa.nulls(batch.num_rows, column.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _decide(source: Source, key: Sequence[str], selection: Selection | None) -> _Decided:
    decided = _Decided()
    columns = [*key] if selection is None or selection.only_decided else [*key, selection.flag]
    for batch in source(columns):
        names = key_text(batch, key)
        decided.hashes.append(_hashes(names))
        decided.verdicts.append(_verdicts(batch, names, selection, decided))
        decided.rows += batch.num_rows
    return decided


def _verdicts(
    batch: pa.RecordBatch, names: pa.StringArray, selection: Selection | None, decided: _Decided
) -> np.ndarray:
    verdict = np.full(batch.num_rows, _PASSES, np.int8)
    if selection is None:
        return verdict
    if selection.only_decided:
        verdict[:] = _WAITS
    else:
        verdict[batch.column(selection.flag).is_valid().to_numpy(zero_copy_only=False)] = _WAITS
    if not selection.decisions:
        return verdict
    reviewed = pc.is_in(names, value_set=pa.array(selection.decisions, pa.string()))
    for row in np.flatnonzero(reviewed.to_numpy(zero_copy_only=False)):
        decision = selection.decisions[names[int(row)].as_py()]
        verdict[row] = _CODES[decision.decision]
        if decision.decision in (ACCEPT, CORRECT):
            decided.decisions[decided.rows + int(row)] = decision
    return verdict


def _hashes(names: pa.StringArray) -> np.ndarray:
    """(n, 2) uint64: two independent 64-bit hashes of each text."""
    from pandas.util import hash_array

    values = np.asarray(names.to_numpy(zero_copy_only=False), dtype=object)
    halves = [hash_array(values, hash_key=key, categorize=False) for key in _HASH_KEYS]
    return np.column_stack(halves)


def _last_of_each(hashes: np.ndarray) -> np.ndarray:
    """(n,) bool: whether a row is the last one with its hash."""
    last = np.ones(len(hashes), bool)
    order = np.lexsort((hashes[:, 1], hashes[:, 0]))  # stable: rows of one key stay in order
    same = (hashes[order[:-1]] == hashes[order[1:]]).all(axis=1)
    last[order[:-1][same]] = False
    return last


def relabel(batch: pa.RecordBatch, labels: Mapping[int, str], *, label: str) -> pa.RecordBatch:
    """``batch`` with other values in its column ``label``: a correction where a family says no more."""
    values = batch.column(label).to_pylist()
    for row, value in labels.items():
        values[row] = value
    place = batch.schema.get_field_index(label)
    return batch.set_column(place, batch.schema.field(label), pa.array(values, batch.schema.field(label).type))
