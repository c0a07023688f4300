"""Where a candidate is found by its name: its day and its id, by the index of candidates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import ARRAY, Engine, Text, any_, literal, select

from storage import tables
from storage.database import transaction


def days_of(engine: Engine, family: str, candidates: Sequence[str]) -> dict[str, date]:
    """The day of each of ``candidates`` that the index knows."""
    table = tables.Candidate.__table__
    query = select(table.c.candidate, table.c.day).where(
        table.c.family == family, table.c.candidate == any_(literal(list(candidates), ARRAY(Text)))
    )
    with transaction(engine) as connection:
        return {row.candidate: row.day for row in connection.execute(query)}


def ids_of(engine: Engine, family: str, candidates: Sequence[str]) -> dict[str, int]:
    """The id of each of ``candidates`` that the index knows."""
    if not candidates:
        return {}
    table = tables.Candidate.__table__
    query = select(table.c.candidate, table.c.id).where(
        table.c.family == family, table.c.candidate == any_(literal(list(candidates), ARRAY(Text)))
    )
    with transaction(engine) as connection:
        return {row.candidate: row.id for row in connection.execute(query)}
