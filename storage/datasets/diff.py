"""What changed between two versions, by the rows' keys.

Both versions are streamed; of each row only a 64-bit hash of its key, and its label as a small number, stay
in memory (12 bytes a row). Two different keys are taken for one with a probability of about n² / 2⁶⁵: 3 in a
million for ten million rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from config.errors import InputError

EXAMPLES = 10


@dataclass(frozen=True)
class RowChange:
    """A row by its key, with its label in either version (None where it is not there or has none)."""

    key: dict[str, Any]
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Diff:
    """Rows by what happened to them, and up to ten examples of each, in the order of the versions."""

    added: int
    removed: int
    relabelled: int
    unchanged: int
    added_examples: list[RowChange] = field(default_factory=list)
    removed_examples: list[RowChange] = field(default_factory=list)
    relabelled_examples: list[RowChange] = field(default_factory=list)
    unchanged_examples: list[RowChange] = field(default_factory=list)


#: Starts a pass over the rows of a version: columns -> batches, always the same rows in the same order.
Read = Callable[[Sequence[str]], Iterator[pa.RecordBatch]]


@dataclass(frozen=True)
class _Index:
    """The distinct keys of a version: hashes (sorted), label codes, and the row where each stands first."""

    hashes: np.ndarray
    labels: np.ndarray
    rows: np.ndarray


class _Labels:
    """Numbers for label values, the same for both versions; -1 is a missing label."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def encode(self, column: pa.Array) -> np.ndarray:
        encoded = column.cast(pa.string()).dictionary_encode()
        codes = [self._codes.setdefault(value, len(self._codes)) for value in encoded.dictionary.to_pylist()]
        table = np.array([*codes, -1], np.int32)  # the last one is where a missing label points
        return table[pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)]

    def value(self, code: int) -> str | None:
        return None if code < 0 else list(self._codes)[code]


def compare(a: Read, b: Read, key: Sequence[str], label: str) -> Diff:
    """What changed from ``a`` to ``b``. A key that stands twice in a version counts once, at its first row.

    Raises:
        InputError: no key is given.
        DatasetError: a version lacks one of the columns.
    """
    if not key:
        raise InputError("A comparison needs the columns of the key.")
    labels = _Labels()
    old, new = _index(a, key, label, labels), _index(b, key, label, labels)
    position, shared = _lookup(old.hashes, new.hashes)
    gone = np.ones(len(old.hashes), bool)
    gone[position[shared]] = False
    relabelled = shared.copy()
    relabelled[shared] = old.labels[position[shared]] != new.labels[shared]
    before = np.full(len(new.hashes), -1, np.int32)
    before[shared] = old.labels[position[shared]]
    nothing = np.full(len(old.hashes), -1, np.int32)

    def examples_of_new(which: np.ndarray) -> list[RowChange]:
        return _examples(b, key, labels, new.rows, before, new.labels, which)

    return Diff(
        added=int((~shared).sum()),
        removed=int(gone.sum()),
        relabelled=int(relabelled.sum()),
        unchanged=int((shared & ~relabelled).sum()),
        added_examples=examples_of_new(~shared),
        removed_examples=_examples(a, key, labels, old.rows, old.labels, nothing, gone),
        relabelled_examples=examples_of_new(relabelled),
        unchanged_examples=examples_of_new(shared & ~relabelled),
    )


def key_hashes(batch: pa.RecordBatch, key: Sequence[str]) -> np.ndarray:
    """(rows,) uint64: a hash of each row's key, equal for equal values whatever the batch."""
    from pandas.util import hash_array

    texts: list[Any] = []
    for name in key:
        text = batch.column(name).cast(pa.string())
        # the length before each value: ("a", "bc") is another key than ("ab", "c"), and "" another than missing
        texts += [pc.binary_length(text).cast(pa.string()), text]
    joined = pc.binary_join_element_wise(*texts, ":", null_handling="replace", null_replacement="-")
    hashes: np.ndarray = hash_array(joined.to_numpy(zero_copy_only=False), categorize=False)
    return hashes


def _index(read: Read, key: Sequence[str], label: str, labels: _Labels) -> _Index:
    hashes, codes = [np.empty(0, np.uint64)], [np.empty(0, np.int32)]
    for batch in read(list(dict.fromkeys([*key, label]))):
        hashes.append(key_hashes(batch, key))
        codes.append(labels.encode(batch.column(label)))
    distinct, first = np.unique(np.concatenate(hashes), return_index=True)
    return _Index(distinct, np.concatenate(codes)[first], first)


def _lookup(haystack: np.ndarray, needles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(position in the sorted haystack, whether it is there) of each needle."""
    if not len(haystack):
        return np.zeros(len(needles), np.int64), np.zeros(len(needles), bool)
    position = np.minimum(np.searchsorted(haystack, needles), len(haystack) - 1)
    return position, haystack[position] == needles


def _examples(
    read: Read,
    key: Sequence[str],
    labels: _Labels,
    at: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    which: np.ndarray,
) -> list[RowChange]:
    chosen = np.flatnonzero(which)
    chosen = chosen[np.argsort(at[chosen])][:EXAMPLES]
    keys = _keys_at(read, key, [int(row) for row in at[chosen]])
    return [
        RowChange(values, labels.value(int(before[i])), labels.value(int(after[i])))
        for values, i in zip(keys, chosen, strict=True)
    ]


def _keys_at(read: Read, key: Sequence[str], wanted: list[int]) -> list[dict[str, Any]]:
    """The key values of some rows (ascending row numbers); reads no further than the last of them."""
    found: list[dict[str, Any]] = []
    if not wanted:
        return found
    offset = 0
    for batch in read(list(key)):
        inside = [row for row in wanted[len(found) :] if row < offset + batch.num_rows]
        found += [batch.slice(row - offset, 1).to_pylist()[0] for row in inside]
        if len(found) == len(wanted):
            break
        offset += batch.num_rows
    return found
