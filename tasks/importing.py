"""Plain files into the database: each row checked, the good loaded, the bad set aside with reasons."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
from sqlalchemy import Engine

from config.errors import InputError
from models.family import Family, Rejected
from storage.bulk import Loaded, snapshot_load
from storage.clip_bulk import outcome_load
from storage.event_bulk import event_load
from storage.imports import ImportRun, record_import
from storage.text_bulk import TEXT_FAMILIES, text_load
from tasks.plain_files import CHUNK_ROWS, Chunk, read_chunks


class Load(Protocol):
    """A load in one transaction: tables are added, and ``finish`` makes them count."""

    def add(self, table: pa.Table) -> None: ...  # noqa: D102
    def finish(self) -> Loaded: ...  # noqa: D102


#: family -> how its rows are loaded: (database, whether they stay, now) -> a load.
LOADS: dict[str, Callable[[Engine, bool, datetime], AbstractContextManager[Load]]] = {
    "viral": lambda engine, keep, _: snapshot_load(engine, keep),
    "ctr": outcome_load,
    "recommendation": event_load,
    **{family: partial(text_load, family) for family in TEXT_FAMILIES},
}


@dataclass(frozen=True)
class ImportResult:
    """What became of a file's rows.

    ``rows`` = ``loaded`` (new) + ``updated`` + ``unchanged`` + ``repeated`` (an earlier row of one key that
    came again, and was superseded) + ``rejected``. ``rejects_file`` is None where no row was set aside.
    """

    rows: int
    loaded: int
    updated: int
    unchanged: int
    rejected: int
    rejects_file: Path | None
    repeated: int = 0
    dry_run: bool = False


def import_file(
    engine: Engine,
    family: Family,
    path: Path,
    mapping: Mapping[str, str] | None,
    as_of: datetime,
    rejects: Path | None = None,
    *,
    dry_run: bool = False,
    chunk_rows: int = CHUNK_ROWS,
    on_rows: Callable[[int], None] | None = None,
) -> ImportResult:
    """Import ``path`` (CSV, also gzipped, or Parquet) as rows of ``family``: all good rows, or none.

    Importing a file again changes nothing, and memory stays flat however long it is. Within a file, of two rows
    of one key the later one wins.

    Args:
        engine: the platform's database.
        family: whose ``clean`` checks the rows.
        path: the file.
        mapping: canonical name -> column of the file, where the names differ.
        as_of: now; rows that lie after it are rejected.
        rejects: where rejected rows go (default: ``<path>.rejected.csv``), with their number, the reason and
            their original values.
        dry_run: check everything, say what would happen, and change nothing (rejected rows are written).
        chunk_rows: how many rows are in memory at a time.
        on_rows: told the number of rows read so far, after each chunk.

    Raises:
        InputError: the file cannot be read, or is not of this family; the message says why.
        DatabaseUnavailable: the server cannot be reached.
    """
    if family.name not in LOADS:
        raise InputError(
            f"Nothing can be imported for family '{family.name}'.", hint=f"Families: {', '.join(LOADS)}."
        )
    target = rejects or path.with_name(f"{path.name}.rejected.csv")
    if target.resolve() == path.resolve():
        raise InputError(f"Rejected rows cannot go to {path} itself.", hint="Name another file for them.")
    rows = rejected = 0
    with LOADS[family.name](engine, not dry_run, as_of) as load, _rejects_file(target) as reject:
        for chunk in read_chunks(path, chunk_rows):
            good, bad = _clean(family, chunk, mapping, as_of)
            load.add(good)
            reject(chunk.table.column_names, bad)
            rows, rejected = rows + chunk.rows, rejected + len(bad)
            if on_rows is not None:
                on_rows(rows)
        done = load.finish()
    result = ImportResult(
        rows=rows,
        loaded=done.inserted,
        updated=done.updated,
        unchanged=done.unchanged,
        repeated=done.repeated,
        rejected=rejected,
        rejects_file=target if rejected else None,
        dry_run=dry_run,
    )
    if not dry_run:
        record_import(engine, _record(family, path, result, as_of))
    return result


def _clean(
    family: Family, chunk: Chunk, mapping: Mapping[str, str] | None, as_of: datetime
) -> tuple[pa.Table, list[Rejected]]:
    """The chunk's good rows, and the bad ones in order, numbered as in the file (``clean`` counts from 1)."""
    good, bad = family.clean(chunk.table, mapping, as_of)
    numbered = [replace(each, row=chunk.numbers[each.row - 1]) for each in bad]
    return good, sorted([*chunk.broken, *numbered], key=lambda each: each.row)


def _record(family: Family, path: Path, counts: ImportResult, as_of: datetime) -> ImportRun:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return ImportRun(
        family=family.name, source=path.name, sha256=sha256, rows=counts.rows, loaded=counts.loaded,
        updated=counts.updated, unchanged=counts.unchanged, repeated=counts.repeated,
        rejected=counts.rejected, at=as_of,
    )  # fmt: skip


@contextmanager
def _rejects_file(target: Path) -> Iterator[Callable[[Sequence[str], Sequence[Rejected]], None]]:
    """A writer of rejected rows; ``target`` is whole or not there, as also when nothing was rejected."""
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)

            def reject(header: Sequence[str], rows: Sequence[Rejected]) -> None:
                if rows and file.tell() == 0:
                    writer.writerow(["row", "reason", *header])
                for each in rows:
                    writer.writerow([each.row, each.reason, *(_text(each.values.get(name)) for name in header)])

            yield reject
            written = file.tell() > 0
        if written:
            part.replace(target)
        else:
            target.unlink(missing_ok=True)  # of an earlier import, and no longer true
    except OSError as error:
        raise InputError(f"Rejected rows cannot be written to {target}: {error.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)


def _text(value: Any) -> Any:
    return "" if value is None else value
