"""What the monitor wrote over some weeks, for tests of the pages."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta

from sqlalchemy import Engine

from models.monitoring.contract import Figure, Finding
from storage.monitor import (
    Report,
    mark_alerted,
    open_findings,
    open_or_touch,
    record_action,
    record_report,
    upsert_figures,
)

DRIFT = Finding(
    "drift",
    "viral",
    "feature creator_followers",
    "warning",
    "Creators' followers are not what version 3 learned from: the median rose from 12,000 to 48,000.",
    "/monitoring/viral",
    {"psi": 0.31},
)
AWAY = Finding("health", "", "service face", "critical", "The face service does not answer.")
OVER = Finding("freshness", "viral", "candidates", "warning", "No candidates came for two days.")


def fill(engine: Engine, at: datetime, days: int = 40) -> None:
    """Figures of ``days`` days, two open findings, one that is over, reports and an action."""
    for number in range(days):
        day = at.date() - timedelta(days=days - 1 - number)
        wave = math.sin(number / 5)
        figures = [
            Figure("macro_f1", 0.8 + wave / 50, 0.76 + wave / 50, 0.84 + wave / 50, 900),
            Figure("drift of creator_followers", 0.02 + number / 150),
            Figure("predictions", 400 + 100 * wave, rows=400),
        ]
        upsert_figures(engine, "viral", day, figures, version="3" if number > 20 else "2", at=at)
    upsert_figures(engine, "", at.date(), [Figure("disk: free share", 0.42)], version=None, at=at)
    began = at - timedelta(days=3)
    open_or_touch(engine, [OVER], ran={("freshness", "viral")}, at=began - timedelta(days=9))
    open_or_touch(engine, [], ran={("freshness", "viral")}, at=began - timedelta(days=7))
    open_or_touch(engine, [DRIFT, AWAY], ran={("drift", "viral"), ("health", "")}, at=began)
    mark_alerted(engine, open_findings(engine, ""), began)
    for day in (at.date() - timedelta(days=1), at.date()):
        record_report(engine, Report("viral", day, report_key(day), "3", 1, "run", at))
    record_action(
        engine,
        family="viral",
        action="retrain",
        version=None,
        reason="Followers drifted.",
        done=True,
        outcome="The run retrain-viral was started.",
        figures={},
        run_id="run",
        at=at - timedelta(hours=2),
    )


def report_key(day: date) -> str:
    """Where the report of viral lies."""
    return f"monitoring/viral/{day}.html"
