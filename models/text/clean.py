"""Strangers' tables to labelled texts: columns found, labels read, each row checked, bad ones set aside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from config.errors import InputError
from models.columns import TIME
from models.convert import convert, hashed_ids, rejected_rows, texts
from models.family import Rejected
from models.text.aliases import columns_of, resolve_columns
from models.text.schema import TEXT_SCHEMA

#: Longer texts are rejected: they are books, and no posts.
LONGEST_TEXT = 50_000
LONGEST_ID, LONGEST_LABEL = 256, 20_000
#: Clocks differ.
SLACK = timedelta(minutes=5)
_OPTIONAL = ("predicted", "language", "group_id", "user_id", "labelled_by")

#: (the file's label, the label's column) -> our label, or None where it is none of ours.
ReadLabel = Callable[[str, str], str | None]
#: (the file's rows, its columns by our names) -> (labels, or None for a row that has none, and what was used);
#: None: the label is in one column.
FromColumns = Callable[[pa.Table, Mapping[str, str]], "list[str | None] | None"]


def any_label(raw: str, _column: str) -> str | None:
    """Every label is one of ours, as it is written."""
    return raw


@dataclass(frozen=True)
class TextCleaner:
    """``Family.clean`` of a text family.

    Attributes:
        read: how a label is read.
        known: the labels there are, for the message about one that is not.
        columns: labels out of several columns, as of one a label.
        more: further names of columns, by our names.
        named: what the user calls the files' labels: theirs -> ours.
        foreign: where no moment is given (rows are only measured) and most labels are none of ours, all of them
            are kept as they are, as classes of their own.
    """

    read: ReadLabel = any_label
    known: tuple[str, ...] = ()
    columns: FromColumns | None = None
    more: Mapping[str, Sequence[str]] = field(default_factory=dict)
    named: Mapping[str, str] = field(default_factory=dict)
    foreign: bool = False

    def with_names(self, named: Mapping[str, str]) -> TextCleaner:
        """The same, for files whose labels have other names: theirs -> ours.

        Raises:
            InputError: a name stands for what is no label of this family.
        """
        read: dict[str, str] = {}
        for raw, ours in named.items():
            label = self.read(ours, "")
            if label is None:
                raise InputError(
                    f"'{ours}' (for {raw}) is no label of this family.",
                    hint=f"Labels: {', '.join(self.known)}.",
                )
            read[raw.strip().casefold()] = label
        return replace(self, named=read)

    def __call__(
        self, table: pa.Table, mapping: Mapping[str, str] | None = None, as_of: datetime | None = None
    ) -> tuple[pa.Table, list[Rejected]]:
        """Labelled texts out of a plain file's rows.

        A row without a text or a label, with a label that is none of the family's, or from the future is
        rejected. An absent id is a hash of the text (and of its group); of two rows with one id the later one
        wins. Without a moment a row is of ``as_of``.

        Args:
            table: the file's rows, text or typed.
            mapping: our name -> column of the file, where known names do not find it.
            as_of: now, where rows are to be kept; None: they are only measured.

        Returns:
            the good rows in ``TEXT_SCHEMA``, in the file's order, and the rejected ones with their reasons.

        Raises:
            InputError: the columns do not tell texts and labels.
        """
        chosen = resolve_columns(table.column_names, mapping, more=self.more)
        if "text" not in chosen:
            raise InputError("The file has no column of texts.", hint=columns_of(table.column_names))
        found = {name: _as_text(table[column]) for name, column in chosen.items() if name not in _TIMES}
        reasons: list[list[str]] = [[] for _ in range(table.num_rows)]
        said = _said(table[chosen["text"]])
        for row in np.flatnonzero(np.asarray(pc.is_null(said))):
            reasons[row].append("there is no text")
        labels = self._labels(table, chosen, found.get("label"), as_of, reasons)
        times = self._times(table, chosen, as_of, reasons)
        ids = found.get("text_id")
        group = found.get("group_id", pa.nulls(table.num_rows, pa.string()))
        made = hashed_ids(said, group)
        ids = made if ids is None else pc.coalesce(ids, made)
        columns = {
            "text_id": ids, "text": said, "label": pa.array(labels, pa.string()), **times,
            **{name: found.get(name, pa.nulls(table.num_rows, pa.string())) for name in _OPTIONAL},
        }  # fmt: skip
        rows = pa.table([columns[name] for name in TEXT_SCHEMA.names], names=TEXT_SCHEMA.names)
        _check_lengths(rows, reasons)
        good = np.fromiter((not each for each in reasons), bool, table.num_rows)
        kept = rows.filter(pa.array(good)).cast(TEXT_SCHEMA)
        return kept, rejected_rows(table, reasons, np.flatnonzero(~good))

    def _labels(
        self,
        table: pa.Table,
        chosen: Mapping[str, str],
        column: Any,
        as_of: datetime | None,
        reasons: list[list[str]],
    ) -> list[str | None]:
        several = self.columns(table, chosen) if self.columns is not None and not self.named else None
        if several is not None:
            for row, label in enumerate(several):
                if label is None:
                    reasons[row].append("there is no label")
            return several
        if column is None:
            raise InputError("The file has no column of labels.", hint=columns_of(table.column_names))
        raw = [None if value is None else value.strip() for value in column.to_pylist()]
        name = chosen["label"]
        read = {each: self._read(each, name) for each in set(raw) if each}
        strange = {each for each, ours in read.items() if ours is None}
        if strange and self.foreign and as_of is None and _most(raw, strange):
            read = {each: self.named.get(each.casefold(), each) for each in read}
        labels = [read.get(each) if each else None for each in raw]
        for row, (given, label) in enumerate(zip(raw, labels, strict=True)):
            if not given:
                reasons[row].append("there is no label")
            elif label is None:
                reasons[row].append(f"'{given[:60]}' is none of the labels {', '.join(self.known)}")
        return labels

    def _read(self, raw: str, column: str) -> str | None:
        named = self.named.get(raw.casefold())
        return named if named is not None else self.read(raw, column)

    def _times(
        self,
        table: pa.Table,
        chosen: Mapping[str, str],
        as_of: datetime | None,
        reasons: list[list[str]],
    ) -> dict[str, Any]:
        now = as_of or datetime(1970, 1, 1, tzinfo=UTC)
        found: dict[str, Any] = {}
        for name in _TIMES:
            if name in chosen:
                column = convert(table[chosen[name]].combine_chunks(), TIME)
                if as_of is not None:
                    late = pc.fill_null(pc.greater(column, pa.scalar(as_of + SLACK, TIME)), False)
                    for row in np.flatnonzero(np.asarray(late)):
                        reasons[row].append(f"{name} lies in the future")
                found[name] = pc.fill_null(column, pa.scalar(now, TIME))
            else:
                found[name] = pa.array([now] * table.num_rows, TIME)
        return found


_TIMES = ("at", "labelled_at")


def _most(raw: Sequence[str | None], strange: set[str]) -> bool:
    given = [each for each in raw if each]
    return 2 * sum(each in strange for each in given) > len(given)


def _as_text(column: Any) -> Any:
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_list(column.type):
        column = pc.binary_join(pc.cast(column, pa.list_(pa.string())), " ")
    if pa.types.is_floating(column.type):  # whole numbers of a column with gaps
        whole = pc.cast(column, pa.int64(), safe=False)
        if pc.all(pc.equal(pc.cast(whole, pa.float64()), column)).as_py() is not False:
            column = whole
    return texts(column)


def _said(column: Any) -> Any:
    """Texts, trimmed; "none" and "nan" are something that may be said."""
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_list(column.type):
        column = pc.binary_join(pc.cast(column, pa.list_(pa.string())), " ")
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    trimmed = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)


def _check_lengths(rows: pa.Table, reasons: list[list[str]]) -> None:
    for name, most in (("text", LONGEST_TEXT), ("label", LONGEST_LABEL), ("text_id", LONGEST_ID)):
        long = pc.fill_null(pc.greater(pc.utf8_length(rows[name]), most), False)
        for row in np.flatnonzero(np.asarray(long)):
            reasons[row].append(f"{name} is longer than {most:,} characters")
