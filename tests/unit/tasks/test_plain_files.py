"""Reading plain files a chunk at a time."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.errors import InputError
from tasks.plain_files import Chunk, read_chunks


def chunks(tmp_path: Path, content: bytes, rows: int = 100) -> list[Chunk]:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    return list(read_chunks(path, rows))


def test_csv_comes_as_texts_in_the_files_own_columns_and_nothing_is_null(tmp_path: Path) -> None:
    (chunk,) = chunks(tmp_path, b"id,views\na,1\n,007\n")
    assert chunk.table.to_pydict() == {"id": ["a", None], "views": ["1", "007"]}
    assert chunk.numbers == [1, 2]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_told_by_the_header(tmp_path: Path, delimiter: str) -> None:
    content = f'id{delimiter}title\n1{delimiter}"a{delimiter}b"\n'.encode()
    assert chunks(tmp_path, content)[0].table.to_pydict() == {"id": ["1"], "title": [f"a{delimiter}b"]}


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    (chunk,) = chunks(tmp_path, b'\xef\xbb\xbfid,t\r\n1,"two\r\nlines"\r\n')
    assert chunk.table.to_pydict() == {"id": ["1"], "t": ["two\r\nlines"]}


def test_rows_keep_their_number_in_the_file_across_chunks(tmp_path: Path) -> None:
    found = chunks(tmp_path, b"a,b\n1,1\n2\n3,3\n\n5,5\n6,6,6\n7,7\n", rows=3)
    assert [chunk.numbers for chunk in found] == [[1, 3], [5], [7]]
    assert [(bad.row, bad.reason) for chunk in found for bad in chunk.broken] == [
        (2, "the row has 1 fields where the header has 2"),
        (6, "the row has 3 fields where the header has 2"),
    ]
    assert sum(chunk.rows for chunk in found) == 6


def test_a_file_with_a_header_alone_has_its_columns_and_no_rows(tmp_path: Path) -> None:
    (chunk,) = chunks(tmp_path, b"id,views\n")
    assert chunk.table.column_names == ["id", "views"]
    assert chunk.rows == 0


def test_a_gzipped_file_is_told_by_its_first_bytes(tmp_path: Path) -> None:
    assert chunks(tmp_path, gzip.compress(b"a,b\n1,2\n"))[0].table.num_rows == 1


def test_parquet_is_told_by_its_first_bytes_and_keeps_its_types(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    pq.write_table(pa.table({"views": [1, 2, 3]}), path)
    found = list(read_chunks(path, 2))
    assert [chunk.numbers for chunk in found] == [[1, 2], [3]]
    assert found[0].table.schema.field("views").type == pa.int64()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n1,2\n", "first line .* is not one of named columns"),
        (b"a,b,a\n", "names a twice"),
        (b"a,b\n\xe9t\xe9,1\n", "not UTF-8 .* 0xe9"),
        (b'a,b\n"' + b"x" * 1_100_000, "field larger"),
        (gzip.compress(b"a,b\n" + bytes(range(65, 91)) * 99)[:60], "broken off"),
        (b"PAR1nothing else", "not a whole Parquet"),
    ],
    ids=["empty", "no-header", "column-twice", "latin-1", "open-quote", "cut-gzip", "cut-parquet"],
)
def test_a_file_that_cannot_be_read_gets_one_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        chunks(tmp_path, content)


def test_a_missing_file_and_a_folder_get_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        list(read_chunks(tmp_path / "nowhere.csv"))
    with pytest.raises(InputError, match="Is a directory"):
        list(read_chunks(tmp_path))


def test_a_file_that_calls_itself_parquet_and_is_not_is_refused_as_such(tmp_path: Path) -> None:
    path = tmp_path / "broken.parquet"
    path.write_bytes(b"\xe9\x00 no such thing")
    with pytest.raises(InputError, match="not a whole Parquet file"):
        list(read_chunks(path))
