"""How Prefect is: its API, its workers, runs that are late, and flows whose last run failed."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

from config.settings import Settings
from models.monitoring.contract import PLATFORM, Figure, Finding
from tasks.flow_client import FlowClient
from tasks.flow_records import FlowRun
from tasks.monitor_looked import Looked

#: A worker says every 30 s that it is there.
SILENT = dt.timedelta(seconds=120)
#: A run that should have begun so long ago waits for a worker that has no room, or is none.
LATE = dt.timedelta(minutes=15)
DAY = dt.timedelta(days=1)
FAILED = ("FAILED", "CRASHED")


def look_at_prefect(settings: Settings, at: dt.datetime) -> Looked:
    """Raises FlowUnavailable: its API does not answer."""
    with FlowClient(settings, timeout=3, connect_timeout=2, attempts=1) as client:
        workers = client.workers(settings.prefect_work_pool)
        late = client.late_runs(at - LATE)
        ended = client.ended_runs(at - DAY)
    findings = [*_workers(settings, workers, at), *_late(settings, late), *_failed(settings, ended)]
    states = Counter(run.state for run in ended)
    figures = (
        Figure("prefect: workers online", float(sum(_online(one, at) for one in workers))),
        Figure("prefect: late runs", float(len(late))),
        Figure("prefect: runs completed in a day", float(states["COMPLETED"])),
        Figure("prefect: runs failed in a day", float(sum(states[name] for name in FAILED))),
    )
    return Looked(figures, tuple(findings))


def _online(worker: dict[str, Any], at: dt.datetime) -> bool:
    heard = worker.get("last_heartbeat_time")
    return bool(
        worker.get("status") == "ONLINE" and heard and at - dt.datetime.fromisoformat(str(heard)) <= SILENT
    )


def _workers(settings: Settings, workers: list[dict[str, Any]], at: dt.datetime) -> list[Finding]:
    if any(_online(one, at) for one in workers):
        return []
    sentence = (
        f"No worker of the pool '{settings.prefect_work_pool}' is online: no flow runs. "
        "See `assay status` and `assay logs worker`."
    )
    return [_finding(settings, "prefect worker", "critical", sentence, "work-pools")]


def _late(settings: Settings, late: list[FlowRun]) -> list[Finding]:
    if not late:
        return []
    names = ", ".join(sorted({run.deployment or run.name for run in late}))
    sentence = f"{len(late)} runs should have begun more than {LATE.seconds // 60} minutes ago: {names}."
    return [_finding(settings, "late runs", "warning", sentence, "runs?state=Late")]


def _failed(settings: Settings, ended: list[FlowRun]) -> list[Finding]:
    """A finding for each deployment whose last run of the day failed; one that went well since is none."""
    last: dict[str, FlowRun] = {}
    for run in ended:
        before = last.get(run.deployment)
        if run.deployment and (before is None or (run.ended_at or _NEVER) > (before.ended_at or _NEVER)):
            last[run.deployment] = run
    return [
        _finding(
            settings,
            f"run of {name}",
            "warning",
            f"The last run of {name} {run.state.lower()}: {(run.message or run.state_name)[:300].rstrip('.')}.",
            f"runs/flow-run/{run.id}",
        )
        for name, run in sorted(last.items())
        if run.state in FAILED
    ]


_NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)


def _finding(settings: Settings, subject: str, severity: Any, sentence: str, place: str) -> Finding:
    return Finding("health", PLATFORM, subject, severity, sentence, f"{settings.prefect_ui_url}/{place}")
