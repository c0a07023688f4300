"""Keeping what the monitor saw: figures, findings, and a report for each family and day."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from config.errors import StoreError
from models.family import get_family
from models.monitoring.contract import PART, PLATFORM, Check, FamilyDay, Figure, Finding
from storage.monitor import (
    Changes,
    Report,
    StoredFinding,
    latest_day,
    open_or_touch,
    record_report,
    upsert_figures,
)
from tasks.monitor_losses import LOST, NEWLY, SET_ASIDE
from tasks.monitor_plan import JUDGED, OF_NOW
from tasks.monitoring import Seen
from tasks.platform import Platform
from tasks.policy import TRANSIENT

#: How subjects begin of what is found of promotions (tasks/rollback_watch.py) and of versions that are tried
#: (tasks/rollout_comparison.py), and where these cannot be judged.
WATCHED = (
    "promotion of version", "rollback of version", "canary of version", "shadow of version", "watch over the ",
)  # fmt: skip
#: How subjects of other checks than ``drift`` begin that are judged by rows too, each for itself where it has
#: enough (models/monitoring/sentences.py).
BY_ROWS = {"stats": ("missing ", "values "), "accuracy": (PART,)}
#: What is judged by rows has ended when it was not seen for so long.
STEADY = dt.timedelta(days=2)


@dataclass(frozen=True)
class Kept:
    """What keeping changed, which reports were made, and a sentence for each that could not be."""

    changes: Changes
    reports: tuple[Report, ...]
    failures: tuple[str, ...]


def keep(
    parts: Platform,
    seen: Sequence[Seen],
    *,
    today: dt.date,
    at: dt.datetime,
    run_id: str | None,
    watched: Collection[tuple[str, str]],
) -> Kept:
    """Store what was seen. Doing it again changes nothing.

    Findings are about now: those of a day before the last one that was looked at are left to its report, and
    end or open nothing.

    Args:
        parts: the platform.
        seen: of the platform and of families.
        today: the day of figures that are of now.
        at: now, in UTC.
        run_id: of the flow, where there is one.
        watched: what was judged of promotions and rollouts, however few rows there were for other checks:
            (beginning of a subject, family). What was found of others stays as it is.

    Raises:
        DatabaseUnavailable: the database is away; nothing is kept.
    """
    ran = {(check, one.family) for one in seen for check in one.ran if _is_latest(parts, one, check, today)}
    replaced = {(check, one.family) for one in seen for check in one.replaced}
    compared = {(one.family, each) for one in seen if one.judged for each in _judged(one.judged)}
    findings = [each for one in seen for each in one.findings if _is_latest(parts, one, each.check, today)]
    measured = {each.name for one in seen for each in one.figures_now if one.family == PLATFORM}

    def spared(one: StoredFinding) -> bool:
        if one.subject.startswith(WATCHED):
            return not any(one.family == name and one.subject.startswith(each) for each, name in watched)
        if (one.kind, one.family) in replaced & ran:
            return False
        return _unread(one, measured) or _stays(one, ran, compared, at)

    changes = open_or_touch(
        parts.engine,
        findings,
        ran=ran | {("accuracy", family) for _, family in watched},
        at=at,
        spared=spared,
    )
    for one in seen:
        _figures(parts, one, today, at)
    reports, failures = [], []
    for one in seen:
        try:
            report = _report(parts, one, at, run_id)
        except StoreError as error:
            failures.append(f"The report of {one.family} is not kept: {error.message}")
            continue
        except TRANSIENT:
            raise
        except Exception as error:  # noqa: BLE001 - whatever broke a report, the others are made and people told
            failures.append(f"The report of {one.family} is not kept: {type(error).__name__}: {error}.")
            continue
        reports += [report] if report else []
    return Kept(changes, tuple(reports), tuple(failures))


def report_key(family: str, day: dt.date) -> str:
    """Where the report of a family and day lies in the artifacts bucket."""
    return f"monitoring/{family}/{day}.html"


def _unread(one: StoredFinding, measured: Collection[str]) -> bool:
    """Whether it is about a queue that was not read, or not compared with before: of a service that is away
    nobody knows what it lost.
    """
    if one.kind != "health" or not one.subject.startswith("queue "):
        return False
    if one.subject.endswith((LOST, SET_ASIDE)):
        return not {one.subject, NEWLY} <= set(measured)
    return f"{one.subject}: rows" not in measured


def _judged(day: FamilyDay) -> frozenset[str]:
    """The subjects that had rows enough on a family's day."""
    return day.subjects | day.parts


def _stays(
    one: StoredFinding, ran: Collection[tuple[str, str]], compared: Collection[tuple[str, str]], at: dt.datetime
) -> bool:
    """Whether an open finding that was not found stays: it was not looked for, had too few rows, or was there
    a day ago: a figure around its bar must not end and begin a finding each other day.
    """
    if (one.kind, one.family) not in ran:
        return True
    by_rows = one.kind == "drift" or one.subject.startswith(BY_ROWS.get(one.kind, ()))
    if by_rows and (one.family, one.subject) not in compared:
        return True
    return one.kind in JUDGED and at.date() - one.last_seen_at.astimezone(dt.UTC).date() < STEADY


def _is_latest(parts: Platform, seen: Seen, check: Check, today: dt.date) -> bool:
    day = today if check in OF_NOW else seen.day
    before = latest_day(parts.engine, seen.family, _counted(check))
    return before is None or day >= before


def _figures(parts: Platform, seen: Seen, today: dt.date, at: dt.datetime) -> None:
    """The figures, and how many findings each check had: what is wrong has its trend too."""
    counts: Counter[str] = Counter(one.check for one in seen.findings)
    of_day = [*seen.figures, *_counts(seen, counts, of_now=False)]
    of_now = [*seen.figures_now, *_counts(seen, counts, of_now=True)]
    for day, figures in ((seen.day, of_day), (today, of_now)):
        upsert_figures(parts.engine, seen.family, day, figures, version=seen.version, at=at)


def _counts(seen: Seen, counts: Counter[str], *, of_now: bool) -> list[Figure]:
    return [Figure(_counted(check), float(counts[check])) for check in seen.ran if (check in OF_NOW) == of_now]


def _counted(check: str) -> str:
    return f"findings.{check}"


def _report(parts: Platform, seen: Seen, at: dt.datetime, run_id: str | None) -> Report | None:
    if seen.judged is None:
        return None
    from models.monitoring.report import report_html

    title, pages = get_family(seen.family).title, parts.settings.admin_ui_url
    links = {
        "All findings": f"{pages}/monitoring/{seen.family}",
        "Models": f"{pages}/models/{seen.family}",
        "MLflow": parts.settings.mlflow_ui_url,
    }
    html = report_html(seen.day, title, seen.judged, links)
    report = Report(
        family=seen.family,
        day=seen.day,
        key=report_key(seen.family, seen.day),
        version=seen.version,
        findings=len(seen.judged.findings),
        run_id=run_id,
        made_at=at,
    )
    parts.store.put(report.key, html)
    record_report(parts.engine, report)
    return report


def address(base: str, finding: Finding) -> str | None:
    """Where a person finds more of it, as an address: a path is one of the admin pages."""
    if finding.link is None or not finding.link.startswith("/"):
        return finding.link
    return f"{base}{finding.link}"
