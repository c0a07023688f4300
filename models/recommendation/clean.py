"""Strangers' rows to interactions, or to descriptions of items: values converted, each row checked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.columns import TIME
from models.convert import convert, rejected_rows, texts, wanted_type
from models.family import Rejected
from models.recommendation.aliases import require_for_import, resolve_columns
from models.recommendation.schema import INTERACTION_SCHEMA, ITEM

KINDS = ("view", "like", "comment", "share", "bookmark", "follow", "skip")
ITEM_KINDS = ("video", "post", "user")
#: Words of other tools for our kinds.
SYNONYMS = {
    "click": "view", "watch": "view", "play": "view", "listen": "view", "impression": "view", "pv": "view",
    "favorite": "like", "favourite": "like", "fav": "like", "upvote": "like", "reply": "comment",
    "repost": "share", "retweet": "share", "save": "bookmark", "subscribe": "follow", "dislike": "skip",
}  # fmt: skip
#: A rating from 1 to 5 is a like from here on, and a skip below there; between them it is a view.
LIKED, DISLIKED = 4.0, 3.0
#: Data sets for recommendation reach further back than the product does.
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
#: Clocks differ.
SLACK = timedelta(minutes=5)
LONGEST_ID, LONGEST_TEXT, LONGEST_WORD, MOST_TAGS = 256, 20_000, 100, 100
_IDS = ("id", "user_id", "item_id", "author_id", "recommendation_id")
_WORDS = ("category", "language", "region")
_NO_TAGS = ("(no genres listed)",)
_Column = Any


def clean(
    table: pa.Table, mapping: Mapping[str, str] | None = None, as_of: datetime | None = None
) -> tuple[pa.Table, list[Rejected]]:
    """Interactions, or descriptions of items, out of a plain file's rows.

    Without a column of kinds an interaction is a view; where there are ratings (1 to 5), 4 and more are a like,
    less than 3 a skip, and what lies between a view. An item is a video unless the file says otherwise, and
    what is followed a user. Times are ISO 8601, or numbers since 1970 in seconds or milliseconds. Tags are a
    list, or a text cut at ``|``, or else at ``;``, commas or ``#``. A file without users describes items: its
    rows get the kind ``item``.

    Args:
        table: the file's rows, text or typed.
        mapping: canonical field -> column of the file, where known names do not find it.
        as_of: where given, rows are to be kept: each interaction needs a time, and one in the future is set
            aside. Without it they are only measured.

    Returns:
        the good rows in ``INTERACTION_SCHEMA``, in the file's order, and the rejected ones with their reasons.

    Raises:
        InputError: the columns do not tell items, or users, or to keep the rows, when.
    """
    columns = resolve_columns(table.column_names, mapping)
    if as_of is not None:
        require_for_import(columns, table.column_names)
    raw = {field: table[column].combine_chunks() for field, column in columns.items()}
    notes = _Notes(table.num_rows)
    found = _converted(raw, table.num_rows, notes)
    _check(found, "user_id" in columns, as_of, notes)
    good = notes.good()
    rows = pa.table([found[name] for name in INTERACTION_SCHEMA.names], names=INTERACTION_SCHEMA.names)
    if not good.all():
        rows = rows.filter(pa.array(good))
    return rows.cast(INTERACTION_SCHEMA), rejected_rows(table, notes.reasons, np.flatnonzero(~good))


class _Notes:
    """What is wrong with each row; a list is made only for those that have a fault."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.reasons: Any = {}

    def add(self, wrong: _Column, reason: str) -> None:
        """Note ``reason`` at the rows where ``wrong`` (n,) is true; null is not."""
        for row in np.flatnonzero(np.asarray(pc.fill_null(wrong, False))).tolist():
            self.reasons.setdefault(row, []).append(reason)

    def good(self) -> np.ndarray:
        """(rows,) bool: whether nothing was noted."""
        good = np.ones(self.rows, dtype=bool)
        good[list(self.reasons)] = False
        return good


def _converted(raw: Mapping[str, _Column], rows: int, notes: _Notes) -> dict[str, _Column]:
    """All columns, nullable; what does not fit is null, with a reason."""
    found: dict[str, _Column] = {}
    for field in INTERACTION_SCHEMA:
        if field.name not in raw:
            found[field.name] = pa.nulls(rows, field.type)
        elif field.name == "tags":
            found["tags"] = _tags(raw["tags"])
        else:
            found[field.name] = _value(raw[field.name], field, notes)
    catalogue = "user_id" not in raw
    found["kind"] = pa.array([ITEM] * rows, pa.string()) if catalogue else _kinds(found["kind"], raw, notes)
    told = _among(found["item_kind"], ITEM_KINDS, "item_kind", notes)
    found["item_kind"] = pc.coalesce(told, pc.if_else(pc.equal(found["kind"], "follow"), "user", "video"))
    return found


