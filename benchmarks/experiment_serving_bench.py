"""``/select`` beside the plain FastAPI service of :mod:`benchmarks.plain_experiment_service`.

Both run as processes with one worker on one PostgreSQL, a private cluster as `assay up` runs it (a commit is
on the disk before it is answered); a third process loads them in turns. Ours writes the decision with its
propensity, counts it and asks whether the experiment runs, in one transaction; the plain one writes a row.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Engine, text

from benchmarks.database import bench_database, database_environment
from benchmarks.serving_bench import interleaved, load, process, row, service_environment
from config.settings import Settings
from local.ports import free_port
from models.experiments.definition import parse_definition
from storage.experiments import change_state, create

VARIANTS = ("question", "number", "story")
CLIENTS = (1, 8, 32)
SECONDS, ROUNDS = 2.0, 3
POLICIES: dict[str, dict[str, Any]] = {
    "thompson": {"policy": {"kind": "thompson"}},
    "contextual": {
        "policy": {"kind": "contextual", "explorer": "epsilon"},
        "context": [{"name": "country"}, {"name": "hour", "kind": "number"}],
    },
}
BODIES: dict[str, dict[str, Any]] = {"thompson": {}, "contextual": {"context": {"country": "DE", "hour": 17.0}}}


def run() -> list[dict[str, Any]]:
    with ExitStack() as stack:
        engine, settings, folder = stack.enter_context(bench_database())
        _experiments(engine)
        ours, other = (
            stack.enter_context(_ours(settings, folder)),
            stack.enter_context(_plain(settings, folder)),
        )
        rows = []
        for name, body in BODIES.items():
            rows += _compare(ours, other, name, body, folder)
        rows += _rewards(ours, engine)
        return [*rows, _exact(engine)]


def _experiments(engine: Engine) -> None:
    at = datetime.now(UTC)
    for name, fields in POLICIES.items():
        value = {"id": name, "title": name, "variants": [{"name": each} for each in VARIANTS], **fields}
        create(engine, parse_definition(value).as_dict(), actor="bench", at=at)
        change_state(engine, name, "start", actor="bench", at=at)


def _ours(settings: Settings, folder: Path) -> Any:
    port = free_port()
    return process(
        [sys.executable, "-m", "serving.run", "ctr"],
        {**service_environment(settings.home, port, "ctr"), **database_environment(settings)},
        f"http://127.0.0.1:{port}",
        folder / "ours.log",
    )


def _plain(settings: Settings, folder: Path) -> Any:
    port = free_port()
    arguments = ["benchmarks.plain_experiment_service:app", "--port", str(port), "--no-access-log"]
    return process(
        [sys.executable, "-m", "uvicorn", *arguments],
        {**os.environ, "DATABASE_URL": settings.database_url(), "OMP_NUM_THREADS": "1"},
        f"http://127.0.0.1:{port}",
        folder / "plain.log",
    )


def _compare(ours: str, other: str, name: str, body: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    file, path = folder / f"{name}.json", f"/experiments/{name}/select"
    file.write_text(json.dumps(body))
    for url in (ours, other):
        answer = httpx.post(f"{url}{path}", json=body, timeout=10).json()
        assert answer["variant"] in VARIANTS
        assert answer["decision_id"], answer
        load(f"{url}{path}", file, 8, 1.0)
    rows = []
    for clients in CLIENTS:
        mine, theirs = interleaved(f"{ours}{path}", f"{other}{path}", file, clients)
        at, note = (
            f"{name}, {clients} client{'s' if clients > 1 else ''}",
            "write included, on both sides; the same question each time",
        )
        rows.append(row(f"POST /select, {at}", mine["per_second"], theirs["per_second"], "1/s", note))
        rows += [
            row(f"{part}, {at}", mine[part], theirs[part], "ms", note, less_is_better=True)
            for part in ("p50", "p99")
        ]
    return rows


def _rewards(ours: str, engine: Engine) -> list[dict[str, Any]]:
    """Rewards of decisions that are on record: one a call, and many; no decision is rewarded twice."""
    with engine.connect() as connection:
        query = text("select id::text from experiment_decisions where experiment_id = 'thompson' order by id")
        decisions = [identity for (identity,) in connection.execute(query)]
    url = f"{ours}/experiments/thompson/reward"
    times = []
    with httpx.Client(timeout=10) as client:
        for decision in decisions[:500]:
            began = time.perf_counter()
            assert client.post(url, json={"decision_id": decision, "value": 1}).json()["counted"]
            times.append(1000 * (time.perf_counter() - began))
        rest = decisions[500:5500]
        began = time.perf_counter()
        for start in range(0, len(rest), 1000):
            part = [{"decision_id": decision, "value": 0} for decision in rest[start : start + 1000]]
            assert client.post(url, json={"rewards": part}).json()["counted"] == len(part)
        took = time.perf_counter() - began
    note = "one after the other, from a Python client"
    none = {"other": None, "ratio": None}
    return [
        {
            "figure": "POST /reward, median",
            "ours": statistics.median(times),
            "unit": "ms",
            "note": note,
            **none,
        },
        {"figure": "rewards in calls of 1000", "ours": len(rest) / took, "unit": "1/s", "note": note, **none},
    ]


def _exact(engine: Engine) -> dict[str, Any]:
    """What was counted beside what is there, after all that."""
    with engine.connect() as connection:
        counted = connection.execute(text("select sum(decisions) from experiment_variants")).scalar()
        there = connection.execute(text("select count(*) from experiment_decisions")).scalar()
    assert counted == there, "the counts are wrong"
    note = "other: rows of decisions; the two must be equal"
    return row("decisions counted", float(counted or 0), float(there or 1), "", note)
