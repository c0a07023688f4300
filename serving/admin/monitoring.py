"""What the monitor found: what is wrong now, each figure over time, the daily reports, and what was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from config.errors import InputError, ObjectNotFound
from models.family import FAMILIES, get_family
from serving.admin.access import moment, require
from serving.admin.asking import ask
from serving.admin.formats import number, size
from serving.admin.monitoring_charts import Trend, trend
from serving.admin.pages import page
from serving.admin.parts import parts
from storage.monitor import (
    FigurePoint,
    Report,
    StoredFinding,
    actions,
    all_series,
    finding_history,
    last_measured,
    latest_reports,
    open_findings,
    report_of,
    reports,
)
from storage.monitor_tables import SEVERITIES
from storage.retention_runs import list_runs

#: What concerns no family is kept under this name in paths, and under '' in the tables.
PLATFORM = "platform"
SPANS = (30, 90, 365)
SHOWN = 20
#: Headings of the trends, in their order, and how the names of their figures begin; what is left is accuracy.
ACCURACY = "Accuracy as outcomes come in"
GROUPS = {
    ACCURACY: (),
    "The version that is tried": ("rollout",),
    "Drift of features and answers": ("drift of ",),
    "What was answered": (
        "rows", "predictions", "fallback", "latency", "promotions", "decisions", "accepted", "volume",
    ),
    "Services": ("service ",),
    "Queues": ("queue ", "rows lost or set aside"),
    "Runs": ("prefect",),
    "Stores": ("database", "object store", "mlflow", "redis"),
    "The machine": ("disk", "memory"),
    "Ages": ("age of ",),
    "Findings of each check": ("findings.",),
}  # fmt: skip
#: A report is a page of its own: it may have styles and pictures inside, and nothing that runs or loads.
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"


@dataclass(frozen=True)
class Place:
    """A family, or the platform, in the overview."""

    name: str
    title: str
    findings: list[StoredFinding]
    measured: datetime | None
    report: Report | None


@require("viewer")
def overview(request: Request) -> Response:
    """What is wrong now, worst first, and each family at a glance."""
    engine = parts(request).engine
    found, measured, last = worst_first(engine), last_measured(engine), latest_reports(engine)
    places = [
        Place(
            name,
            title_of(_key(name)),
            [one for one in found if one.family == _key(name)],
            measured.get(_key(name)),
            last.get(name),
        )
        for name in (PLATFORM, *FAMILIES)
    ]
    return page(
        request,
        "monitoring.html",
        findings=found,
        places=places,
        actions=actions(engine, limit=SHOWN),
        title_of=title_of,
    )


@require("viewer")
def family(request: Request) -> Response:
    """One family: what is wrong, the trends of its figures, its reports."""
    name = _name(request)
    engine, key = parts(request).engine, _key(name)
    span = _span(request)
    today = moment().date()
    first = today - timedelta(days=span)
    return page(
        request,
        "monitoring_family.html",
        place=name,
        title=title_of(key),
        names=[(one, title_of(_key(one))) for one in (PLATFORM, *FAMILIES)],
        findings=worst_first(engine, key),
        past=[one for one in finding_history(engine, key) if one.ended_at is not None],
        groups=groups(all_series(engine, key, first), first, today),
        reports=reports(engine, key),
        actions=actions(engine, key, limit=SHOWN) if key else [],
        span=span,
        spans=SPANS,
        first=first,
        today=today,
    )


@require("viewer")
def report(request: Request) -> Response:
    """The report of a day, as it was written then."""
    name, found = _name(request), parts(request)
    try:
        day = date.fromisoformat(request.path_params["day"])
    except ValueError:
        raise InputError("A report is named by its day, as 2026-11-29.") from None
    stored = report_of(found.engine, _key(name), day)
    if stored is None:
        raise HTTPException(404, f"There is no report of {title_of(_key(name))} for {day}.")
    answer = ask(lambda: found.store.get(stored.key))
    if isinstance(answer.problem, ObjectNotFound):
        raise HTTPException(404, f"The report of {day} is not in the object store any more.")
    if answer.problem is not None:
        raise answer.problem
    headers = {"content-security-policy": REPORT_POLICY}
    return Response(answer.value, media_type="text/html; charset=utf-8", headers=headers)


@require("viewer")
def retention(request: Request) -> Response:
    """What the runs of retention would have deleted, and what they deleted."""
    return page(
        request, "monitoring_retention.html", runs=list_runs(parts(request).engine, SHOWN), amounts=amounts
    )


def worst_first(engine: Engine, key: str | None = None) -> list[StoredFinding]:
    """Findings that hold, by severity, and of one severity the largest drift first."""
    found = open_findings(engine, key)
    return sorted(found, key=lambda one: (-SEVERITIES.index(one.severity), -float(one.figures.get("psi") or 0)))


def amounts(totals: Mapping[str, Any]) -> str:
    """Totals of one kind of thing in words: numbers by unit, and bytes where they are known."""
    counts = [f"{number(count)} {unit}" for unit, count in totals.items() if unit != "bytes" and count]
    return ", ".join([*counts, *([size(totals["bytes"])] if totals.get("bytes") else [])]) or "nothing"


def groups(series: dict[str, list[FigurePoint]], first: date, last: date) -> list[tuple[str, list[Trend]]]:
    """Charts under their headings, in the order of ``GROUPS``; within a group the figures by name."""
    found: dict[str, list[Trend]] = {}
    for name, points in series.items():
        found.setdefault(_heading(name), []).append(trend(name, points, first, last))
    return [(heading, found[heading]) for heading in GROUPS if heading in found]


def _heading(name: str) -> str:
    return next((heading for heading, begins in GROUPS.items() if name.startswith(begins)), ACCURACY)


def title_of(key: str) -> str:
    """What a family, or ('') the platform, is called."""
    return get_family(key).title if key else "Platform"


def _name(request: Request) -> str:
    name: str = request.path_params["family"]
    if name != PLATFORM:
        get_family(name)
    return name


def _key(name: str) -> str:
    return "" if name == PLATFORM else name


def _span(request: Request) -> int:
    text = request.query_params.get("days", str(SPANS[0]))
    if text not in map(str, SPANS):
        raise InputError(f"Trends reach back {', '.join(map(str, SPANS))} days, not {text!r}.")
    return int(text)


ROUTES = [
    Route("/monitoring", overview),
    Route("/monitoring/retention", retention),
    Route("/monitoring/{family}", family),
    Route("/monitoring/{family}/reports/{day}", report),
]
