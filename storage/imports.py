"""The register of imported files."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Engine, insert, select

from storage import tables
from storage.database import transaction


@dataclass(frozen=True)
class ImportRun:
    """One import: the file (its name and SHA-256) and how many of its rows came to what."""

    family: str
    source: str
    sha256: str
    rows: int
    loaded: int
    updated: int
    unchanged: int
    repeated: int
    rejected: int
    at: datetime


def record_import(engine: Engine, run: ImportRun) -> None:
    """Register ``run``. Raises DatabaseUnavailable."""
    with transaction(engine) as connection:
        connection.execute(insert(tables.ImportRun).values(asdict(run)))


def list_imports(engine: Engine, family: str | None = None, limit: int | None = None) -> list[ImportRun]:
    """The newest imports first."""
    row = tables.ImportRun.__table__
    query = select(*(column for column in row.c if column.name != "id")).order_by(row.c.id.desc()).limit(limit)
    if family is not None:
        query = query.where(row.c.family == family)
    with transaction(engine) as connection:
        return [ImportRun(**each) for each in connection.execute(query).mappings()]
