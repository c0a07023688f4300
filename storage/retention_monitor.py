"""What the monitor kept that is old: figures, findings that ended, and reports with their pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from sqlalchemy import Engine, delete, select

from storage.database import transaction
from storage.monitor_reports import Report
from storage.monitor_tables import MonitorReport
from storage.retention import MONITOR, Line
from storage.retention_rows import OldRows

_ROW = MonitorReport.__table__


def old_figures(before: datetime) -> OldRows:
    """Figures of days before that."""
    return OldRows(
        MONITOR, "figures of the monitor", "monitor_figures", "measured_at", "day < %(before)s::date",
        {"before": before.date()}, key="ctid", ordered=False,
    )  # fmt: skip


def old_findings(before: datetime) -> OldRows:
    """Findings that ended before that."""
    return OldRows(
        MONITOR, "findings that ended", "monitor_findings", "ended_at", "ended_at < %(before)s",
        {"before": before}, ordered=False,
    )  # fmt: skip


def old_reports(engine: Engine, before: datetime) -> list[Report]:
    """Reports of days before that, in order of families and days."""
    query = select(_ROW).where(_ROW.c.day < before.date()).order_by(_ROW.c.family, _ROW.c.day)
    with transaction(engine) as connection:
        return [Report(**row) for row in connection.execute(query).mappings()]


def report_lines(reports: Sequence[Report]) -> list[Line]:
    """A line a family and month; nobody knows the size of a page without asking the store for each."""
    return [
        Line(MONITOR, f"reports of {family}", month, len(those), "objects", None, those[0].day, those[-1].day)
        for (family, month), group in groupby(reports, lambda one: (one.family, f"{one.day:%Y-%m}"))
        for those in [list(group)]
    ]


def forget_report(engine: Engine, report: Report) -> None:
    """Delete the row of a report, whose page is gone; one that was made again meanwhile stays."""
    with transaction(engine) as connection:
        connection.execute(
            delete(MonitorReport).where(
                _ROW.c.family == report.family, _ROW.c.day == report.day, _ROW.c.made_at == report.made_at
            )
        )