def _value(column: _Column, field: pa.Field, notes: _Notes) -> _Column:
    if field.type == pa.string():
        return texts(_whole(column))
    converted = convert(column, pa.float64() if pa.types.is_floating(field.type) else field.type)
    lost = pc.and_(pc.is_null(converted), pc.is_valid(texts(column)))
    notes.add(lost, f"{field.name} is not {wanted_type(field.type)}")
    return converted.cast(field.type)


def _whole(column: _Column) -> _Column:
    """Whole numbers that were read as floats, such as an id beside absent ones, as whole numbers again."""
    if not pa.types.is_floating(column.type):
        return column
    numbers = pc.fill_null(column, 0.0).to_numpy()
    if not np.all(np.isfinite(numbers) & (numbers == np.floor(numbers)) & (np.abs(numbers) < 2**53)):
        return column
    return pc.cast(column, pa.int64())


def _tags(column: _Column) -> _Column:
    """Lists of tags; empty ones are null, and more than ``MOST_TAGS``, or too long ones, are left out."""
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        lists = column.to_pylist()
    else:
        lists = [_cut(text) if text else [] for text in texts(column).to_pylist()]
    return pa.array([_usable(tags or []) for tags in lists], pa.list_(pa.string()))


def _cut(text: str) -> list[str]:
    if text in _NO_TAGS:
        return []
    between = next((mark for mark in "|;,#" if mark in text), None)
    return text.strip("[]").split(between) if between else [text]


def _usable(tags: list[Any]) -> list[str] | None:
    trimmed = (str(tag).strip(" \t'\"").lstrip("#") for tag in tags if tag is not None)
    distinct = dict.fromkeys(tag for tag in trimmed if tag and len(tag) <= LONGEST_WORD)
    return list(distinct)[:MOST_TAGS] or None


def _kinds(column: _Column, raw: Mapping[str, _Column], notes: _Notes) -> _Column:
    """Kinds of interactions: as told, else by the rating, else views."""
    told = _among(column, KINDS, "kind", notes)
    if "rating" not in raw:
        return pc.fill_null(told, "view")
    rating = convert(raw["rating"], pa.float64())
    notes.add(pc.and_(pc.is_null(rating), pc.is_valid(texts(raw["rating"]))), "rating is not a number")
    rated = pc.if_else(
        pc.greater_equal(rating, LIKED), "like", pc.if_else(pc.less(rating, DISLIKED), "skip", "view")
    )
    return pc.fill_null(pc.coalesce(told, rated), "view")


def _among(column: _Column, known: tuple[str, ...], name: str, notes: _Notes) -> _Column:
    """The words of ``known`` that a column says in whatever case, or says in another word; else null."""
    if column.null_count == len(column):
        return pa.nulls(len(column), pa.string())
    said = pc.utf8_lower(column)
    place = pc.index_in(said, value_set=pa.array(list(SYNONYMS)))
    said = pc.coalesce(pc.take(pa.array(list(SYNONYMS.values())), place), said)
    strange = pc.and_(pc.invert(pc.is_in(said, value_set=pa.array(known))), pc.is_valid(said))
    notes.add(strange, f"{name} is none of {', '.join(known)}")
    return said


def _check(found: dict[str, _Column], users: bool, as_of: datetime | None, notes: _Notes) -> None:
    """Add what is wrong with each row, and cut texts that are too long; what does not fit its type is told."""
    told = pa.array(~notes.good())
    notes.add(pc.is_null(found["item_id"]), "item_id is absent")
    if users:
        notes.add(pc.is_null(found["user_id"]), "user_id is absent")
    for name in _IDS:
        notes.add(
            pc.greater(pc.utf8_length(found[name]), LONGEST_ID),
            f"{name} has more than {LONGEST_ID} characters",
        )
    for name, longest in (("text", LONGEST_TEXT), *((word, LONGEST_WORD) for word in _WORDS)):
        found[name] = pc.utf8_slice_codeunits(found[name], 0, longest)
    share = found["watch_share"]
    notes.add(pc.or_(pc.less(share, 0), pc.greater(share, 1)), "watch_share does not lie between 0 and 1")
    at = found["at"]
    notes.add(pc.less(at, pa.scalar(EARLIEST, TIME)), f"at lies before {EARLIEST:%Y}")
    if as_of is not None:
        notes.add(pc.greater(at, pa.scalar(as_of + SLACK, TIME)), "at lies in the future")
        if users:
            notes.add(pc.and_(pc.is_null(at), pc.invert(told)), "at is absent: say when it was")
