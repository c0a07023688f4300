"""How old data, models and last good runs are, against the pauses of their schedules."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from config.settings import Settings
from models.family import FAMILIES, Family
from models.monitoring.contract import PLATFORM, Figure, Finding, Severity
from storage import monitor_ages
from tasks.monitor_looked import Looked
from tasks.monitor_schedules import Schedule
from tasks.platform import Platform

COLLECT, BUILD, RETRAIN, MONITOR = "collect-daily", "build-datasets-monthly", "retrain-", "monitor"
DAY = dt.timedelta(days=1)
#: A run of each few minutes may wait for a worker without being missed.
LEAST_PAUSE = dt.timedelta(hours=1)


def look_at_runs(settings: Settings, schedules: Mapping[str, Schedule], at: dt.datetime) -> Looked:
    """Deployments that have not run well for too long, or never since they are there. The monitor itself is
    not looked at: it runs now.
    """
    findings = []
    for name, schedule in sorted(schedules.items()):
        if name != MONITOR and _missed(settings, schedule, at):
            since = schedule.last_good
            ended = f"{_days(at - since)} ago" if since else "never"
            sentence = f"{name} last ran well {ended}; {_usual(schedule)}. See its runs in Prefect."
            findings.append(_finding(_family_of(name), f"run of {name}", "warning", sentence))
    return Looked((), tuple(findings))


def look_at_freshness(
    parts: Platform, family: Family, schedules: Mapping[str, Schedule], at: dt.datetime
) -> Looked:
    """The ages of what ``family`` has; nothing is said of what was never there.

    A model that is old because no challenger was better is no fault: the runs that make challengers are looked
    at by :func:`look_at_runs`. Where collecting or building itself is late, that alone is said.

    Raises:
        DatabaseUnavailable, RegistryUnavailable: a store is away.
    """
    latest = monitor_ages.latest(parts.engine, family.name, at)
    production = parts.registry.production(family.name)
    ages = {
        "last prediction": latest.prediction,
        "last outcome": latest.outcome,
        "newest candidates": _ended(latest.collected),
        "full dataset": latest.built_at,
        "model": production.created_at if production else None,
    }
    figures = [
        Figure(f"age of {name}, days", max(0.0, (at - since) / DAY)) for name, since in ages.items() if since
    ]
    late = (
        ("candidates", "The newest day that was collected", _ended(latest.looked_at), COLLECT),
        ("full dataset", "The newest full dataset", latest.built_at, BUILD),
        ("model", "The model in production", ages["model"], f"{RETRAIN}{family.name}"),
    )
    findings = [
        _late(parts.settings, family, subject, what, since, schedules[deployment], at)
        for subject, what, since, deployment in late
        if since is not None and deployment in schedules
    ]
    return Looked(tuple(figures), tuple(one for one in findings if one))


def _late(
    settings: Settings,
    family: Family,
    subject: str,
    what: str,
    since: dt.datetime,
    schedule: Schedule,
    at: dt.datetime,
) -> Finding | None:
    if schedule.interval is None or at - since <= schedule.interval * settings.monitor_max_age_factor:
        return None
    if subject != "model" and _missed(settings, schedule, at):
        return None
    severity: Severity = "info" if subject == "model" else "warning"
    more = " No challenger since then was better." if subject == "model" else " See the report of its last run."
    sentence = f"{what} of {family.name} is {_days(at - since)} old; {_usual(schedule)}.{more}"
    return _finding(family.name, subject, severity, sentence)


def _missed(settings: Settings, schedule: Schedule, at: dt.datetime) -> bool:
    since = schedule.last_good or schedule.created_at
    if since is None or schedule.interval is None:
        return False
    return at - since > max(schedule.interval * settings.monitor_max_age_factor, LEAST_PAUSE)


def _family_of(deployment: str) -> str:
    name = deployment.removeprefix(RETRAIN)
    return name if deployment.startswith(RETRAIN) and name in FAMILIES else PLATFORM


def _finding(family: str, subject: str, severity: Severity, sentence: str) -> Finding:
    link = f"/monitoring/{family}" if family else "/runs"
    return Finding("freshness", family, subject, severity, sentence, link)


def _ended(day: dt.date | None) -> dt.datetime | None:
    return None if day is None else dt.datetime.combine(day + DAY, dt.time(), dt.UTC)


def _usual(schedule: Schedule) -> str:
    return f"its schedule has at most {_days(schedule.interval or DAY)} between two runs"


def _days(span: dt.timedelta) -> str:
    return f"{span / DAY:.1f} days" if span >= 2 * DAY else f"{span / dt.timedelta(hours=1):.1f} hours"
