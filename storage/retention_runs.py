"""What retention did, append-only, and what it asks the database about candidates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import Engine

from storage.copying import cursor, rows_of
from storage.database import transaction
from storage.retention import CANDIDATES
from storage.retention_rows import OldRows

_ADD = """
    insert into retention_runs (at, run_id, actor, plan, deleted, dry_run)
    values (%s, %s, %s, %s, %s, %s) returning id
"""
_DECIDED = """
    select day, to_char(decided_at at time zone 'UTC', 'YYYY-MM'), max(decided_at) from candidates
    where family = %s and day < %s and state in ('accept', 'correct') and decided_at is not null
    group by 1, 2
"""


@dataclass(frozen=True)
class RecordedRun:
    """One run: what it planned, and what it deleted (empty before it did, and where it only said so)."""

    id: int
    at: datetime
    run_id: str | None
    actor: str
    plan: dict[str, Any]
    deleted: dict[str, Any]
    dry_run: bool


def record_run(
    engine: Engine,
    *,
    at: datetime,
    run_id: str | None,
    actor: str,
    plan: Mapping[str, Any],
    deleted: Mapping[str, Any],
    dry_run: bool,
) -> int:
    """Write down a plan, or what was deleted by it; there is no way to change it afterwards. Gives its id."""
    values = (at, run_id, actor, Jsonb(dict(plan)), Jsonb(dict(deleted)), dry_run)
    with transaction(engine) as connection, cursor(connection) as cur:
        found = cur.execute(_ADD, values).fetchone()
    return int(found[0]) if found else 0


def list_runs(engine: Engine, limit: int = 50) -> list[RecordedRun]:
    """The newest runs first."""
    query = "select id, at, run_id, actor, plan, deleted, dry_run from retention_runs order by id desc limit %s"
    with transaction(engine) as connection, rows_of(connection, RecordedRun) as cur:
        return cur.execute(query, (limit,)).fetchall()


def retired_on_record(engine: Engine) -> set[str]:
    """Names of the dataset versions that runs of retention were about to retire."""
    query = """
        select distinct jsonb_array_elements_text(plan -> 'versions') from retention_runs
        where not dry_run and jsonb_typeof(plan -> 'versions') = 'array'
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        return {name for (name,) in cur.execute(query)}


def decided_months(engine: Engine, family: str, before: date) -> dict[str, dict[str, datetime]]:
    """By day and month, when a candidate of the day was last accepted or corrected in that month."""
    found: dict[str, dict[str, datetime]] = defaultdict(dict)
    with transaction(engine) as connection, cursor(connection) as cur:
        for day, month, last in cur.execute(_DECIDED, (family, before)):
            found[day.isoformat()][month] = last
    return dict(found)


def index_of(family: str, days: list[date]) -> OldRows:
    """The rows of those days in the index of candidates; decisions themselves stay, in ``reviews``."""
    return OldRows(
        CANDIDATES, f"index of candidates of {family}", "candidates", "day",
        "family = %(family)s and day = any(%(days)s)", {"family": family, "days": days}, ordered=False,
    )  # fmt: skip
