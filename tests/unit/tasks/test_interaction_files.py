"""Interactions without a header: lists of items, and rows of numbers."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import InputError
from tasks.interaction_files import form_of
from tasks.plain_files import Chunk, read_chunks


def chunks(path: Path, content: bytes, rows: int = 100, names: list[str] | None = None) -> list[Chunk]:
    file = path / "lines.txt"
    file.write_bytes(content)
    return list(read_chunks(file, rows, names))


def pairs(found: list[Chunk]) -> list[tuple[str, str]]:
    columns = [chunk.table.to_pydict() for chunk in found]
    return [pair for each in columns for pair in zip(each["user_id"], each["item_id"], strict=True)]


def test_a_line_gives_a_row_for_each_item_with_the_number_of_the_line(tmp_path: Path) -> None:
    (chunk,) = chunks(tmp_path, b"0 5 7 9\n\n2 \n3 5 \r\n")
    assert pairs([chunk]) == [("0", "5"), ("0", "7"), ("0", "9"), ("3", "5")]
    assert chunk.numbers == [1, 1, 1, 4]


def test_lists_of_two_items_each_need_no_numbers_for_ids(tmp_path: Path) -> None:
    (chunk,) = chunks(tmp_path, b"u1 i5 i7\nu2 i5 i9\n")
    assert pairs([chunk]) == [("u1", "i5"), ("u1", "i7"), ("u2", "i5"), ("u2", "i9")]


def test_lists_come_gzipped_and_in_parts(tmp_path: Path) -> None:
    content = b"".join(b"u%d i1 i2 i3\n" % user for user in range(10)) + b"u10 i1\n"
    found = chunks(tmp_path, gzip.compress(content), rows=6)
    assert [chunk.rows for chunk in found] == [6, 6, 6, 6, 6, 1]
    assert len(set(pairs(found))) == 31


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"424\t4076\t993\r\n1311\t1574\t957\r\n", ["user_id", "item_id", "count"]),
        (b"196\t242\t3\t881250949\n", ["user_id", "item_id", "count", "at"]),
        (b"1 2 881250949\n1 3 881250950\n", ["user_id", "item_id", "at"]),
        (b"1,2\n2,3\n", ["user_id", "item_id"]),
        (b"1;2;4.5;881250949\n", ["user_id", "item_id", "count", "at"]),
    ],
)
def test_rows_of_numbers_have_columns_by_their_place(tmp_path: Path, content: bytes, names: list[str]) -> None:
    (chunk,) = chunks(tmp_path, content)
    assert chunk.table.column_names == names
    assert chunk.numbers == list(range(1, content.count(b"\n") + 1))


def test_rows_may_be_given_other_names(tmp_path: Path) -> None:
    (chunk,) = chunks(tmp_path, b"1\t2\t4\n1\t3\t2\n", names=["user", "item", "rating"])
    assert chunk.table.to_pydict() == {"user": ["1", "1"], "item": ["2", "3"], "rating": ["4", "2"]}


def test_a_row_with_fields_too_many_or_too_few_is_set_aside(tmp_path: Path) -> None:
    content = b"1\t2\n" * 200 + b"1\t2\t3\n7\n8\t9\n"
    found = chunks(tmp_path, content, rows=150)
    broken = [bad for chunk in found for bad in chunk.broken]
    assert [(bad.row, bad.reason) for bad in broken] == [
        (201, "the row has 3 fields where the first one has 2"),
        (202, "the row has 1 fields where the first one has 2"),
    ]
    assert sum(chunk.rows for chunk in found) == 203


@pytest.mark.parametrize(
    ("lines", "form"),
    [
        (["0 1 2", "1 5 6"], "lists"),
        (["0 1 2", "0 5 6"], "rows"),
        (["7", "8 1"], "lists"),
        (["7"], None),
        (["user item", "1 2"], None),
        (["a,b", "1,2"], None),
        (["1,x", "2,y"], None),
        (["1|2", "2|3"], None),
    ],
)
def test_the_form_is_told_by_the_lines(lines: list[str], form: str | None) -> None:
    assert form_of(lines) == form


def test_prose_and_a_csv_file_with_a_header_are_what_they_were(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not one of named columns"):
        chunks(tmp_path, b"This is no table\n1 2 3\n")
    (chunk,) = chunks(tmp_path, b"a1,b2\n1,2\n")
    assert chunk.table.column_names == ["a1", "b2"]


@given(st.lists(st.lists(st.integers(0, 10**6), min_size=1, max_size=9), min_size=5, max_size=30))
def test_no_item_of_a_list_is_lost(tmp_path_factory: pytest.TempPathFactory, lists: list[list[int]]) -> None:
    content = "\n".join(" ".join(map(str, [user, *items])) for user, items in enumerate(lists))
    found = chunks(tmp_path_factory.getbasetemp(), content.encode(), rows=7)
    assert pairs(found) == [(str(user), str(item)) for user, items in enumerate(lists) for item in items]
