"""Plain files of rows, CSV (also gzipped), Parquet or lines of interactions, read a chunk at a time."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO

import pyarrow as pa

from config.errors import InputError
from models.family import Rejected
from tasks.interaction_files import (
    LOOK_LINES,
    Form,
    Part,
    form_of,
    list_parts,
    may_begin,
    row_columns,
    row_parts,
)

CHUNK_ROWS = 100_000
DELIMITERS = (",", ";", "\t", "|")
#: What a first column without a name is called, and the most words that a column's name has.
UNNAMED, _WORDS_OF_A_NAME = "unnamed", 4
#: A description may be long; a field beyond this is a quote that was never closed.
LONGEST_FIELD = 1_000_000


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file.

    Attributes:
        table: the rows that could be read, in the file's own columns; CSV gives texts, and null for nothing.
        numbers: for each of them its number in the file, the first row after the header being 1.
        broken: rows that have not as many fields as the header.
    """

    table: pa.Table
    numbers: list[int]
    broken: list[Rejected]

    @property
    def rows(self) -> int:
        """How many rows of the file this is."""
        return len(self.numbers) + len(self.broken)


def read_chunks(
    path: Path, chunk_rows: int = CHUNK_ROWS, names: Sequence[str] | None = None
) -> Iterator[Chunk]:
    """The rows of ``path``, ``chunk_rows`` at a time; the format is told by the name and the first bytes.

    Text without a header is read where it is of interactions (``tasks/interaction_files.py``): a line ``user
    item item ...`` gives a row for each item, with the number of the line.

    Args:
        path: the file.
        chunk_rows: how many rows are in memory at a time.
        names: of the columns, for a CSV file whose first line has as many fields, none of these names, and a
            number: then that line is a row.

    Raises:
        InputError: no such file, not readable, empty, not UTF-8, broken off, or with a header that is none.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise InputError(f"The file {path} cannot be read: {error.strerror}.") from None
    if not magic:
        raise InputError(f"The file {path} is empty.", hint="It needs a header and rows.")
    parquet = magic == b"PAR1" or path.suffix == ".parquet"
    yield from _parquet_chunks(path, chunk_rows) if parquet else _csv_chunks(path, magic, chunk_rows, names)


def _parquet_chunks(path: Path, chunk_rows: int) -> Iterator[Chunk]:
    import pyarrow.parquet as pq

    done = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=chunk_rows):
                table = pa.Table.from_batches([batch])
                yield Chunk(table, list(range(done + 1, done + 1 + table.num_rows)), [])
                done += table.num_rows
            if not done:
                yield Chunk(file.schema_arrow.empty_table(), [], [])
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"The file {path} is not a whole Parquet file: {error}") from None


def _csv_chunks(path: Path, magic: bytes, chunk_rows: int, names: Sequence[str] | None) -> Iterator[Chunk]:
    with _text(path, magic) as file:
        first = file.readline()
        look = [first, *islice(file, LOOK_LINES - 1)] if may_begin(first) else [first]
        form = form_of(look)
        if form is not None:
            yield from _interaction_chunks(form, look, file, chunk_rows, names)
            return
        delimiter = max(DELIMITERS, key=first.count)
        begins = next(csv.reader([first], delimiter=delimiter), [])
        bare = names is not None and len(begins) == len(names) and _is_row(begins, names)
        header = list(names or ()) if bare else _header(path, begins)
        rows = csv.reader(chain(look if bare else look[1:], file), delimiter=delimiter)
        done = 0
        while True:
            lines = list(islice(rows, chunk_rows))
            if not lines and done:
                return
            yield _chunk(header, lines, done)
            done += len(lines)
            if not lines:
                return


def _interaction_chunks(
    form: Form, look: list[str], file: Iterable[str], chunk_rows: int, names: Sequence[str] | None
) -> Iterator[Chunk]:
    lines = chain(look, file)
    if form == "lists":
        parts = list_parts(lines, chunk_rows)
    else:
        columns = row_columns(look)
        given = names is not None and len(names) == len(columns)
        parts = row_parts(lines, list(names or ()) if given else columns, chunk_rows)
    for number, part in enumerate(parts):
        if part.numbers or part.unfit or not number:
            yield _made(part)


def _made(part: Part) -> Chunk:
    header = list(part.columns)
    arrays = [pa.array([value or None for value in values], pa.string()) for values in part.columns.values()]
    broken = [
        Rejected(
            number,
            f"the row has {len(values)} fields where the first one has {len(header)}",
            dict(zip(header, [*values, *[""] * len(header)], strict=False)),
        )
        for number, values in part.unfit
    ]
    return Chunk(pa.table(arrays, names=header), part.numbers, broken)


def _is_row(fields: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a first line holds values, and not the names of columns."""
    numbers = any(field.strip().lstrip("-").replace(".", "", 1).isdecimal() for field in fields)
    sentences = any(len(field.split()) > _WORDS_OF_A_NAME for field in fields)
    return (numbers or sentences) and set(names).isdisjoint(fields)


def _chunk(header: list[str], lines: list[list[str]], done: int) -> Chunk:
    numbers, fitting, broken = [], [], []
    for number, line in enumerate(lines, done + 1):
        if len(line) == len(header):
            numbers.append(number)
            fitting.append(line)
        elif line:
            reason = f"the row has {len(line)} fields where the header has {len(header)}"
            values = dict(zip(header, [*line, *[""] * len(header)], strict=False))
            broken.append(Rejected(number, reason, values))
    columns = zip(*fitting, strict=True) if fitting else ([] for _ in header)
    arrays = [pa.array([value or None for value in column], pa.string()) for column in columns]
    return Chunk(pa.table(arrays, names=header), numbers, broken)


def _header(path: Path, names: list[str]) -> list[str]:
    header = [name.strip() for name in names]
    if len(header) > 2 and not header[0] and UNNAMED not in header:
        header[0] = UNNAMED  # where pandas writes its row numbers
    repeated = sorted({name for name in header if header.count(name) > 1})
    if len(header) < 2 or not all(header) or repeated:
        wrong = (
            f"names {', '.join(repeated)} twice"
            if repeated and all(repeated)
            else "is not one of named columns"
        )
        raise InputError(
            f"The first line of {path} {wrong}.", hint="A CSV file begins with the names of its columns."
        )
    return header


@contextmanager
def _text(path: Path, magic: bytes) -> Iterator[IO[str]]:
    csv.field_size_limit(LONGEST_FIELD)
    opened = gzip.open if magic[:2] == b"\x1f\x8b" else open
    try:
        with opened(path, "rb") as binary, io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as text:
            yield text
    except UnicodeDecodeError as error:
        raise InputError(
            f"The file {path} is not UTF-8 text: byte 0x{error.object[error.start]:02x} does not fit.",
            hint="Convert it, as with `iconv -f latin1 -t utf-8`.",
        ) from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"The file {path} is broken off or damaged: {error}.") from None
    except csv.Error as error:
        raise InputError(
            f"The file {path} cannot be read as CSV: {error}.", hint="Is there a quote that is never closed?"
        ) from None
