"""Interactions without a header: ``user item item ...`` lines, and ``user item [count] [time]`` rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

Form = Literal["lists", "rows"]

#: So many lines are looked at to tell the form of a file.
LOOK_LINES = 200
_NUMBER = re.compile(r"-?\d+(\.\d*)?([eE][+-]?\d+)?")
_ID = re.compile(r"[^\s,;|]*\d[^\s,;|]*")
#: A number from here on is a time in seconds (1973), and no count of one user's interactions with one item.
_TIME_FROM = 1e8
_MOST_FIELDS = 4


@dataclass
class Part:
    """Some rows: their values by column, the number of the line of each, and lines that do not fit."""

    columns: dict[str, list[str]]
    numbers: list[int] = field(default_factory=list)
    unfit: list[tuple[int, list[str]]] = field(default_factory=list)


def may_begin(line: str) -> bool:
    """Whether a first line may be one of these: ids or numbers alone, which no header is."""
    found = _fields(line)
    return bool(found) and all(_ID.fullmatch(each) for each in found)


def form_of(lines: Sequence[str]) -> Form | None:
    """Which form the first lines of a file are in: ``lists`` (a user and their items), ``rows``, or neither.

    Fields of a list are separated by spaces or tabs, and each has a digit in it. Rows have two to four numbers.
    Where all lines are of one such length, they are rows if tabs, commas or semicolons separate them, or a user
    begins two of them; else they are lists.
    """
    found = [_fields(line) for line in lines if line.strip()]
    if not any(len(each) > 1 for each in found):
        return None
    marked = any(mark in line for line in lines for mark in "\t,;")
    alike = len({len(each) for each in found}) == 1 and 2 <= len(found[0]) <= _MOST_FIELDS
    if alike and (marked or len({each[0] for each in found}) < len(found)):
        return "rows" if all(_NUMBER.fullmatch(value) for each in found for value in each) else None
    if any(mark in line for line in lines for mark in ",;|"):
        return None
    return "lists" if all(_ID.fullmatch(value) for each in found for value in each) else None


def row_columns(lines: Sequence[str]) -> list[str]:
    """The columns of rows: ``user_id``, ``item_id``, then ``count`` and ``at``; of three, the last is a time
    where it can be no count.
    """
    found = [_fields(line) for line in lines if line.strip()]
    names = ["user_id", "item_id", "count", "at"][: len(found[0])]
    if len(names) == 3 and all(float(each[2]) >= _TIME_FROM for each in found):
        names[2] = "at"
    return names


def list_parts(lines: Iterable[str], chunk_rows: int) -> Iterator[Part]:
    """Lists as rows ``user_id``, ``item_id``, in parts of ``chunk_rows`` and at most one list more."""
    part = _empty(["user_id", "item_id"])
    for number, line in enumerate(lines, 1):
        user, *items = line.split() or [""]
        part.columns["user_id"] += [user] * len(items)
        part.columns["item_id"] += items
        part.numbers += [number] * len(items)
        if len(part.numbers) >= chunk_rows:
            yield part
            part = _empty(["user_id", "item_id"])
    yield part


def row_parts(lines: Iterable[str], names: Sequence[str], chunk_rows: int) -> Iterator[Part]:
    """Rows in the columns ``names``, in parts of ``chunk_rows``."""
    part = _empty(names)
    for number, line in enumerate(lines, 1):
        found = _fields(line)
        if len(found) == len(names):
            part.numbers.append(number)
            for name, value in zip(names, found, strict=True):
                part.columns[name].append(value)
        elif found:
            part.unfit.append((number, found))
        if len(part.numbers) + len(part.unfit) >= chunk_rows:
            yield part
            part = _empty(names)
    yield part


def _empty(names: Sequence[str]) -> Part:
    return Part({name: [] for name in names})


def _fields(line: str) -> list[str]:
    """The fields of a line, between the one separator that it has, or else whitespace."""
    line = line.strip().lstrip("\ufeff")
    mark = next((mark for mark in "\t,;" if mark in line), None)
    return [each.strip() for each in line.split(mark)] if line else []
