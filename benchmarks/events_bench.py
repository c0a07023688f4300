"""``POST /api/v1/events`` in batches beside the plain FastAPI service of :mod:`benchmarks.plain_event_service`.

Both run as processes with one worker on one PostgreSQL, a private cluster as `assay up` runs it; a third
process sends to them in turns. The clock runs until every event is in the table, where all are counted. Ours
has each event on the disk (fsync) before it answers, and in the database soon after; theirs commits first.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from benchmarks.database import bench_database, database_environment
from benchmarks.serving_bench import ROOT, process, row, service_environment
from config.settings import Settings
from local.ports import free_port

CLIENTS, SECONDS, ROUNDS = 8, 5, 3
BATCHES = (100, 10)
WAIT_SECONDS = 120.0


def run() -> list[dict[str, Any]]:
    with ExitStack() as stack:
        engine, settings, folder = stack.enter_context(bench_database())
        ours = stack.enter_context(_service(settings, folder, "ours"))
        other = stack.enter_context(_service(settings, folder, "plain"))
        rows: list[dict[str, Any]] = []
        for size in BATCHES:
            rows += _compare(engine, ours, other, size)
        return rows


def _service(settings: Settings, folder: Path, name: str) -> Any:
    port = free_port()
    plain = name == "plain"
    app = ["benchmarks.plain_event_service:app"] if plain else ["--factory", "benchmarks.events_service:make"]
    more = {"DATABASE_URL": settings.database_url()} if plain else {}
    environment = {
        **service_environment(settings.home, port, "recommendation"),
        **database_environment(settings),
        **more,
    }
    return process(
        [sys.executable, "-m", "uvicorn", *app, "--port", str(port), "--no-access-log", "--lifespan", "off"],
        {**os.environ, **environment},
        f"http://127.0.0.1:{port}",
        folder / f"{name}.log",
    )


def _compare(engine: Engine, ours: str, other: str, size: int) -> list[dict[str, Any]]:
    sides = ((ours, "events"), (other, "plain_events"))
    found: dict[str, list[dict[str, float]]] = {table: [] for _, table in sides}
    for number in range(ROUNDS + 1):
        for url, table in sides:
            one = _round(engine, url, table, size, seed=1000 * size + number)
            if number:  # the first one warms up
                found[table].append(one)
    mine, theirs = (
        {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
        for rounds in found.values()
    )
    at = f"batches of {size}, {CLIENTS} clients"
    note = "until all are in the table, where they were counted"
    return [
        row(f"events a second, {at}", mine["per_second"], theirs["per_second"], "1/s", note),
        *(
            row(f"{part}, {at}", mine[part], theirs[part], "ms", "of a batch", less_is_better=True)
            for part in ("p50", "p99")
        ),
        {
            "figure": f"last event in the table, {at}", "ours": 1000 * mine["behind"], "other": None,
            "ratio": None, "unit": "ms", "note": "after the last answer",
        },
    ]  # fmt: skip


def _round(engine: Engine, url: str, table: str, size: int, *, seed: int) -> dict[str, float]:
    before = _count(engine, table)
    began = time.perf_counter()
    command = [
        sys.executable, "-m", "benchmarks.event_load", f"{url}/api/v1/events",
        *map(str, (CLIENTS, size, SECONDS, seed)),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(f"the load on {url} broke off: {done.stderr[-2000:]}")
    sent: dict[str, float] = json.loads(done.stdout)
    answered = time.perf_counter()
    if sent["failures"]:
        raise RuntimeError(f"{url} failed {sent['failures']} times")
    while _count(engine, table) - before < sent["events"]:
        if time.perf_counter() - answered > WAIT_SECONDS:
            raise RuntimeError(f"{table} has fewer events than were sent")
        time.sleep(0.05)
    behind = time.perf_counter() - answered
    assert _count(engine, table) - before == sent["events"], "an event was counted twice"
    # the load generator's own start is no part of it
    return sent | {"behind": behind, "per_second": sent["events"] / (sent["seconds"] + behind), "began": began}


def _count(engine: Engine, table: str) -> int:
    query = text("select count(*) from events" if table == "events" else "select count(*) from plain_events")
    with engine.connect() as connection:
        return int(connection.execute(query).scalar() or 0)
