"""Reports of the monitor (the HTML lies in the object store), and what it did about findings (append-only)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Engine, insert, select
from sqlalchemy.dialects import postgresql

from storage.database import transaction
from storage.monitor_tables import MonitorAction, MonitorReport
from storage.rows import plain_json

_REPORT = MonitorReport.__table__
_ACTION = MonitorAction.__table__


@dataclass(frozen=True, slots=True)
class Report:
    """The report of a family and day: ``key`` in the artifacts bucket; ``findings`` that it tells of."""

    family: str
    day: date
    key: str
    version: str | None
    findings: int
    run_id: str | None
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Action:
    """What the monitor did, or (``done`` False) would have done, and why."""

    id: int
    family: str
    action: str
    version: str | None
    reason: str
    done: bool
    outcome: str
    figures: dict[str, Any]
    run_id: str | None
    at: datetime


def record_report(engine: Engine, report: Report) -> None:
    """Write down where the report of a family and day lies; made again, it is replaced."""
    values = {name: getattr(report, name) for name in Report.__slots__}
    query = postgresql.insert(MonitorReport).values(values)
    with transaction(engine) as connection:
        connection.execute(query.on_conflict_do_update(index_elements=["family", "day"], set_=values))


def report_of(engine: Engine, family: str, day: date) -> Report | None:
    """The report of that family and day; None: there is none."""
    query = select(_REPORT).where(_REPORT.c.family == family, _REPORT.c.day == day)
    with transaction(engine) as connection:
        row = connection.execute(query).mappings().one_or_none()
    return None if row is None else Report(**row)


def latest_reports(engine: Engine) -> dict[str, Report]:
    """The report of the latest day of each family that has one."""
    query = select(_REPORT).distinct(_REPORT.c.family).order_by(_REPORT.c.family, _REPORT.c.day.desc())
    with transaction(engine) as connection:
        return {row["family"]: Report(**row) for row in connection.execute(query).mappings()}


def reports(engine: Engine, family: str, *, limit: int = 100) -> list[Report]:
    """Reports of a family, the latest day first."""
    query = select(_REPORT).where(_REPORT.c.family == family).order_by(_REPORT.c.day.desc()).limit(limit)
    with transaction(engine) as connection:
        return [Report(**row) for row in connection.execute(query).mappings()]


def record_action(
    engine: Engine,
    *,
    family: str,
    action: Literal["retrain", "rollback"],
    version: str | None,
    reason: str,
    done: bool,
    outcome: str,
    figures: Mapping[str, Any],
    run_id: str | None,
    at: datetime,
) -> Action:
    """Write one row; there is no way to change it afterwards."""
    values = {
        "family": family, "action": action, "version": version, "reason": reason, "done": done,
        "outcome": outcome, "figures": plain_json(figures), "run_id": run_id, "at": at,
    }  # fmt: skip
    with transaction(engine) as connection:
        added = connection.execute(insert(MonitorAction).values(values).returning(_ACTION))
        return Action(**added.mappings().one())


def actions(
    engine: Engine, family: str | None = None, *, action: str | None = None, limit: int = 100
) -> list[Action]:
    """What the monitor did, of one family or of all: the newest first."""
    query = select(_ACTION).order_by(_ACTION.c.id.desc()).limit(limit)
    if family is not None:
        query = query.where(_ACTION.c.family == family)
    if action is not None:
        query = query.where(_ACTION.c.action == action)
    with transaction(engine) as connection:
        return [Action(**row) for row in connection.execute(query).mappings()]
