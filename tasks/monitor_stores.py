"""How the stores are: PostgreSQL and what waits in it, the object store, MLflow, the disk and the memory."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import time
from pathlib import Path

from config.settings import Settings
from models.monitoring.contract import Figure, Finding
from storage import monitor_health
from storage.database import make_engine, schema_revisions
from tasks.monitor_looked import Looked, platform_finding

#: Share of the connections in use from which on somebody should look, and from which on it is urgent.
BUSY, FULL = 0.8, 0.95
#: A transaction that has been open so long keeps the server from cleaning up.
LONG_TRANSACTION = dt.timedelta(hours=1)
#: What waits longer than this was forgotten by its worker.
WAITING = dt.timedelta(minutes=30)
LEAST_MEMORY = 0.05
#: Contents that a finding names.
NAMED = 5


def look_at_database(settings: Settings, at: dt.datetime) -> Looked:
    """Raises DatabaseUnavailable."""
    engine = make_engine(settings, pool_size=1, connect_seconds=2)
    try:
        found = monitor_health.server(engine)
        have, want = schema_revisions(engine)
        if have != want:
            sentence = (
                f"The database's tables are at revision {have or 'none'}, and this code wants {want}: "
                "run `assay up`."
            )
            return Looked((), (platform_finding("database tables", "critical", sentence),))
        since = at - dt.timedelta(days=1)
        waiting = _queues(
            monitor_health.queues(engine),
            monitor_health.given_up(engine, since),
            at,
            {"contents": _analyze_again(monitor_health.contents_given_up(engine, since, most=NAMED))},
        )
        candidates = [
            Figure(f"queue candidates of {one.name}: rows", float(one.waiting))
            for one in monitor_health.candidates_waiting(engine)
        ]
    finally:
        engine.dispose()
    figures = (
        Figure("database: connections", float(found.connections)),
        Figure("database: bytes", float(found.size)),
        Figure("database: oldest transaction, seconds", found.oldest_transaction),
    )
    return Looked((*figures, *waiting.figures, *candidates), (*_server(found), *waiting.findings))


def _server(found: monitor_health.Server) -> list[Finding]:
    used = found.connections / max(found.most_connections, 1)
    findings = []
    if used >= BUSY:
        sentence = (
            f"{found.connections} of {found.most_connections} connections to PostgreSQL are in use: "
            "new ones may be refused."
        )
        findings.append(
            platform_finding("database connections", "critical" if used >= FULL else "warning", sentence)
        )
    if found.oldest_transaction > LONG_TRANSACTION.total_seconds():
        sentence = (
            f"A transaction has been open in PostgreSQL for {found.oldest_transaction / 3600:.1f} hours: "
            "find and end it."
        )
        findings.append(platform_finding("database transaction", "warning", sentence))
    return findings


def _analyze_again(contents: list[str]) -> str:
    """What to do about contents whose analysis was given up: nothing looks at them again by itself."""
    asked = json.dumps(contents, ensure_ascii=False)
    return f" Have them analyzed again: `assay flows run analyze-content --param 'content_ids={asked}'`."


def _queues(
    queues: list[monitor_health.Queue], given_up: dict[str, int], at: dt.datetime, advice: dict[str, str]
) -> Looked:
    """What waits and what was given up; ``advice`` about the latter, by queue."""
    figures, findings = [], []
    for one in queues:
        figures.append(Figure(f"queue {one.name}: rows", float(one.waiting)))
        if one.oldest is not None and at - one.oldest > WAITING:
            sentence = (
                f"{one.waiting} {one.name} wait, the oldest since {_span(at - one.oldest)}. "
                "See `assay logs content-worker`."
            )
            findings.append(platform_finding(f"queue {one.name}", "warning", sentence))
        if given_up.get(one.name):
            sentence = f"{given_up[one.name]} {one.name} were given up in the last day, after several tries."
            sentence += advice.get(one.name, "")
            findings.append(platform_finding(f"{one.name} given up", "warning", sentence))
    return Looked(tuple(figures), tuple(findings))


def look_at_objects(settings: Settings) -> Looked:
    """Write, read and remove a small object. Raises StoreError."""
    from storage.objects import open_store

    started = time.monotonic()
    open_store(settings, retries=1, timeout=3).check()
    return Looked((Figure("object store: milliseconds", (time.monotonic() - started) * 1e3),))


def look_at_mlflow(settings: Settings) -> Looked:
    """Raises RegistryUnavailable."""
    from registry.api import MlflowApi

    api, started = MlflowApi(settings.mlflow_url, timeout=2, attempts=1), time.monotonic()
    try:
        api.check()
    finally:
        api.close()
    return Looked((Figure("mlflow: milliseconds", (time.monotonic() - started) * 1e3),))


def look_at_disk(settings: Settings) -> Looked:
    """The disk of ASSAY_HOME, by its share that is free."""
    place = next(one for one in (settings.home, *settings.home.parents) if one.exists())
    found = shutil.disk_usage(place)
    share, least = found.free / found.total, settings.monitor_disk_free
    figure = Figure("disk: free share", share)
    if share >= least:
        return Looked((figure,))
    sentence = (
        f"The disk of {settings.home} has {found.free / 2**30:,.1f} GB free, {share:.0%} of it, "
        f"of at least {least:.0%}. "
        "See `assay datasets gc` and the retention settings."
    )
    return Looked(
        (figure,), (platform_finding("disk", "critical" if share < least / 2 else "warning", sentence),)
    )


def look_at_memory(meminfo: Path = Path("/proc/meminfo")) -> Looked:
    """The machine's memory, where Linux says how it is."""
    if not meminfo.exists():
        return Looked()
    said = {
        line.split(":")[0]: int(line.split()[1]) for line in meminfo.read_text().splitlines() if ":" in line
    }
    share = said["MemAvailable"] / said["MemTotal"]
    figure = Figure("memory: available share", share)
    if share >= LEAST_MEMORY:
        return Looked((figure,))
    return Looked(
        (figure,),
        (platform_finding("memory", "warning", f"{share:.0%} of this machine's memory is available."),),
    )


def _span(span: dt.timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.1f} hours"
