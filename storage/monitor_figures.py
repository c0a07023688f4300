"""Figures of the monitor: one number of a family and day; measured again, it is replaced."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Engine, func, select
from sqlalchemy.dialects.postgresql import insert

from storage.database import transaction
from storage.monitor_tables import MonitorFigure

_ROW = MonitorFigure.__table__
_SHOWN = ("name", "day", "value", "low", "high", "rows", "version", "measured_at")


class Measured(Protocol):
    """A figure as it is measured (``models.monitoring.contract.Figure``)."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def value(self) -> float: ...  # noqa: D102
    @property
    def low(self) -> float | None: ...  # noqa: D102
    @property
    def high(self) -> float | None: ...  # noqa: D102
    @property
    def rows(self) -> int | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class FigurePoint:
    """A figure of one day; ``low`` and ``high`` are its interval, where it has one."""

    name: str
    day: date
    value: float
    low: float | None
    high: float | None
    rows: int | None
    version: str | None
    measured_at: datetime


def upsert_figures(
    engine: Engine, family: str, day: date, figures: Sequence[Measured], *, version: str | None, at: datetime
) -> int:
    """Store figures of ``family`` ('' for the platform) and ``day``, in place of those of the same names.

    A value that is no number is left out. Of two with one name the later counts.

    Args:
        engine: the platform's database.
        family: whose.
        day: that they are about.
        figures: what was measured.
        version: the version in production that they are about; None: of none.
        at: now, in UTC.

    Returns:
        How many are stored.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    rows = {
        one.name: {
            "family": family, "name": one.name, "day": day, "value": float(one.value), "low": _number(one.low),
            "high": _number(one.high), "rows": one.rows, "version": version, "measured_at": at,
        }
        for one in figures
        if math.isfinite(one.value)
    }  # fmt: skip
    if not rows:
        return 0
    query = insert(MonitorFigure).values([rows[name] for name in sorted(rows)])
    new = {name: query.excluded[name] for name in ("value", "low", "high", "rows", "version", "measured_at")}
    with transaction(engine) as connection:
        connection.execute(query.on_conflict_do_update(index_elements=["family", "name", "day"], set_=new))
    return len(rows)


def figure_series(
    engine: Engine, family: str, name: str, since: date, *, until: date | None = None
) -> list[FigurePoint]:
    """One figure over time, from ``since`` to ``until`` (both included), oldest first."""
    query = (
        select(*_columns())
        .where(_ROW.c.family == family, _ROW.c.name == name, _ROW.c.day >= since)
        .order_by(_ROW.c.day)
    )
    if until is not None:
        query = query.where(_ROW.c.day <= until)
    with transaction(engine) as connection:
        return [FigurePoint(**row) for row in connection.execute(query).mappings()]


def latest_figures(engine: Engine, family: str, *, day: date | None = None) -> dict[str, FigurePoint]:
    """Each figure of ``family`` by name, as measured last (up to ``day``), in the order of their names."""
    query = (
        select(*_columns())
        .distinct(_ROW.c.name)
        .where(_ROW.c.family == family)
        .order_by(_ROW.c.name, _ROW.c.day.desc())
    )
    if day is not None:
        query = query.where(_ROW.c.day <= day)
    with transaction(engine) as connection:
        return {row["name"]: FigurePoint(**row) for row in connection.execute(query).mappings()}


def all_series(engine: Engine, family: str, since: date) -> dict[str, list[FigurePoint]]:
    """Every figure of ``family`` from ``since`` on, by name, oldest first."""
    query = (
        select(*_columns())
        .where(_ROW.c.family == family, _ROW.c.day >= since)
        .order_by(_ROW.c.name, _ROW.c.day)
    )
    series: dict[str, list[FigurePoint]] = {}
    with transaction(engine) as connection:
        for row in connection.execute(query).mappings():
            series.setdefault(row["name"], []).append(FigurePoint(**row))
    return series


def last_measured(engine: Engine) -> dict[str, datetime]:
    """When each family ('' the platform) was measured last."""
    query = select(_ROW.c.family, func.max(_ROW.c.measured_at).label("at")).group_by(_ROW.c.family)
    with transaction(engine) as connection:
        return {row.family: row.at for row in connection.execute(query)}


def latest_day(engine: Engine, family: str, name: str) -> date | None:
    """The last day that has the figure; None: it was never measured."""
    query = select(func.max(_ROW.c.day)).where(_ROW.c.family == family, _ROW.c.name == name)
    with transaction(engine) as connection:
        found: date | None = connection.scalar(query)
    return found


def _columns() -> list[ColumnElement[Any]]:
    return [_ROW.c[name] for name in _SHOWN]


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
