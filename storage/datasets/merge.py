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
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from config.errors import DatasetError

#: Reads a source from its start: columns (None: all) -> batches. It must give the same rows each time.
Source = Callable[[Sequence[str] | None], Iterator[pa.RecordBatch]]
#: (rows, row -> the label that an admin gave it) -> the rows with those labels, and all that follows from them.
Correct = Callable[[pa.RecordBatch, Mapping[int, str]], pa.RecordBatch]

ACCEPT, REJECT, CORRECT = "accept", "reject", "correct"
_HASH_KEYS = ("assay-merge-low!", "assay-merge-high")


@dataclass(frozen=True)
class Decision:
    """What an admin decided about a candidate; the latest decision on its key."""

    decision: str
    corrected_label: str | None = None


@dataclass(frozen=True)
class Selection:
    """Which rows must have been looked at, and what was decided.

    Attributes:
        flag: column with the reason why a row needs an admin, null where it needs none.
        decisions: key text -> decision (see :func:`decisions_by_key`).
    """

    flag: str
    decisions: Mapping[str, Decision]


@dataclass(frozen=True)
class MergePlan:
    """What the first pass decided.

    Attributes:
        keep: one boolean array a source, a value a row.
        labels: one mapping a source: row -> corrected label.
        report: rows by what became of them: ``read``, ``kept``, ``corrected``, ``accepted``, and dropped ones
            as ``superseded``, ``rejected`` and ``waiting for review``.
    """

    keep: tuple[np.ndarray, ...]
    labels: tuple[Mapping[int, str], ...]
    report: Mapping[str, int]


@dataclass
class _Decided:
    """What reviews say about one source's rows, before repeats are dropped."""

    hashes: list[np.ndarray] = field(default_factory=list)
    verdicts: list[np.ndarray] = field(default_factory=list)
    labels: dict[int, str] = field(default_factory=dict)
    rows: int = 0


_PASSES, _WAITS, _REJECTED, _ACCEPTED, _CORRECTED = range(5)
_NAMED = (
    ("waiting for review", _WAITS),
    ("rejected", _REJECTED),
    ("accepted", _ACCEPTED),
    ("corrected", _CORRECTED),
)
_REPORTED = ("read", "kept", "superseded", *(name for name, _ in _NAMED))


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
    found = {}
    for candidate, decision in decided.items():
        try:
            values = [
                _key_value(value, schema.field(name).type)
                for name, value in zip(key, json.loads(candidate), strict=True)
            ]
            arrays = [
                pa.array([value], schema.field(name).type) for name, value in zip(key, values, strict=True)
            ]
        except (ValueError, TypeError):  # pa.ArrowInvalid is a ValueError
            continue
        found[key_text(pa.RecordBatch.from_arrays(arrays, list(key)), key)[0].as_py()] = decision
    return found


def _key_value(value: Any, kind: pa.DataType) -> Any:
    return datetime.fromisoformat(value) if pa.types.is_timestamp(kind) else value


def plan_merge(
    sources: Sequence[Source], *, key: Sequence[str], selection: Selection | None = None
) -> MergePlan:
    """Decide which rows of ``sources`` stay. Of rows with one key the last stays: later sources win.

    Args:
        sources: oldest first.
        key: columns that identify a row.
        selection: where given, a row stays only when it is unflagged, accepted or corrected, and not rejected.
    """
    decided = [_decide(source, key, selection) for source in sources]
    hashes = [part for one in decided for part in one.hashes]
    lasts = _last_of_each(np.concatenate(hashes) if hashes else np.empty((0, 2), np.uint64))
    del hashes
    keep, labels, report = [], [], Counter(dict.fromkeys(_REPORTED, 0))
    start = 0
    for one in decided:
        last = lasts[start : start + one.rows]
        start += one.rows
        verdict = np.concatenate(one.verdicts) if one.verdicts else np.empty(0, np.int8)
        stays = last & (verdict != _WAITS) & (verdict != _REJECTED)
        keep.append(stays)
        labels.append({row: label for row, label in one.labels.items() if stays[row]})
        report["read"] += one.rows
        report["kept"] += int(stays.sum())
        report["superseded"] += int((~last).sum())
        for name, code in _NAMED:
            report[name] += int((last & (verdict == code)).sum())
    return MergePlan(tuple(keep), tuple(labels), dict(report))


def merged(
    plan: MergePlan, sources: Sequence[Source], *, schema: pa.Schema, correct: Correct
) -> Iterator[pa.RecordBatch]:
    """Stream the rows that ``plan`` keeps, in the sources' order, in ``schema``, corrections by ``correct``.

    Raises:
        DatasetError: a source gave another number of rows than in the first pass.
    """
    for source, keep, labels in zip(sources, plan.keep, plan.labels, strict=True):
        start = 0
        for batch in source(None):
            mask = keep[start : start + batch.num_rows]
            if len(mask) != batch.num_rows:
                break
            here = {row - start: label for row, label in labels.items() if 0 <= row - start < batch.num_rows}
            fitted = conform(batch, schema)
            fitted = correct(fitted, here) if here else fitted
            start += batch.num_rows
            if mask.all():
                yield fitted
            elif mask.any():
                yield fitted.filter(pa.array(mask))
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
    columns = [*key] if selection is None else [*key, selection.flag]
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
    verdict[batch.column(selection.flag).is_valid().to_numpy(zero_copy_only=False)] = _WAITS
    if not selection.decisions:
        return verdict
    reviewed = pc.is_in(names, value_set=pa.array(selection.decisions, pa.string()))
    for row in np.flatnonzero(reviewed.to_numpy(zero_copy_only=False)):
        decision = selection.decisions[names[int(row)].as_py()]
        verdict[row] = {ACCEPT: _ACCEPTED, REJECT: _REJECTED, CORRECT: _CORRECTED}[decision.decision]
        if decision.decision == CORRECT and decision.corrected_label is not None:
            decided.labels[decided.rows + int(row)] = decision.corrected_label
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
