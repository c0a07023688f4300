"""What retention would delete by the settings, looked at to the last row. Nothing is changed here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from config.settings import Settings
from models.family import FAMILIES
from storage.login_attempts import MEMORY
from storage.monitor_reports import Report
from storage.retention import (
    CANDIDATES,
    DECISIONS,
    DELIVERIES,
    EVENTS,
    KINDS,
    MONITOR,
    PARTS,
    PREDICTIONS,
    REVISIONS,
    SESSIONS,
    Line,
    Plan,
    midnight,
    month_of,
)
from storage.retention_events import Month, cutoff, old_months
from storage.retention_monitor import old_figures, old_findings, old_reports, report_lines
from storage.retention_rows import (
    OldRows,
    count_old,
    ended_sessions,
    old_decisions,
    old_deliveries,
    old_predictions,
    old_unseen,
)
from storage.versions import list_versions
from tasks.platform import Platform
from tasks.retention_needs import DAY, check, reach
from tasks.retention_versions import Retiring, choose

Told = Callable[[str], None]
#: Kind, its setting, and of what its value is the number.
SETTINGS = (
    (PREDICTIONS, "retention_predictions_days", "days"),
    (CANDIDATES, "retention_candidates_days", "days"),
    (EVENTS, "retention_events_months", "whole months"),
    (REVISIONS, "retention_revisions_days", "days once superseded"),
    (PARTS, "retention_parts_hours", "hours"),
    (DECISIONS, "retention_decisions_days", "days once concluded"),
    (DELIVERIES, "retention_deliveries_days", "days once ended"),
    (MONITOR, "retention_monitor_days", "days"),
)


@dataclass(frozen=True)
class Work:
    """A plan, and what there is to do for it."""

    plan: Plan
    parts_before: dt.datetime
    rows: tuple[OldRows, ...] = ()
    months: tuple[Month, ...] = ()
    retiring: tuple[Retiring, ...] = ()
    reports: tuple[Report, ...] = ()


def look(parts: Platform, at: dt.datetime, told: Told = lambda _: None) -> Work:
    """What the settings say is to go as of the last midnight before ``at``. Nothing is changed.

    Raises:
        SettingsError: something that is still needed would go; names the setting and its least value.
        DatabaseUnavailable, StoreError, RegistryUnavailable: not everything can be looked at.
    """
    day = midnight(at)
    check(parts.settings, day)
    held: list[str] = []
    lines: list[Line] = []
    rows: list[OldRows] = []
    for old in _old_rows(parts, day, held):
        told(f"Counting {old.what} ...")
        if found := count_old(parts.engine, old):
            rows.append(old)
            lines += found
    reports = _reports(parts, day)
    lines += report_lines(reports)
    told("Looking at months of events ...")
    months = _months(parts, day, lines, held)
    told("Looking at dataset versions ...")
    retiring = choose(parts, day, lines, held)
    parts_before = _parts(parts, day, lines, retiring)
    order = {kind: place for place, kind in enumerate(KINDS)}
    plan = Plan(
        at=day,
        settings=said(parts.settings),
        lines=sorted(lines, key=lambda line: (order[line.kind], line.what, line.month)),
        held=held,
        versions=sorted(one.name for each in retiring for one in each.versions),
    )
    return Work(plan, parts_before, tuple(rows), tuple(months), tuple(retiring), tuple(reports))


def said(settings: Settings) -> dict[str, str]:
    """By kind what the settings say, in words."""
    told = {SESSIONS: "always: they have expired"}
    for kind, name, words in SETTINGS:
        value = getattr(settings, name)
        told[kind] = f"{name.upper()}: " + ("kept for ever" if value is None else f"kept for {value:g} {words}")
    return told


def _old_rows(parts: Platform, day: dt.datetime, held: list[str]) -> Iterator[OldRows]:
    settings = parts.settings
    yield from ended_sessions(day, MEMORY)
    if settings.retention_deliveries_days is not None:
        yield old_deliveries(day - dt.timedelta(days=settings.retention_deliveries_days))
    if settings.retention_decisions_days is not None:
        yield from old_decisions(parts.engine, day - dt.timedelta(days=settings.retention_decisions_days))
    if settings.retention_monitor_days is not None:
        before = day - dt.timedelta(days=settings.retention_monitor_days)
        yield from (old_figures(before), old_findings(before))
    if settings.retention_predictions_days is not None:
        before = day - dt.timedelta(days=settings.retention_predictions_days)
        for family in FAMILIES:
            yield old_predictions(family, _collected(parts, family, before, held))
            yield old_unseen(family, before)


def _reports(parts: Platform, day: dt.datetime) -> list[Report]:
    days = parts.settings.retention_monitor_days
    return [] if days is None else old_reports(parts.engine, day - dt.timedelta(days=days))


def _collected(parts: Platform, family: str, before: dt.datetime, held: list[str]) -> dt.datetime:
    """``before``, or an earlier moment from which on predictions wait for a collection that has not been: of
    the days since the last one, or of a day in between that is itself no older than ``before``.
    """
    days = {dt.date.fromisoformat(one.period) for one in list_versions(parts.engine, family, "candidates")}
    if not days:
        needed = dt.datetime.min.replace(tzinfo=dt.UTC)
        reason = "the family was never collected"
    else:
        lacking = min(max(min(days), before.date()), max(days) + DAY)
        while lacking in days:
            lacking += DAY
        needed = dt.datetime(lacking.year, lacking.month, lacking.day, tzinfo=dt.UTC)
        needed -= reach(family, parts.settings)
        between = lacking < max(days)
        reason = (
            f"{lacking} was not collected" if between else f"the last day that was collected is {max(days)}"
        )
    if needed >= before:
        return before
    old = old_predictions(family, before)
    waiting = replace(old, where=old.where + " and at >= %(from)s", values={**old.values, "from": needed})
    stays = count_old(parts.engine, waiting)
    count = sum(one.count for one in stays if one.what == old.what)
    if count:
        held.append(f"{count:,} predictions of {family} stay: {reason}. Run collect-daily for the days since.")
    return needed


def _months(parts: Platform, day: dt.datetime, lines: list[Line], held: list[str]) -> list[Month]:
    months = parts.settings.retention_events_months
    if months is None:
        return []
    goes = []
    collected = {one.period for one in list_versions(parts.engine, "recommendation", "candidates")}
    for month in old_months(parts.engine, cutoff(day, months)):
        lacking = [one.isoformat() for one in month.days if one.isoformat() not in collected]
        if lacking:
            held.append(
                f"{month.line.count:,} events ({month.line.what}) stay: {len(lacking)} days they came in on"
                f" were not collected, the first is {lacking[0]}. Run collect-daily for them."
            )
        else:
            goes.append(month)
            lines.append(month.line)
    return goes


def _parts(parts: Platform, day: dt.datetime, lines: list[Line], retiring: list[Retiring]) -> dt.datetime:
    age = dt.timedelta(hours=parts.settings.retention_parts_hours)
    told = {key for each in retiring for keys in each.keys.values() for key in keys}
    found = [one for one in parts.datasets.gc(older_than=age, as_of=day, delete=False) if one.key not in told]
    for month in sorted({month_of(one.modified) for one in found}):
        those = [one for one in found if month_of(one.modified) == month]
        moments = [one.modified for one in those]
        size = sum(one.size for one in those)
        what = "parts that no manifest names, and unfinished writes"
        lines.append(Line(PARTS, what, month, len(those), "objects", size, min(moments), max(moments)))
    return day - age
